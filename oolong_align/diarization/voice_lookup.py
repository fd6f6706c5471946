"""Answers about voices from the backbone frames of a recording, without running the backbone again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from oolong_align.diarization.embedding import EmbeddingModel, pool_span
from oolong_align.diarization.frame_store import FrameStore
from oolong_align.errors import InputError
from oolong_align.timing.grid import SAMPLE_RATE, VOICE_FRAME_SAMPLES, seconds_to_voice_frame
from oolong_align.types import FloatArray
from oolong_align.util.vectors import l2_normalise


class FrameEvidence:
    """`oolong_align.types.SpeakerEvidence` of one recording.

    Parameters
    ----------
    model : EmbeddingModel
        Projects pooled statistics.
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
        # Frames and network stay in their process: what another one gets has no voice evidence, which is allowed.
        return type(None), ()

    def embed(self, start: float, end: float) -> FloatArray:
        """Embedding of a span in seconds as the model makes it, ``float32[D]``; zeros where the span holds no frame.

        O(seconds): 64 kB are read and pooled for each second, in blocks.

        Raises
        ------
        InputError
            If a time is not finite.
        """
        if not (math.isfinite(start) and math.isfinite(end)):
            raise InputError(f"a span must start and end at a finite number of seconds, not {start!r} to {end!r}")
        limit = (len(self._frames) + 1) * VOICE_FRAME_SAMPLES / SAMPLE_RATE
        first, last = (seconds_to_voice_frame(min(max(time, -1.0), limit)) for time in (start, end))
        if not len(self._frames.indices(first, last)):
            return np.zeros(self._model.dimension, dtype=np.float32)
        found: FloatArray = self._model.project(pool_span(self._frames, first, last))[0]
        return found

    def scores(self, start: float, end: float) -> dict[int, float]:
        """Cosine of a span's embedding to each speaker's mean embedding; empty where the span holds no frame."""
        embedding = l2_normalise(self.embed(start, end))
        if not embedding.any():
            return {}
        return {speaker: float(mean @ embedding) for speaker, mean in self._speakers.items()}
