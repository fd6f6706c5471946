"""How much the voice around each word speaks for each speaker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from oolong_align.alignment.word_times import Times
from oolong_align.types import SpeakerEvidence

__all__ = ["weigh_voices"]

HALF_WINDOW_S: Final = 0.4
# A voice heard for so long tells half of what it would in the end.
HALF_TOLD_S: Final = 0.5
TYPICAL_MARGIN: Final = 0.33
SMALLEST_MARGIN: Final = 0.1


def weigh_voices(
    voice: SpeakerEvidence,
    speakers: Sequence[int],
    by_turns: npt.NDArray[np.int64],
    starts: Times,
    ends: Times,
    breaks: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """Likeness of the voice around each word to each speaker's, in units of the recording's own margins.

    A word is too short to tell a voice, so 0.8 s around its middle are heard, or all of a longer word, but nothing from
    behind a break, which lies halfway between two words. How far apart two voices are differs between recordings and
    embedding models: the unit is the median margin, nearest voice before the second, over the words whose voice agrees
    with the turns.

    Parameters
    ----------
    voice : SpeakerEvidence
    speakers : sequence of int
        Ids of the columns.
    by_turns : ndarray, int64, shape (words,)
        Column that the turns name for each word.
    starts, ends : ndarray, float64, shape (words,)
        Times in seconds, in order.
    breaks : ndarray, int64
        Words before which a sentence or pause ends, ascending.

    Returns
    -------
    ndarray, float64, shape (words, speakers)
        Rows of NaN where nothing is known about a voice. One pass over the frames of each second of speech, about
        twice.
    """
    middles = (starts + ends) / 2
    limits = np.concatenate(([-np.inf], ((ends[:-1] + starts[1:]) / 2)[breaks - 1], [np.inf]))
    unit = np.searchsorted(breaks, np.arange(len(starts)), side="right")  # (words,)
    firsts = np.maximum(limits[unit], np.minimum(starts, middles - HALF_WINDOW_S))
    lasts = np.minimum(limits[unit + 1], np.maximum(ends, middles + HALF_WINDOW_S))

    scores = np.full((len(starts), len(speakers)), np.nan)
    for row, (first, last) in enumerate(zip(firsts.tolist(), lasts.tolist(), strict=True)):
        heard = voice.scores(first, last)
        scores[row] = [heard.get(speaker, np.nan) for speaker in speakers]
    scores[np.isnan(scores).any(axis=1)] = np.nan
    trust = (lasts - firsts) / (lasts - firsts + HALF_TOLD_S)
    return scores * trust[:, None] / _typical_margin(scores, by_turns)


def _typical_margin(scores: npt.NDArray[np.float64], by_turns: npt.NDArray[np.int64]) -> float:
    heard = ~np.isnan(scores[:, 0])
    agreed: npt.NDArray[np.float64] = scores[heard][scores[heard].argmax(axis=1) == by_turns[heard]]
    if not len(agreed) or scores.shape[1] < 2:
        return TYPICAL_MARGIN
    ordered = np.sort(agreed, axis=1)
    return max(float(np.median(ordered[:, -1] - ordered[:, -2])), SMALLEST_MARGIN)
