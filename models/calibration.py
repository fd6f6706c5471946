"""Ranges of a network's activations, from the distributions of their values, for rounding to 8 bits.

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
    """Distribution of every tensor's values: first the bounds of all blocks, then the counts between them."""

    def __init__(self, count: int) -> None:
        self.low = np.zeros(count)
        self.high = np.zeros(count)
        self.counts = np.zeros((count, BINS))

    def widen(self, values: Sequence[Array]) -> None:
        """Take a block's values of each tensor into the bounds, which hold 0."""
        self.low = np.minimum(self.low, [value.min() for value in values])
        self.high = np.maximum(self.high, [value.max() for value in values])

    def count(self, values: Sequence[Array]) -> None:
        """Count a block's values of each tensor."""
        for row, value in enumerate(values):
            self.counts[row] += np.histogram(value, bins=BINS, range=(self.low[row], self.high[row]))[0]

    def bounds(self, row: int, method: str) -> tuple[float, float]:
        """Range of a tensor by one of `METHODS`; it holds 0.

        ``minmax`` is the observed range. ``percentile-P`` leaves out half of the values beyond P per cent at either
        end. The others search between a fifth of the observed range and all of it: ``mse`` for the least squared error
        of rounding, ``entropy`` for the least relative entropy of the rounded distribution.
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
    """Of the clipped distribution to the one in which each of the 256 steps spreads over its bins that have values.

    The bin of 0 is left out: 8 bits hold 0 exactly, and half of what a rectifier writes is 0.
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
