"""Statistics pooling: the mean and the standard deviation of backbone frames, from which a head makes an embedding.

`oolong_align.networks.embedding_graph.extract_pooling` is the same equation as a graph, for many masks of one block.
"""

from __future__ import annotations

from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from oolong_align.diarization.frame_store import FrameStore, Mask
from oolong_align.networks.embedding_graph import VARIANCE_FLOOR
from oolong_align.types import FloatArray

_BLOCK: Final = 125  # voice frames, 10 s

_Array = TypeVar("_Array", npt.NDArray[np.float32], npt.NDArray[np.float64])


def pool_statistics(frames: FloatArray, masks: Mask) -> FloatArray:
    """Mean and unbiased standard deviation over the frames of each mask.

    Parameters
    ----------
    frames : ndarray, shape (T, C)
    masks : ndarray, bool, shape (M, T)
        An empty mask yields a mean of zero.

    Returns
    -------
    ndarray, shape (M, 2 C)
    """
    weights = masks.astype(np.float32)
    count = weights.sum(axis=1, keepdims=True)
    total = np.maximum(count, 1)
    return _statistics((weights @ frames) / total, (weights @ np.square(frames)) / total, count)


def pool_span(frames: FrameStore, first: int, last: int) -> FloatArray:
    """`pool_statistics` of the voice frames ``[first, last)``, ``(1, 2 C)``, read in blocks of 10 s."""
    first, last = max(first, 0), min(last, len(frames))
    total, squares = np.zeros((2, 1, frames.channels), dtype=np.float64)
    count = 0
    for begin in range(first, last, _BLOCK):
        block = frames.read(begin, min(begin + _BLOCK, last)).astype(np.float64)
        count += len(block)
        total += block.sum(axis=0)
        squares += np.square(block).sum(axis=0)
    divisor = max(count, 1)
    return _statistics(total / divisor, squares / divisor, np.array([[count]], dtype=np.float64)).astype(np.float32)


def _statistics(mean: _Array, square: _Array, count: _Array) -> _Array:
    """Concatenate means and standard deviations; from the means of values and squares, and the number of values."""
    variance = (square - np.square(mean)) * count / np.maximum(count - 1, 1)
    return np.concatenate([mean, np.sqrt(np.maximum(variance, 0) + VARIANCE_FLOOR)], axis=1)
