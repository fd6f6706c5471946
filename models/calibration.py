"""Calibrate the activation ranges of a network for 8-bit quantization, from histograms of the activations.

References
----------
Migacz, "8-bit inference with TensorRT", GPU Technology Conference 2017 (relative entropy); Wu et al., "Integer
quantization for deep learning inference: principles and empirical evaluation", 2020 (calibrations compared).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]

METHODS = ("minmax", "percentile-99.99", "percentile-99.999", "mse", "entropy")
BINS = 4096
LEVELS = 255
SHARES = np.linspace(0.2, 1, 81)
_TINY = 1e-12


class Histograms:
    """Histogram of each tensor: the first pass over all blocks finds the bounds, the second counts the values."""

    def __init__(self, count: int) -> None:
        self.low = np.zeros(count)
        self.high = np.zeros(count)
        self.counts = np.zeros((count, BINS))

    def widen(self, values: Sequence[Array]) -> None:
        """Extend the bounds of each tensor to the values of one block. The bounds always include 0."""
        self.low = np.minimum(self.low, [value.min() for value in values])
        self.high = np.maximum(self.high, [value.max() for value in values])

    def count(self, values: Sequence[Array]) -> None:
        """Count the values of one block for each tensor."""
        for row, value in enumerate(values):
            self.counts[row] += np.histogram(value, bins=BINS, range=(self.low[row], self.high[row]))[0]

    def bounds(self, row: int, method: str) -> tuple[float, float]:
        """Range of a tensor by one of `METHODS`, always including 0.

        ``minmax`` returns the observed range. ``percentile-P`` keeps the central P per cent of the values. The others
        search from a fifth of the observed range to the whole range: ``mse`` minimises the squared rounding error,
        ``entropy`` the relative entropy of the rounded distribution.
        """
        low, high = float(self.low[row]), float(self.high[row])
        if method == "minmax" or low == high:
            return low, high
        if method.startswith("percentile-"):
            return _percentile(self.counts[row], low, high, float(method.removeprefix("percentile-")) / 100)
        cost = {"mse": _squared_error, "entropy": _relative_entropy}[method]
        best = float(SHARES[int(np.argmin([cost(self.counts[row], low, high, share) for share in SHARES]))])
        return best * low, best * high


def _percentile(counts: Array, low: float, high: float, kept: float) -> tuple[float, float]:
    below = np.cumsum(counts) / counts.sum()
    edges = np.linspace(low, high, BINS + 1)
    first = int(np.searchsorted(below, (1 - kept) / 2, side="right"))
    last = int(np.searchsorted(below, 1 - (1 - kept) / 2))
    return min(float(edges[first]), 0.0), max(float(edges[min(last, BINS - 1) + 1]), 0.0)


def _middles(low: float, high: float) -> Array:
    middles: Array = low + (np.arange(BINS) + 0.5) * (high - low) / BINS
    return middles


def _squared_error(counts: Array, low: float, high: float, share: float) -> float:
    middles, step = _middles(low, high), share * (high - low) / LEVELS
    rounded = np.clip(np.round(middles / step), np.round(share * low / step), np.round(share * high / step))
    return float(counts @ (rounded * step - middles) ** 2)


def _relative_entropy(counts: Array, low: float, high: float, share: float) -> float:
    """Relative entropy from the clipped histogram to the quantized one.

    In the quantized histogram, the count of each of the 256 levels is spread over its non-empty bins. The bin of 0 is
    omitted: 8 bits represent 0 exactly, and half of the values after a rectifier are 0.
    """
    middles, step = _middles(low, high), share * (high - low) / LEVELS
    counts = counts.copy()
    counts[int(np.argmin(np.abs(middles)))] = 0
    inside = np.flatnonzero((middles >= share * low) & (middles <= share * high))
    clipped = counts[inside].copy()
    clipped[0] += counts[: inside[0]].sum()
    clipped[-1] += counts[inside[-1] + 1 :].sum()
    levels = np.round((middles[inside] - share * low) / step).astype(np.int64)
    filled = (counts[inside] > 0).astype(np.float64)
    spread = np.bincount(levels, counts[inside]) / np.maximum(np.bincount(levels, filled), 1)
    p, q = clipped / max(clipped.sum(), _TINY), filled * spread[levels]
    q = np.maximum(q / max(q.sum(), _TINY), _TINY)
    chosen = p > 0
    return float(p[chosen] @ np.log(p[chosen] / q[chosen]))
