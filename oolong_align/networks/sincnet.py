"""The convolutions of a segmentation graph; overlapping windows share the first one.

Without sharing, the segmentation of two minutes of conversation takes 1.34 times as long, at the default step of 1.33 s
as well as at 1 s (CPU time on one thread; median of interleaved runs, 1.29 to 1.36).

References
----------
Ravanelli & Bengio, "Speaker recognition from raw waveform with SincNet", SLT 2018.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from oolong_align.networks.segmentation_graph import (
    POOLED,
    RECIPE_VERSION,
    STRIDE_SAMPLES,
    Extract,
    extract_convolutions,
    extract_filters,
)
from oolong_align.networks.session import open_session
from oolong_align.timing.grid import WINDOW_SAMPLES
from oolong_align.types import FloatArray
from oolong_align.weights import derive


def derive_part(path: Path, build: Extract) -> Path:
    """Path of a cached part of a segmentation graph, built by a function of `networks.segmentation_graph`."""
    return derive(
        path,
        recipe=f"segmentation-{build.__name__}",
        version=RECIPE_VERSION,
        suffix=".onnx",
        build=lambda target: build(path, target),
    )


class SharedSincNet:
    """Computes the features of windows for the recurrent layers.

    Raises
    ------
    ModelError
        If the graph at ``path`` cannot be split.
    """

    def __init__(self, path: Path, *, providers: Sequence[str] = ()) -> None:
        filters, convolutions = (derive_part(path, build) for build in (extract_filters, extract_convolutions))
        self._filters = open_session(filters, inputs={"samples": (1, 1, None)}, outputs={}, providers=providers)
        self._convolutions = open_session(convolutions, inputs={}, outputs={0: (1, None, None)}, providers=providers)
        self._length: int = self._convolutions.get_inputs()[0].shape[2]

    def __call__(self, samples: FloatArray, step_samples: int, windows: npt.NDArray[np.int64]) -> FloatArray:
        """Features of the chosen windows of a block of samples.

        Parameters
        ----------
        samples : ndarray, shape (160000 + n * step,)
            ``float32``.
        step_samples : int
            Distance between the starts of two windows. If it is a multiple of 10, windows share the filters. The
            features of a window are bit-identical wherever the block starts.
        windows : ndarray
            Indices of the chosen windows in the block.

        Returns
        -------
        ndarray, shape (windows, C, T)
            ``float32``.
        """
        if step_samples % STRIDE_SAMPLES:
            first = np.zeros(1, dtype=np.int64)
            each = (samples[window * step_samples :][:WINDOW_SAMPLES] for window in windows)
            return np.concatenate([self(alone, WINDOW_SAMPLES, first) for alone in each])
        filtered = self._filter(samples)
        means, variances = _moments(samples, step_samples, windows)
        extrema: dict[int, tuple[FloatArray, FloatArray]] = {}
        features = []
        for window, mean, variance in zip(windows, means, variances, strict=True):
            start, phase = divmod(int(window) * step_samples // STRIDE_SAMPLES, POOLED)
            if phase not in extrema:
                extrema[phase] = _pool(filtered, phase)
            highest, lowest = (values[None, :, start : start + self._length] for values in extrema[phase])
            inputs = {
                "window_highest": highest,
                "window_lowest": lowest,
                "window_mean": mean.reshape(1, 1, 1),
                "window_variance": variance.reshape(1, 1, 1),
            }
            features.append(self._convolutions.run(None, inputs)[0])
        return np.concatenate(features)

    def _filter(self, samples: FloatArray) -> FloatArray:
        """Output of the filters, ``(3, K, time)``: ``[j, :, t]`` belongs to the samples from ``30 t + 10 j`` on.

        Three runs compute every third output each, so that an output does not depend on its position in the block.
        """
        length = len(samples) + STRIDE_SAMPLES
        padded = np.pad(samples, (0, POOLED * STRIDE_SAMPLES))
        starts = range(0, POOLED * STRIDE_SAMPLES, STRIDE_SAMPLES)
        runs = [self._filters.run(None, {"samples": padded[None, None, at : at + length]})[0] for at in starts]
        return np.concatenate(runs)


def _pool(filtered: FloatArray, phase: int) -> tuple[FloatArray, FloatArray]:
    """Maximum and minimum of every three outputs, starting at ``phase``: two arrays ``(K, time - 1)``."""
    length = filtered.shape[2] - 1
    places = [divmod(phase + offset, POOLED) for offset in range(POOLED)]
    one, two, three = (filtered[row, :, later : later + length] for later, row in places)
    highest, lowest = np.maximum(one, two), np.minimum(one, two)
    return np.maximum(highest, three, out=highest), np.minimum(lowest, three, out=lowest)


def _moments(samples: FloatArray, step_samples: int, windows: npt.NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    """Mean and variance of each window, from sums over blocks that no window splits."""
    size = math.gcd(step_samples, WINDOW_SAMPLES)
    blocks = samples.reshape(-1, size)
    sums = np.stack([blocks.sum(axis=1, dtype=np.float64), np.square(blocks, dtype=np.float64).sum(axis=1)])
    firsts, length = windows * step_samples // size, WINDOW_SAMPLES // size
    mean, square = np.stack([sums[:, first : first + length].sum(axis=1) for first in firsts], axis=1) / WINDOW_SAMPLES
    return mean.astype(np.float32), (square - np.square(mean)).astype(np.float32)
