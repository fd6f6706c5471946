"""Embeddings and speaker scores of any span of a recording: the two `oolong_align.types.SpeakerEvidence`.

`FrameEvidence` pools the backbone frames of a recording that was just diarized; `StoredEvidence` has one embedding for
each piece, as a transcript's JSON does. Neither runs the backbone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from oolong_align.diarization.pooling import pool_span
from oolong_align.errors import InputError
from oolong_align.timing.grid import SAMPLE_RATE, VOICE_FRAME_SAMPLES, seconds_to_voice_frame
from oolong_align.types import FloatArray
from oolong_align.util.vectors import l2_normalise

if TYPE_CHECKING:
    from oolong_align.diarization.embedding import EmbeddingModel
    from oolong_align.diarization.frame_store import FrameStore


class FrameEvidence:
    """Evidence from backbone frames.

    Parameters
    ----------
    model : EmbeddingModel
        Its head embeds pooled statistics.
    frames : FrameStore
        Backbone frames of the whole recording.
    speakers : mapping of int to ndarray
        L2-normalised mean embedding of each speaker, ``float32[D]``.
    """

    def __init__(self, model: EmbeddingModel, frames: FrameStore, speakers: Mapping[int, FloatArray]) -> None:
        self._model = model
        self._frames = frames
        self._speakers = dict(speakers)

    def __copy__(self) -> FrameEvidence:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> FrameEvidence:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # Frames and network stay in this process; unpickling yields None, which means no evidence.
        return type(None), ()

    def embed(self, start: float, end: float) -> FloatArray:
        """Embedding of a span in seconds, ``float32[D]``, not normalised; zeros if the span contains no frame.

        O(seconds): reads and pools 64 kB for each second.

        Raises
        ------
        InputError
            If a time is not finite.
        """
        if not (math.isfinite(start) and math.isfinite(end)):
            raise InputError(f"Invalid span {start!r} to {end!r}: start and end must be finite numbers of seconds")
        limit = (len(self._frames) + 1) * VOICE_FRAME_SAMPLES / SAMPLE_RATE
        first, last = (seconds_to_voice_frame(min(max(time, -1.0), limit)) for time in (start, end))
        if not len(self._frames.indices(first, last)):
            return np.zeros(self._model.dimension, dtype=np.float32)
        embedding: FloatArray = self._model.project(pool_span(self._frames, first, last))[0]
        return embedding

    def scores(self, start: float, end: float) -> dict[int, float]:
        """Cosine of a span's embedding to each speaker's mean embedding; empty if the span contains no frame."""
        return _cosines(self.embed(start, end), self._speakers)


class StoredEvidence:
    """Evidence from one stored embedding for each piece.

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
        """Embedding of a span in seconds, ``float32[D]``: that of an equal piece, else a mean over overlapping pieces.

        The mean is of unit vectors, weighted by the seconds of overlap, and L2-normalised; zeros without overlap.
        """
        row = self._rows.get((start, end))
        if row is not None:
            own: FloatArray = self.vectors[row]
            return own
        shared = np.minimum(self.ends, end) - np.maximum(self.starts, start)
        met = np.flatnonzero(shared > 0)
        return l2_normalise((shared[met] @ l2_normalise(self.vectors[met])).astype(np.float32))

    def scores(self, start: float, end: float) -> dict[int, float]:
        """Cosine of a span's embedding to each speaker's mean embedding; empty if the span overlaps no piece."""
        return _cosines(self.embed(start, end), self._speakers)


def _cosines(embedding: FloatArray, speakers: Mapping[int, FloatArray]) -> dict[int, float]:
    direction = l2_normalise(embedding)
    if not direction.any():
        return {}
    return {speaker: float(mean @ direction) for speaker, mean in speakers.items()}
