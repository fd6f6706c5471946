"""Storage of a recording's backbone frames between the embedding pass and the pooling."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from oolong_align.errors import OutputError
from oolong_align.types import FloatArray
from oolong_align.util.scratch import ScratchFile, scratch_folder

Mask = npt.NDArray[np.bool_]
Stored = npt.NDArray[np.float16]

_MEMORY_BYTES: Final = 64 * 2**20


class FrameStore:
    """Backbone frames of a recording in half precision, indexed by voice frames of 80 ms.

    More than 64 MB are stored in a temporary file. One thread appends; several threads and forked processes may read at
    the same time.

    Single precision takes 128 kB a second, 460 MB an hour. Half precision takes half of that and changes embeddings by
    a cosine distance of less than 1e-6.

    Parameters
    ----------
    channels : int
        Size of a frame.
    present : ndarray, shape (frames,), optional
        Which voice frames of the recording are stored; by default all, as many as are appended.
    rows : int
        Backbone frames in each voice frame.
    """

    def __init__(self, channels: int, present: Mask | None = None, *, rows: int = 1) -> None:
        self.channels = channels
        self._rows = rows
        self._indices = None if present is None else np.flatnonzero(present)
        self._length = 0 if present is None else len(present)
        self._stored = 0
        self._store: bytearray | ScratchFile = bytearray()

    def __len__(self) -> int:
        return max(self._length, self._stored)

    def append(self, frames: FloatArray | Stored) -> None:
        """Append the next present frames, ``(n rows, channels)``.

        Raises
        ------
        OutputError
            If the temporary file cannot be written.
        """
        data = frames.astype(np.float16, copy=False).tobytes()
        try:
            if isinstance(self._store, bytearray) and len(self._store) + len(data) > _MEMORY_BYTES:
                file = ScratchFile()
                file.append(self._store)
                self._store = file
            if isinstance(self._store, bytearray):
                self._store += data
            else:
                self._store.append(data)
        except OSError as error:
            raise OutputError(
                f"Could not write temporary data to {scratch_folder()} ({error.strerror or error}): an hour of audio "
                "takes 430 MB. Free some space or set TMPDIR to another folder"
            ) from error
        self._stored += len(frames) // self._rows

    def indices(self, first: int, last: int) -> npt.NDArray[np.int64]:
        """Indices of the stored frames in ``[first, last)``."""
        begin, end = self._range(first, last)
        return np.arange(begin, end) if self._indices is None else self._indices[begin:end]

    def read(self, first: int, last: int) -> FloatArray:
        """Stored frames in ``[first, last)``, ``float32[n rows, channels]``."""
        return self.read_stored(first, last).astype(np.float32)

    def read_stored(self, first: int, last: int) -> Stored:
        """`read` in half precision, ``float16[n rows, channels]``."""
        begin, end = self._range(first, last)
        frame_bytes = 2 * self._rows * self.channels
        start, size = begin * frame_bytes, (end - begin) * frame_bytes
        store = self._store
        data = store[start : start + size] if isinstance(store, bytearray) else store.read(start, size)
        return np.frombuffer(data, dtype=np.float16).reshape((end - begin) * self._rows, self.channels)

    def _range(self, first: int, last: int) -> tuple[int, int]:
        """Positions in the store of the frames ``[first, last)``."""
        if self._indices is None:
            begin, end = max(first, 0), min(last, self._stored)
        else:
            begin, end = (int(place) for place in np.searchsorted(self._indices, (first, last)))
        return begin, max(begin, end)
