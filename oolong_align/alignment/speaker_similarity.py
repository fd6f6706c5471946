"""Computes the similarity of the speech around each word to each speaker, from embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from oolong_align.alignment.word_times import Times
from oolong_align.types import SpeakerEvidence

__all__ = ["measure_similarity"]

HALF_WINDOW_S: Final = 0.4
# Speech of this length counts half as much as a long stretch of speech.
HALF_TRUST_S: Final = 0.5
TYPICAL_MARGIN: Final = 0.33
SMALLEST_MARGIN: Final = 0.1


def measure_similarity(
    evidence: SpeakerEvidence,
    speakers: Sequence[int],
    by_turns: npt.NDArray[np.int64],
    starts: Times,
    ends: Times,
    breaks: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """Return the similarity of the speech around each word to each speaker, in units of the typical margin.

    A word is too short to identify a speaker, so the embedding covers 0.8 s around its middle, or all of a longer word.
    It does not extend beyond a break, which lies halfway between two words. The distance between speakers depends on
    the recording and the embedding model. The unit is therefore the median margin between the best and the
    second-best speaker, over the words for which the best speaker agrees with the turns.

    Parameters
    ----------
    evidence : SpeakerEvidence
    speakers : sequence of int
        Ids of the columns.
    by_turns : ndarray, int64, shape (words,)
        Column with the most turn evidence for each word.
    starts, ends : ndarray, float64, shape (words,)
        Times in seconds, in order.
    breaks : ndarray, int64
        Indices of words that follow the end of a sentence or a pause, ascending.

    Returns
    -------
    ndarray, float64, shape (words, speakers)
        A row is NaN if the span has no embedding. Cost: about two passes over the frames of the speech.
    """
    middles = (starts + ends) / 2
    limits = np.concatenate(([-np.inf], ((ends[:-1] + starts[1:]) / 2)[breaks - 1], [np.inf]))
    unit = np.searchsorted(breaks, np.arange(len(starts)), side="right")  # (words,)
    firsts = np.maximum(limits[unit], np.minimum(starts, middles - HALF_WINDOW_S))
    lasts = np.minimum(limits[unit + 1], np.maximum(ends, middles + HALF_WINDOW_S))

    scores = np.full((len(starts), len(speakers)), np.nan)
    for row, (first, last) in enumerate(zip(firsts.tolist(), lasts.tolist(), strict=True)):
        found = evidence.scores(first, last)
        scores[row] = [found.get(speaker, np.nan) for speaker in speakers]
    scores[np.isnan(scores).any(axis=1)] = np.nan
    trust = (lasts - firsts) / (lasts - firsts + HALF_TRUST_S)
    return scores * trust[:, None] / _typical_margin(scores, by_turns)


def _typical_margin(scores: npt.NDArray[np.float64], by_turns: npt.NDArray[np.int64]) -> float:
    known = ~np.isnan(scores[:, 0])
    agreed: npt.NDArray[np.float64] = scores[known][scores[known].argmax(axis=1) == by_turns[known]]
    if not len(agreed) or scores.shape[1] < 2:
        return TYPICAL_MARGIN
    ordered = np.sort(agreed, axis=1)
    return max(float(np.median(ordered[:, -1] - ordered[:, -2])), SMALLEST_MARGIN)
