"""Arithmetic of embedding vectors."""

from __future__ import annotations

import numpy as np

from oolong_align.types import FloatArray


def l2_normalise(vectors: FloatArray) -> FloatArray:
    """Scale vectors along the last axis to unit length; zero vectors stay zero."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: FloatArray = (vectors / np.maximum(norms, np.finfo(np.float32).tiny)).astype(np.float32)
    return scaled
