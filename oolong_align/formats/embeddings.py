"""Coding of embeddings in a transcript's JSON: one for each piece, in half precision.

With them, speakers can be merged and clustered again without the recording.
"""

from __future__ import annotations

import base64
import binascii

import numpy as np

from oolong_align.types import FloatArray

__all__ = ["decode_embedding", "encode_embedding"]


def encode_embedding(embedding: FloatArray) -> str:
    """Encode an embedding ``(D,)`` as Base64 of little-endian float16 numbers."""
    return base64.b64encode(np.asarray(embedding, dtype="<f2").tobytes()).decode("ascii")


def decode_embedding(text: str) -> FloatArray:
    """Decode the text from `encode_embedding` to an embedding, ``float32[D]``.

    Raises
    ------
    ValueError
        If the text is not Base64 of finite float16 numbers.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not Base64") from error
    if not data or len(data) % 2:
        raise ValueError(f"{len(data)} bytes are not a sequence of float16 numbers")
    embedding = np.frombuffer(data, dtype="<f2").astype(np.float32)
    if not np.isfinite(embedding).all():
        raise ValueError("contains a number that is not finite")
    return embedding
