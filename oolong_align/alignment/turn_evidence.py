"""Computes evidence of the turns for each word and speaker: coverage, distance and overlap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from oolong_align.alignment.word_times import Times
from oolong_align.timing.timeline import Timeline
from oolong_align.types import Diarization

__all__ = ["NEAR_S", "TurnEvidence", "overlapped_seconds", "weigh_turns"]

NEAR_S: Final = 1.5
"""A word without a turn within this many seconds gets no speaker."""

# Words are extended to a minimum length. The edges of turns are only accurate to about 0.1 s.
SHORTEST_SCORED_S: Final = 0.1
EDGE_S: Final = 0.15
TURN_WEIGHT: Final = 0.8
EXCLUSIVE_WEIGHT: Final = 0.1
NEAR_WEIGHT: Final = 0.1
OVERLAP_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnEvidence:
    """Evidence of the turns for N words and S speakers.

    Attributes
    ----------
    speakers : tuple of int
        Speaker ids of the columns, ascending.
    emission : ndarray, float64, shape (N, S)
        In [0, 1]: 1 if the speaker's turns and exclusive segments cover the word and its surroundings.
    distance : ndarray, float64, shape (N,)
        Seconds to the nearest turn of any speaker; ``inf`` without turns.
    overlap : ndarray, bool, shape (N,)
        Whether turns of at least two speakers each cover at least half of the word.
    """

    speakers: tuple[int, ...]
    emission: npt.NDArray[np.float64]
    distance: Times
    overlap: npt.NDArray[np.bool_]

    @property
    def is_unassigned(self) -> npt.NDArray[np.bool_]:
        """Whether a word has no turn within `NEAR_S`, shape ``(N,)``."""
        return self.distance > NEAR_S


def weigh_turns(starts: Times, ends: Times, diarization: Diarization) -> TurnEvidence:
    """Score each word for each speaker. Cost: O(speakers x words log turns)."""
    turns: dict[int, list[tuple[float, float]]] = defaultdict(list)
    exclusive: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for segment in diarization.segments:
        exclusive[segment.speaker_id].append((segment.start, segment.end))
        turns[segment.speaker_id].append((segment.start, segment.end))
    for turn in diarization.turns:
        turns[turn.speaker_id].append((turn.start, turn.end))
    speakers = tuple(sorted(turns))

    shape = (len(starts), len(speakers))
    covered, distance, emission = np.zeros(shape), np.full(shape, np.inf), np.zeros(shape)
    padding = np.maximum(SHORTEST_SCORED_S - (ends - starts), 0.0) / 2
    first, last = starts - padding, ends + padding
    for column, speaker in enumerate(speakers):
        timeline = Timeline(turns[speaker])
        covered[:, column] = _share(timeline, first, last)
        distance[:, column] = timeline.distance(starts, ends)
        emission[:, column] = TURN_WEIGHT * _soft_share(timeline, first, last)
        emission[:, column] += EXCLUSIVE_WEIGHT * _soft_share(Timeline(exclusive[speaker]), first, last)
        emission[:, column] += NEAR_WEIGHT * np.maximum(1.0 - distance[:, column] / NEAR_S, 0.0)
    return TurnEvidence(
        speakers=speakers,
        emission=emission,
        distance=distance.min(axis=1, initial=np.inf),
        overlap=(covered >= OVERLAP_SHARE).sum(axis=1) >= 2,
    )


def overlapped_seconds(
    starts: Times, ends: Times, diarization: Diarization, speakers: Sequence[int]
) -> npt.NDArray[np.float64]:
    """Return the seconds of each word within each speaker's overlap-aware turns, shape ``(words, speakers)``."""
    turns = {
        speaker: Timeline((t.start, t.end) for t in diarization.turns if t.speaker_id == speaker)
        for speaker in speakers
    }
    return np.stack([turns[speaker].covered(starts, ends) for speaker in speakers], axis=1)


def _soft_share(timeline: Timeline, first: Times, last: Times) -> Times:
    """Mean coverage of the word and of the word with its surroundings."""
    return (_share(timeline, first, last) + _share(timeline, first - EDGE_S, last + EDGE_S)) / 2


def _share(timeline: Timeline, first: Times, last: Times) -> Times:
    return timeline.covered(first, last) / (last - first)
