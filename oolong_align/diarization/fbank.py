"""Kaldi filter-bank features for the networks of WeSpeaker and 3D-Speaker.

References
----------
Povey et al., "The Kaldi speech recognition toolkit", ASRU 2011 (``compute-fbank-feats``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import rfft
from scipy.sparse import csr_array

from oolong_align.audio.recording import Audio
from oolong_align.errors import ModelError
from oolong_align.timing.grid import FBANK_STEP_SAMPLES, FBANK_WIDTH_SAMPLES, SAMPLE_RATE, WINDOW_SAMPLES
from oolong_align.types import FloatArray

FbankWindow: TypeAlias = Literal["hamming", "povey"]
"""Window functions by their Kaldi names; "povey" is a Hann window to the power of 0.85."""

NUM_BINS: Final = 80
_INT16_SCALE: Final = 32768.0
_PREEMPHASIS: Final = np.float32(0.97)
_LOWEST_HZ: Final = 20.0
_FFT_SIZE: Final = 512
_WINDOWS: Final = {
    "hamming": np.hamming(FBANK_WIDTH_SAMPLES).astype(np.float32)[:, None],
    "povey": (np.hanning(FBANK_WIDTH_SAMPLES) ** 0.85).astype(np.float32)[:, None],
}
_TOOLKITS: Final[Mapping[str, FbankWindow]] = {"wespeaker": "hamming", "3d-speaker": "povey"}
_SHOWN: Final = 40
# Frames per pass, so that a pass fits the processor's cache.
_TOGETHER: Final = 256


def find_fbank_window(source: Path, metadata: Mapping[str, str]) -> FbankWindow:
    """Window function of the toolkit in a graph's metadata; WeSpeaker's if the metadata have no ``framework``.

    Published graphs store ``framework`` as "wespeaker" or "3d-speaker", and most of them the ``sample_rate``. A network
    also runs with the features of the other toolkit, but less accurately. Samples are scaled to 32768 for both
    toolkits. With 3D-Speaker's scale of 1, the energy floor of 1.2e-7 would mask speech in quiet recordings.

    Raises
    ------
    ModelError
        If the metadata name another toolkit, or a sample rate other than 16 kHz.
    """
    toolkit = metadata.get("framework", "").strip().lower() or "wespeaker"
    rate = metadata.get("sample_rate", "").strip() or str(SAMPLE_RATE)
    if toolkit not in _TOOLKITS:
        raise ModelError(
            f"{source}: unknown framework {toolkit[:_SHOWN]!r} in the metadata. Use a network of "
            f"{' or '.join(_TOOLKITS)}"
        )
    if rate != str(SAMPLE_RATE):
        raise ModelError(
            f"{source}: unsupported sample_rate {rate[:_SHOWN]!r} in the metadata. Use a network for {SAMPLE_RATE} Hz"
        )
    return _TOOLKITS[toolkit]


def count_fbank_frames(num_samples: int) -> int:
    """Number of complete 25 ms frames, 10 ms apart, in ``num_samples``."""
    if num_samples < FBANK_WIDTH_SAMPLES:
        return 0
    return 1 + (num_samples - FBANK_WIDTH_SAMPLES) // FBANK_STEP_SAMPLES


_MEAN_FRAMES: Final = count_fbank_frames(WINDOW_SAMPLES)


def read_fbank(audio: Audio, first: int, last: int, window: FbankWindow = "hamming") -> FloatArray:
    """Fbank frames ``[first, last)`` of a recording, ``(frames, 80)``."""
    start = first * FBANK_STEP_SAMPLES
    stop = (last - 1) * FBANK_STEP_SAMPLES + FBANK_WIDTH_SAMPLES
    return compute_fbank(audio.read(start, stop), window)


def read_mean_free_fbank(audio: Audio, first: int, last: int, window: FbankWindow = "hamming") -> FloatArray:
    """Fbank frames ``[first, last)`` minus the mean of the 10 s around each, shifted inwards near the ends."""
    total = count_fbank_frames(audio.num_samples)
    half = _MEAN_FRAMES // 2
    span = min(_MEAN_FRAMES, total)
    low = max(min(first - half, total - span), 0)
    high = min(max(last + half, span), total)
    features = read_fbank(audio, low, high, window)
    cumulative = np.zeros((len(features) + 1, NUM_BINS), dtype=np.float64)
    np.cumsum(features, axis=0, dtype=np.float64, out=cumulative[1:])
    begin = np.clip(np.arange(first, last) - half, 0, total - span) - low
    mean = (cumulative[begin + span] - cumulative[begin]) / span
    return (features[first - low : last - low] - mean).astype(np.float32)


def compute_fbank(samples: FloatArray, window: FbankWindow = "hamming") -> FloatArray:
    """Log mel energies of 80 bins: windows of 25 ms every 10 ms, no dither, no energy.

    A frame depends on its own 400 samples only. Blocks that start at multiples of 160 samples therefore have the same
    frames as the whole recording, except for rounding.

    Parameters
    ----------
    samples : ndarray, shape (samples,)
        ``float32`` at 16 kHz in [-1, 1].
    window : {"hamming", "povey"}
        Window function of the network's training; see `find_fbank_window`.

    Returns
    -------
    ndarray, shape (frames, 80)
        ``float32``.
    """
    features = np.empty((count_fbank_frames(len(samples)), NUM_BINS), dtype=np.float32)
    if not len(features):
        return features
    weights = _WINDOWS[window]
    frames = sliding_window_view(samples, FBANK_WIDTH_SAMPLES)[::FBANK_STEP_SAMPLES]
    for first in range(0, len(frames), _TOGETHER):
        windows = frames[first : first + _TOGETHER].T * np.float32(_INT16_SCALE)  # (400, frames)
        windows -= windows.mean(axis=0)
        windows[1:] -= _PREEMPHASIS * windows[:-1]
        windows[0] *= 1 - _PREEMPHASIS
        windows *= weights
        spectrum = rfft(windows, _FFT_SIZE, axis=0)[:-1]
        energies = _MEL_FILTERS @ (np.square(spectrum.real) + np.square(spectrum.imag))
        features[first : first + _TOGETHER] = np.log(np.maximum(energies, np.finfo(np.float32).eps)).T
    return features


def _mel(hertz: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.asarray(1127 * np.log1p(np.asarray(hertz) / 700))


def _mel_filters() -> csr_array:
    """Triangles of equal width on the mel scale between 20 Hz and half the sample rate, ``(80, 256)``."""
    edges = np.linspace(_mel(_LOWEST_HZ), _mel(SAMPLE_RATE / 2), NUM_BINS + 2)[:, None]
    places = _mel(np.arange(_FFT_SIZE // 2) * SAMPLE_RATE / _FFT_SIZE)
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    heights = np.minimum((places - low) / (middle - low), (high - places) / (high - middle))
    return csr_array(np.maximum(heights, 0).astype(np.float32))


_MEL_FILTERS: Final = _mel_filters()
