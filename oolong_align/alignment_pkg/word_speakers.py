"""Decides who said each word: one best path over all words, instead of one guess for each.

Every word has evidence for every speaker, from turns and from voices; a change of speaker between two words has a
price, low where people do change (behind a sentence, in a pause, where the diarizer saw a change) and high in the
middle of a phrase. The path with the most evidence after prices wins (Viterbi).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from oolong_align.turn_evidence import TurnEvidence, weigh_turns
from oolong_align.types import Diarization, VoiceEvidence, Word
from oolong_align.word_times import Times
from oolong_align.writing import ends_clause, ends_sentence, touches

__all__ = ["PAUSE_S", "Attribution", "attribute_words"]

PAUSE_S: Final = 0.5

# Price of a change of speaker, in units of the evidence of one word that one speaker's turns cover.
PRICE_PAUSE: Final = 0.05
PRICE_SENTENCE: Final = 0.1
PRICE_DIARIZED: Final = 0.4
PRICE_CLAUSE: Final = 0.55
PRICE_PHRASE: Final = 0.7
PRICE_INSIDE_WORD: Final = 3.0
CHANGE_TOLERANCE_S: Final = 0.15

SHORTEST_VOICE_S: Final = 0.5
TYPICAL_VOICE_S: Final = 1.5
CLEAR_SHARE: Final = 0.5
LARGEST_SHARE: Final = 1.5
SMALLEST_SCALE: Final = 0.1
VOICE_WEIGHT: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """Who said each of N words.

    Attributes
    ----------
    speakers : tuple of (int or None)
        Speaker id of each word, ``None`` where no turn is near.
    confidence : ndarray, float64, shape (N,)
        In [0, 1]: 1 where all evidence is for the speaker, 0.5 where another has as much; 0 without a speaker.
    overlap : ndarray, bool, shape (N,)
        Two speakers' turns cover the word.
    """

    speakers: tuple[int | None, ...]
    confidence: npt.NDArray[np.float64]
    overlap: npt.NDArray[np.bool_]


def attribute_words(words: Sequence[Word], starts: Times, ends: Times, diarization: Diarization) -> Attribution:
    """Give every word a speaker; O(speakers x words log turns), and the voice of each second once.

    Parameters
    ----------
    words : sequence of Word
        Their texts are used, not their times.
    starts, ends : ndarray, float64, shape (words,)
        Times as `oolong_align.word_times.sanitise_times` gives them.
    diarization : Diarization
        Turns, and voice evidence where there is any.
    """
    turns = weigh_turns(starts, ends, diarization)
    if not len(words) or not turns.speakers:
        return Attribution(
            speakers=(None,) * len(words), confidence=np.zeros(len(words)), overlap=np.zeros(len(words), np.bool_)
        )
    prices = change_prices(words, starts, ends, diarization)
    evidence = turns.emission
    if diarization.voice is not None:
        evidence = evidence + _weigh_voices(turns, prices, starts, ends, diarization.voice)
    evidence = np.where(turns.nobody[:, None], 0.0, evidence)
    prices = np.where(turns.nobody[1:] | turns.nobody[:-1], 0.0, prices)
    path = best_path(evidence, prices)
    return Attribution(
        speakers=tuple(
            None if nobody else turns.speakers[column]
            for column, nobody in zip(path.tolist(), turns.nobody.tolist(), strict=True)
        ),
        confidence=np.where(turns.nobody, 0.0, _confidence(evidence, path)),
        overlap=turns.overlap,
    )


def change_prices(
    words: Sequence[Word], starts: Times, ends: Times, diarization: Diarization
) -> npt.NDArray[np.float64]:
    """Price of a change of speaker between each word and the next, shape ``(words - 1,)``."""
    prices = np.full(max(len(words) - 1, 0), PRICE_PHRASE)
    closes_clause = np.array([ends_clause(word.text) for word in words[:-1]], dtype=np.bool_)
    closes_sentence = np.array([ends_sentence(word.text) for word in words[:-1]], dtype=np.bool_)
    inside_word = np.array(
        [
            touches(word.text, following.text, leading_space=following.leading_space)
            for word, following in pairwise(words)
        ],
        dtype=np.bool_,
    )
    prices[closes_clause] = PRICE_CLAUSE
    prices[_changes_in_gaps(starts, ends, diarization)] = PRICE_DIARIZED
    prices[closes_sentence] = PRICE_SENTENCE
    prices[starts[1:] - ends[:-1] >= PAUSE_S] = PRICE_PAUSE
    prices[inside_word] = PRICE_INSIDE_WORD
    return prices


def _changes_in_gaps(starts: Times, ends: Times, diarization: Diarization) -> npt.NDArray[np.bool_]:
    """Tell for each gap between words whether the exclusive speaker changes in it, give or take the tolerance."""
    segments = diarization.segments
    # Where one speaker hands over to another across a silence, both its edges are candidates.
    handovers = [(a.end, b.start) for a, b in pairwise(segments) if a.speaker_id != b.speaker_id]
    changes = np.unique(np.array(handovers, dtype=np.float64).ravel())
    first = np.searchsorted(changes, ends[:-1] - CHANGE_TOLERANCE_S, side="left")
    last = np.searchsorted(changes, starts[1:] + CHANGE_TOLERANCE_S, side="right")
    return last > first


def _weigh_voices(
    turns: TurnEvidence, prices: npt.NDArray[np.float64], starts: Times, ends: Times, voice: VoiceEvidence
) -> npt.NDArray[np.float64]:
    """Evidence of the voice, shape ``(words, speakers)``: for the nearest voice of each unit, where it is clear.

    Units lie between the places where a change of speaker is cheap. How far apart two voices are differs from
    recording to recording, so margins count in units of the recording's own: the median over the long units in which
    the voice agrees with the turns.
    """
    evidence = np.zeros_like(turns.emission)
    columns = {speaker: column for column, speaker in enumerate(turns.speakers)}
    cuts = np.flatnonzero(prices <= PRICE_DIARIZED) + 1
    units: list[tuple[int, int, int, float]] = []  # first word, last word + 1, column of the voice, margin
    typical: list[float] = []
    for first, stop in zip([0, *cuts.tolist()], [*cuts.tolist(), len(starts)], strict=True):
        seconds = float(ends[stop - 1] - starts[first])
        nearest = _nearest_voice(voice, float(starts[first]), float(ends[stop - 1]), columns, seconds)
        if nearest is None:
            continue
        units.append((first, stop, *nearest))
        by_turns = int(turns.emission[first:stop].sum(axis=0).argmax())
        if seconds >= TYPICAL_VOICE_S and by_turns == nearest[0]:
            typical.append(nearest[1])
    if typical:
        scale = max(float(np.median(typical)), SMALLEST_SCALE)
        for first, stop, column, margin in units:
            if margin >= CLEAR_SHARE * scale:
                evidence[first:stop, column] = VOICE_WEIGHT * min(margin / scale, LARGEST_SHARE)
    return evidence


def _nearest_voice(
    voice: VoiceEvidence, start: float, end: float, columns: dict[int, int], seconds: float
) -> tuple[int, float] | None:
    """Column of the nearest voice and how much nearer it is than the second; ``None`` where that says nothing."""
    if seconds < SHORTEST_VOICE_S:
        return None
    scores = sorted(
        ((score, -columns[speaker]) for speaker, score in voice.scores(start, end).items() if speaker in columns),
        reverse=True,
    )
    if len(scores) < 2:
        return None
    return -scores[0][1], scores[0][0] - scores[1][0]


def best_path(evidence: npt.NDArray[np.float64], prices: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Column of each row on the path with the most evidence after the prices of its changes.

    Parameters
    ----------
    evidence : ndarray, shape (words, speakers)
        Any size but empty.
    prices : ndarray, shape (words - 1,)
        Price of a change between two rows, the same for every pair of speakers, not negative.

    Returns
    -------
    ndarray, int64, shape (words,)
        Ties go to the lowest column. O(words x speakers): with one price for all pairs, a change always comes
        from the best column so far.
    """
    total = evidence[0].copy()
    origin = np.empty(evidence.shape, dtype=np.int64)
    own = np.arange(evidence.shape[1])
    for row, price in enumerate(prices.tolist(), start=1):
        best = int(total.argmax())
        changed = total[best] - price
        origin[row] = np.where(changed > total, best, own)
        total = np.maximum(total, changed) + evidence[row]
    path = np.empty(len(evidence), dtype=np.int64)
    path[-1] = total.argmax()
    for row in range(len(evidence) - 1, 0, -1):
        path[row - 1] = origin[row, path[row]]
    return path


def _confidence(evidence: npt.NDArray[np.float64], path: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    rows = np.arange(len(path))
    chosen = evidence[rows, path]
    others = evidence.copy()
    others[rows, path] = 0.0
    confidence: npt.NDArray[np.float64] = np.clip(0.5 + 0.5 * (chosen - others.max(axis=1)), 0.0, 1.0)
    return confidence
