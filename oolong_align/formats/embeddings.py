"""Voices as they are kept in a transcript's JSON: one embedding for each piece of a segment, in half precision.

They let speakers be renamed, merged and clustered again without the recording.
"""

from __future__ import annotations

import base64
import binascii

import numpy as np

from oolong_align.types import FloatArray

__all__ = ["decode_embedding", "encode_embedding"]


def encode_embedding(embedding: FloatArray) -> str:
    """Base64 of the little-endian float16 numbers of an embedding ``(D,)``."""
    return base64.b64encode(np.asarray(embedding, dtype="<f2").tobytes()).decode("ascii")


def decode_embedding(text: str) -> FloatArray:
    """Embedding ``float32[D]`` from `encode_embedding`.

    Raises
    ------
    ValueError
        If the text is not base64 of finite float16 numbers.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("it is not base64") from error
    if not data or len(data) % 2:
        raise ValueError(f"it holds {len(data)} bytes, which are no float16 numbers")
    embedding = np.frombuffer(data, dtype="<f2").astype(np.float32)
    if not np.isfinite(embedding).all():
        raise ValueError("it holds a number that is not finite")
    return embedding
