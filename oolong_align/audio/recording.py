"""Recordings as 16 kHz mono samples, decoded once and read in any order, in bounded memory.

FFmpeg (through PyAV) reads the media file: its first audio stream, the mean of its channels, resampled. Short
recordings stay in RAM; long ones go to an anonymous temporary file that is read in blocks and never mapped, because
touched pages of a mapping count as memory of the process. Only the one local file is ever opened: a playlist or
session description that names other files or addresses is refused. There is no volume normalisation and no choice
of stream or channel here.
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

# Full scale is 1. Louder than this is not an overshoot (recorders with 32-bit floats reach +18 dB) but another unit.
MAX_PEAK: Final = 8.0
_FINGERPRINT_BLOCKS: Final = 64
_FINGERPRINT_SAMPLES: Final = 4000


class Audio:
    """A recording as 16 kHz mono float32 samples; close it, or use it in a ``with`` statement.

    Make one with `load_audio`. Threads and forked processes may read at once, also while another one closes it.

    Attributes
    ----------
    num_samples : int
        Length in samples.
    duration : float
        Length in seconds.
    path : Path or None
        The file it was decoded from, ``None`` for an array.
    warnings : tuple of str
        What the user should know about this file (damaged or missing parts), one sentence each.
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
        """File name without folder and suffix; empty for an array."""
        return self.path.stem if self.path else ""

    def read(self, start: int, stop: int) -> FloatArray:
        """Samples ``[start, stop)``, clipped to the recording.

        Parameters
        ----------
        start, stop : int
            In samples.

        Returns
        -------
        ndarray, float32, shape (samples,)
            Read-only.

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
            raise ValueError("this recording is closed: load it again")
        if isinstance(store, np.ndarray):
            return store[start:stop]
        size = np.dtype(np.float32).itemsize
        try:
            return np.frombuffer(store.read(start * size, (stop - start) * size), dtype=np.float32)
        except OSError as error:
            raise AudioError(f"{self.path}: cannot read back its decoded samples: {error}; try again") from error

    def blocks(self, size: int) -> Iterator[FloatArray]:
        """Consecutive blocks of ``size`` samples; the last one may be shorter.

        Raises
        ------
        ValueError
            If ``size`` is not positive.
        """
        if size <= 0:
            raise ValueError(f"size must be positive, not {size}")
        for start in range(0, self.num_samples, size):
            yield self.read(start, start + size)

    def fingerprint(self) -> str:
        """What tells recordings apart: a digest of the length and of 64 blocks of 0.25 s spread over the samples."""
        digest = hashlib.sha256(str(self.num_samples).encode())
        last = max(self.num_samples - _FINGERPRINT_SAMPLES, 0)
        for start in np.linspace(0, last, _FINGERPRINT_BLOCKS).astype(int).tolist():
            digest.update(self.read(start, start + _FINGERPRINT_SAMPLES).astype("<f4").tobytes())
        return digest.hexdigest()[:32]

    def close(self) -> None:
        """Free the samples and delete the temporary file; closing twice is harmless."""
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
        A local media file of any kind that FFmpeg reads, video included; or 16 kHz mono samples, float32 in [-1, 1],
        shape ``(samples,)``, which are not copied; or an `Audio`, which is returned as it is.
    progress : callable, optional
        Called as ``progress("decoding", done_seconds, total_seconds)``; the total is what the file claims.
    in_memory_s : float
        Recordings up to this many seconds stay in RAM (64 kB a second); longer ones go to the folder for temporary
        files, which the environment variable TMPDIR moves.

    Returns
    -------
    Audio
        Close it after use. Its times are those of a player: a gap in the time stamps of the stream becomes silence.

    Raises
    ------
    InputError
        If an array has another type, shape or scale.
    AudioError
        If the file cannot be opened, has no audio stream, or no sample of it can be decoded; if there is no room for
        the decoded samples. Damaged parts in the middle are skipped and told in ``Audio.warnings``.
    """
    if isinstance(source, Audio):
        return source
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if not isinstance(source, (str, os.PathLike)):
        raise InputError(
            f"cannot read audio from {type(source).__name__}: give the path of a media file or a numpy array of "
            "float32 samples (16 kHz, mono)"
        )
    from oolong_align.audio.decoding import Decoder  # loads FFmpeg

    path = Path(os.fspath(source))
    decoder = Decoder(path, progress)
    with _Store(seconds_to_samples(in_memory_s)) as store:
        for block in decoder:
            problem = _problem(block)
            if problem:
                second = samples_to_seconds(store.num_samples)
                raise AudioError(f"{path}: its samples hold {problem}, near {second:.1f} s: repair and save it again")
            try:
                store.append(block)
            except OSError as error:
                raise AudioError(
                    f"{path}: no room for its decoded samples ({store.num_samples * 4 / 1e6:.0f} MB so far) in "
                    f"{scratch_folder()}: {error.strerror or error}; free some space there, or set TMPDIR to "
                    "another folder"
                ) from error
        return Audio(store.detach(), store.num_samples, path, tuple(decoder.warnings))


def check_samples(samples: npt.NDArray[Any]) -> None:
    """Refuse samples that are not ``float32`` mono in [-1, 1].

    Raises
    ------
    InputError
        Names what is wrong, and the fix.
    """
    if not isinstance(samples, np.ndarray):
        raise InputError(
            f"samples must be a numpy array, not {type(samples).__name__}: use numpy.asarray(..., 'float32')"
        )
    if isinstance(samples, np.ma.MaskedArray):
        raise InputError("samples must be a plain array, not a masked one: fill the gaps with samples.filled(0)")
    if samples.dtype != np.float32:
        scale = " / 32768" if samples.dtype == np.int16 else ""
        raise InputError(
            f"samples must be float32 in [-1, 1], not {samples.dtype}: convert with samples.astype('float32'){scale}"
        )
    if samples.ndim != 1:
        raise InputError(
            f"samples must be mono with shape (samples,), not {samples.shape}: take the mean over the channels first"
        )
    problem = _problem(samples)
    if problem:
        raise InputError(f"samples hold {problem}: divide by the full scale (32768 for 16 bits), numpy.nan_to_num")


def _from_array(samples: npt.NDArray[Any]) -> Audio:
    check_samples(samples)
    view = np.ascontiguousarray(samples).view()
    view.flags.writeable = False
    return Audio(view, len(view), None)


def _problem(samples: npt.NDArray[Any]) -> str | None:
    """Say what makes samples unusable; ``None`` for good ones."""
    peak = float(np.abs(samples).max(initial=0.0))
    if not np.isfinite(peak):
        return "NaN or infinity"
    return f"values up to {peak:g} where full scale is 1" if peak > MAX_PEAK else None


class _Store:
    """Collects samples: in RAM up to a limit, then in a temporary file."""

    def __init__(self, in_memory: int) -> None:
        self.num_samples = 0
        self._in_memory = in_memory
        self._blocks: list[FloatArray] = []
        self._file: ScratchFile | None = None

    def append(self, samples: FloatArray) -> None:
        """Add samples, shape ``(samples,)``; `OSError` if the temporary file cannot be made or written."""
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
        """Give away what holds the samples: a read-only array or a file."""
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
        self._file = None  # deleted now, unless detach() has given it away, also while an error holds on to this
