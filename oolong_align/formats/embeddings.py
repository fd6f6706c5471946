"""Voices as they are kept in a transcript's JSON: one embedding for each piece of a segment, in half precision.

They let speakers be renamed, merged and clustered again without the recording.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from oolong_align.types import FloatArray
from oolong_align.util.vectors import l2_normalise

__all__ = ["StoredEvidence", "decode_embedding", "encode_embedding"]


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


class StoredEvidence:
    """`oolong_align.types.SpeakerEvidence` from stored embeddings; knows no more than one for each piece.

    Parameters
    ----------
    spans : sequence of (float, float)
        Start and end of each piece in seconds.
    vectors : ndarray, float32, shape (pieces, D)
        Embedding of each piece, of any length.
    speakers : mapping of int to ndarray
        L2-normalised mean embedding of each speaker, ``float32[D]``.
    """

    def __init__(
        self, spans: Sequence[tuple[float, float]], vectors: FloatArray, speakers: Mapping[int, FloatArray]
    ) -> None:
        table = np.array(spans, dtype=np.float64).reshape(-1, 2)
        self.starts: npt.NDArray[np.float64] = table[:, 0]
        self.ends: npt.NDArray[np.float64] = table[:, 1]
        self.vectors = vectors
        self._speakers = dict(speakers)
        self._rows = {span: row for row, span in enumerate(spans)}

    def embed(self, start: float, end: float) -> FloatArray:
        """Embedding of a span in seconds, ``float32[D]``: the piece's own, else the mean of the pieces it meets.

        The mean is of directions, weighted by the seconds shared, of unit length; zeros where the span meets no piece.
        """
        row = self._rows.get((start, end))
        if row is not None:
            own: FloatArray = self.vectors[row]
            return own
        shared = np.minimum(self.ends, end) - np.maximum(self.starts, start)
        met = np.flatnonzero(shared > 0)
        return l2_normalise((shared[met] @ l2_normalise(self.vectors[met])).astype(np.float32))

    def scores(self, start: float, end: float) -> dict[int, float]:
        """Cosine of a span's embedding to each speaker's mean embedding; empty where the span meets no piece."""
        embedding = l2_normalise(self.embed(start, end))
        if not embedding.any():
            return {}
        return {speaker: float(mean @ embedding) for speaker, mean in self._speakers.items()}
