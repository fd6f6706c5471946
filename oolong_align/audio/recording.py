"""Recordings as 16 kHz mono samples, decoded once and read in any order, in bounded memory.

FFmpeg (through PyAV) decodes the first audio stream of a media file; the channels are averaged and resampled. Short
recordings stay in RAM. Long ones go to an anonymous temporary file that is read in blocks and never mapped, because
touched pages of a mapping count as memory of the process. Only the given local file is opened: playlists and session
descriptions that refer to other files or URLs are refused. This module does not normalise the volume and does not
select streams or channels.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from oolong_align.errors import AudioError, InputError
from oolong_align.timing.grid import samples_to_seconds, seconds_to_samples
from oolong_align.types import FloatArray, Progress
from oolong_align.util.scratch import ScratchFile, scratch_folder

__all__ = ["Audio", "load_audio"]

# Full scale is 1. 32-bit float recorders reach +18 dB; higher peaks mean that the samples use another unit.
MAX_PEAK: Final = 8.0
_FINGERPRINT_BLOCKS: Final = 64
_FINGERPRINT_SAMPLES: Final = 4000


class Audio:
    """A recording as 16 kHz mono float32 samples; close it after use, or use a ``with`` statement.

    Create it with `load_audio`. Threads and forked processes can read concurrently, even while another one closes it.

    Attributes
    ----------
    num_samples : int
        Length in samples.
    duration : float
        Length in seconds.
    path : Path or None
        The decoded file, or ``None`` for an array.
    warnings : tuple of str
        Problems that the user should know about, such as damaged or missing parts, one sentence each.
    """

    def __init__(
        self, store: FloatArray | ScratchFile, num_samples: int, path: Path | None, warnings: tuple[str, ...] = ()
    ) -> None:
        self._store: FloatArray | ScratchFile | None = store
        self.num_samples = num_samples
        self.path = path
        self.warnings = warnings

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return samples_to_seconds(self.num_samples)

    @property
    def stem(self) -> str:
        """File name without folder and suffix, or an empty string for an array."""
        return self.path.stem if self.path else ""

    def read(self, start: int, stop: int) -> FloatArray:
        """Return the samples ``[start, stop)``, clipped to the recording.

        Parameters
        ----------
        start, stop : int
            Positions in samples.

        Returns
        -------
        ndarray, float32, shape (samples,)
            Read-only array.

        Raises
        ------
        ValueError
            If the recording is closed.
        AudioError
            If the temporary file cannot be read.
        """
        start = min(max(start, 0), self.num_samples)
        stop = min(max(stop, start), self.num_samples)
        store = self._store
        if store is None:
            raise ValueError("The recording is closed. Load it again.")
        if isinstance(store, np.ndarray):
            return store[start:stop]
        size = np.dtype(np.float32).itemsize
        try:
            return np.frombuffer(store.read(start * size, (stop - start) * size), dtype=np.float32)
        except OSError as error:
            raise AudioError(f"{self.path}: Could not read back the decoded samples ({error}). Try again.") from error

    def blocks(self, size: int) -> Iterator[FloatArray]:
        """Yield consecutive blocks of ``size`` samples; the last one may be shorter.

        Raises
        ------
        ValueError
            If ``size`` is not positive.
        """
        if size <= 0:
            raise ValueError(f"Invalid size {size}: must be positive")
        for start in range(0, self.num_samples, size):
            yield self.read(start, start + size)

    def fingerprint(self) -> str:
        """Return a digest that identifies the recording: of its length and of 64 blocks of 0.25 s spread over it."""
        digest = hashlib.sha256(str(self.num_samples).encode())
        last = max(self.num_samples - _FINGERPRINT_SAMPLES, 0)
        for start in np.linspace(0, last, _FINGERPRINT_BLOCKS).astype(int).tolist():
            digest.update(self.read(start, start + _FINGERPRINT_SAMPLES).astype("<f4").tobytes())
        return digest.hexdigest()[:32]

    def close(self) -> None:
        """Free the samples and delete the temporary file. Closing twice is harmless."""
        self._store = None

    def __enter__(self) -> Audio:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Audio({str(self.path or 'array')!r}, {self.duration:.3f} s)"


def load_audio(
    source: str | os.PathLike[str] | npt.NDArray[Any] | Audio,
    *,
    progress: Progress | None = None,
    in_memory_s: float = 600.0,
) -> Audio:
    """Open a recording.

    Parameters
    ----------
    source : path, ndarray or Audio
        A local audio or video file that FFmpeg can read; or 16 kHz mono samples, float32 in [-1, 1], shape
        ``(samples,)``, which are not copied; or an `Audio`, which is returned unchanged.
    progress : callable, optional
        Called as ``progress("decoding", done_seconds, total_seconds)``; the total comes from the file's header.
    in_memory_s : float
        Recordings up to this many seconds stay in RAM (64 kB per second). Longer ones go to the folder for temporary
        files; set the environment variable TMPDIR to choose another folder.

    Returns
    -------
    Audio
        Close it after use. Times match those of a player: a gap in the stream's timestamps becomes silence.

    Raises
    ------
    InputError
        If an array has the wrong type, shape or scale.
    AudioError
        If the file cannot be opened, has no audio stream or cannot be decoded at all, or if the disk has no space for
        the decoded samples. Damaged parts are skipped and reported in ``Audio.warnings``.
    """
    if isinstance(source, Audio):
        return source
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if not isinstance(source, (str, os.PathLike)):
        raise InputError(
            f"Could not read audio from {type(source).__name__}. Give the path of a media file or a numpy array of "
            "float32 samples (16 kHz, mono)."
        )
    from oolong_align.audio.decoding import Decoder  # loads FFmpeg

    path = Path(os.fspath(source))
    decoder = Decoder(path, progress)
    with _Store(seconds_to_samples(in_memory_s)) as store:
        for block in decoder:
            problem = _problem(block)
            if problem:
                second = samples_to_seconds(store.num_samples)
                raise AudioError(f"{path}: Samples contain {problem} near {second:.1f} s. Repair the file.")
            try:
                store.append(block)
            except OSError as error:
                raise AudioError(
                    f"{path}: Could not store the decoded samples ({store.num_samples * 4 / 1e6:.0f} MB so far) in "
                    f"{scratch_folder()} ({error.strerror or error}). Free some space there, or set TMPDIR to "
                    "another folder."
                ) from error
        return Audio(store.detach(), store.num_samples, path, tuple(decoder.warnings))


def check_samples(samples: npt.NDArray[Any]) -> None:
    """Check that samples are ``float32`` mono in [-1, 1].

    Raises
    ------
    InputError
        If they are not; the message says how to convert them.
    """
    if not isinstance(samples, np.ndarray):
        raise InputError(
            f"Samples must be a numpy array, not {type(samples).__name__}. Convert with numpy.asarray(..., 'float32')."
        )
    if isinstance(samples, np.ma.MaskedArray):
        raise InputError("Samples must be a plain array, not a masked array. Fill the gaps with samples.filled(0).")
    if samples.dtype != np.float32:
        scale = " / 32768" if samples.dtype == np.int16 else ""
        raise InputError(
            f"Samples must be float32 in [-1, 1], not {samples.dtype}. Convert with samples.astype('float32'){scale}."
        )
    if samples.ndim != 1:
        raise InputError(
            f"Samples must be mono with shape (samples,), not {samples.shape}. Take the mean over the channels first."
        )
    problem = _problem(samples)
    if problem:
        raise InputError(
            f"Samples contain {problem}. Divide them by the full scale (32768 for 16 bits) and replace NaN with "
            "numpy.nan_to_num."
        )


def _from_array(samples: npt.NDArray[Any]) -> Audio:
    check_samples(samples)
    view = np.ascontiguousarray(samples).view()
    view.flags.writeable = False
    return Audio(view, len(view), None)


def _problem(samples: npt.NDArray[Any]) -> str | None:
    """Describe what makes samples unusable; ``None`` for valid samples."""
    peak = float(np.abs(samples).max(initial=0.0))
    if not np.isfinite(peak):
        return "NaN or infinity"
    return f"values up to {peak:g} (full scale is 1)" if peak > MAX_PEAK else None


class _Store:
    """Collects samples: in RAM up to a limit, then in a temporary file."""

    def __init__(self, in_memory: int) -> None:
        self.num_samples = 0
        self._in_memory = in_memory
        self._blocks: list[FloatArray] = []
        self._file: ScratchFile | None = None

    def append(self, samples: FloatArray) -> None:
        """Append samples, shape ``(samples,)``; `OSError` if the temporary file cannot be created or written."""
        self.num_samples += len(samples)
        self._blocks.append(samples)
        if self._file is None:
            if self.num_samples <= self._in_memory:
                return
            self._file = ScratchFile()
        for block in self._blocks:
            self._file.append(block.view(np.uint8).data)
        self._blocks.clear()

    def detach(self) -> FloatArray | ScratchFile:
        """Return the storage and give up ownership: a read-only array, or a file."""
        if self._file is not None:
            file, self._file = self._file, None
            return file
        samples = np.concatenate(self._blocks) if self._blocks else np.zeros(0, dtype=np.float32)
        self._blocks.clear()
        samples.flags.writeable = False
        return samples

    def __enter__(self) -> _Store:
        return self

    def __exit__(self, *_: object) -> None:
        self._file = None  # deletes the file unless it was detached, even if a traceback still refers to this object
