"""Arithmetic of embedding vectors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from oolong_align.types import FloatArray


def l2_normalise(vectors: FloatArray) -> FloatArray:
    """Scale vectors along the last axis to unit length; zero vectors stay zero."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: FloatArray = (vectors / np.maximum(norms, np.finfo(np.float32).tiny)).astype(np.float32)
    return scaled


def unit_rows(vectors: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """`l2_normalise` in double precision."""
    wide = np.asarray(vectors, dtype=np.float64)
    scaled: npt.NDArray[np.float64] = wide / np.maximum(
        np.linalg.norm(wide, axis=-1, keepdims=True), np.finfo(np.float64).tiny
    )
    return scaled
