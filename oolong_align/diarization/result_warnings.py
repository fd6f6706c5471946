"""Warnings about a diarization: speakers who may be one person, and a missed number of speakers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from oolong_align.diarization.activity import SpeakerActivity
from oolong_align.diarization.clustering import ClusteringOptions
from oolong_align.timing.grid import FRAME_STEP_S
from oolong_align.types import FloatArray, speaker_label

_SHORT_S: Final = 20.0
_ALIKE: Final = 0.55
_VERY_SHORT_S: Final = 5.0
_ALIKE_IF_VERY_SHORT: Final = 0.4


def similar_speakers(activity: SpeakerActivity, embeddings: FloatArray) -> Iterator[str]:
    """Warn of speakers who speak briefly and sound like another, and may be the same person."""
    seconds = FRAME_STEP_S * np.bincount(activity.speakers[:, 0] + 1, minlength=len(embeddings) + 1)[1:]
    cosine = embeddings @ embeddings.T - 2 * np.eye(len(embeddings))
    alike = np.where(seconds < _VERY_SHORT_S, _ALIKE_IF_VERY_SHORT, _ALIKE)
    for speaker in np.flatnonzero((seconds < _SHORT_S) & (cosine.max(axis=1) > alike)).tolist():
        other = int(cosine[speaker].argmax())
        if seconds[speaker] <= seconds[other]:
            yield (
                f"{speaker_label(speaker)} speaks for only {seconds[speaker]:.0f} s and sounds like "
                f"{speaker_label(other)} (cosine {cosine[speaker, other]:.2f}): they may be the same person"
            )


def shortfall(found: int, limits: ClusteringOptions) -> str | None:
    """Warn that fewer speakers were found than requested."""
    if limits.bound(found) == found:
        return None
    return f"{limits.limit(found)} requires {limits.bound(found)} speakers, but only {found} could be distinguished"
