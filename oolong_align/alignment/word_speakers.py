"""Decides who said each word: all words together, instead of one guess for each.

The words are a hidden Markov chain whose states are the speakers. Every word has evidence for every speaker, from
turns and from the voice around it; between two words the speaker changes with a probability that is high where people
do change (behind a sentence, in a pause, where the diarizer saw a change) and low in the middle of a phrase. Each word
goes to its most probable speaker, given all evidence before and behind it (forward-backward algorithm), which makes the
expected number of wrong words smallest; that probability, calibrated, is its confidence.

All weights are in nats. They were chosen by the likelihood of the true speakers in simulated conversations, rounded.

References
----------
Rabiner (1989), "A tutorial on hidden Markov models and selected applications in speech recognition".
Guo et al. (2017), "On calibration of modern neural networks" (temperature scaling).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from oolong_align.alignment.turn_evidence import NEAR_S, TurnEvidence, overlapped_seconds, weigh_turns
from oolong_align.alignment.voice_evidence import weigh_voices
from oolong_align.alignment.word_times import Times
from oolong_align.text.scripts import ends_clause, ends_sentence, touches
from oolong_align.types import Diarization, Word

__all__ = ["Attribution", "attribute_by_overlap", "attribute_words", "change_odds", "speaker_probabilities"]

PAUSE_S: Final = 0.5
CHANGE_TOLERANCE_S: Final = 0.15

VOICE_WEIGHT: Final = 4.0
TURN_WEIGHT: Final = 3.0
# The turns of a diarizer come from the same voices: beside them they tell little that is new.
TURN_WEIGHT_BESIDE_VOICE: Final = 0.5
MOST_EVIDENCE: Final = 30.0

# Log-odds of a change of speaker between two words, which add up.
CHANGE: Final = -1.5
CHANGE_AT_PAUSE: Final = 1.0
CHANGE_AT_SENTENCE: Final = 2.0
CHANGE_AT_CLAUSE: Final = 0.75
CHANGE_DIARIZED: Final = 1.0
# Instead of all others, where a recogniser has split a word.
CHANGE_INSIDE_WORD: Final = -6.0

# Neighbouring words hear much of the same voice, and the voice of two people at once is like a third one's, so the
# chain is too sure of itself. With these factors of its log-odds it is right as often as it says (Guo et al. 2017).
SHARPNESS: Final = 0.6
SHARPNESS_IN_OVERLAP: Final = 0.4

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """Who said each of N words.

    Attributes
    ----------
    speakers : tuple of (int or None)
        Speaker id of each word, ``None`` where nobody can be named.
    confidence : tuple of (float or None)
        Probability of the speaker, in [0, 1]; ``None`` without a speaker, or where the rule tells no probability.
    overlap : tuple of bool
        Two speakers' turns cover the word.
    """

    speakers: tuple[int | None, ...]
    confidence: tuple[float | None, ...]
    overlap: tuple[bool, ...]


def attribute_words(words: Sequence[Word], starts: Times, ends: Times, diarization: Diarization) -> Attribution:
    """Give every word its most probable speaker; O(speakers x words log turns), and the voice around each word.

    Parameters
    ----------
    words : sequence of Word
        Their texts are used, not their times.
    starts, ends : ndarray, float64, shape (words,)
        Times as `oolong_align.alignment.word_times.sanitise_times` gives them.
    diarization : Diarization
        Turns, and voice evidence where there is any.
    """
    turns = weigh_turns(starts, ends, diarization)
    if not len(words) or not turns.speakers:
        return _nobody(turns, len(words))
    odds = change_odds(words, starts, ends, diarization)
    evidence = TURN_WEIGHT * turns.emission
    if diarization.voice is not None and len(turns.speakers) > 1:
        breaks = np.flatnonzero(_pauses(starts, ends) | _sentence_ends(words)) + 1
        by_turns = turns.emission.argmax(axis=1)
        voices = weigh_voices(diarization.voice, turns.speakers, by_turns, starts, ends, breaks)
        beside = TURN_WEIGHT_BESIDE_VOICE * turns.emission + VOICE_WEIGHT * voices
        evidence = np.where(np.isnan(voices), evidence, beside)
    evidence[turns.nobody] = 0.0
    probabilities = speaker_probabilities(evidence, np.where(turns.nobody[1:] | turns.nobody[:-1], np.inf, odds))
    chosen = probabilities.argmax(axis=1)
    best = _calibrated(probabilities.max(axis=1), turns)
    return Attribution(
        speakers=tuple(
            None if nobody else turns.speakers[column]
            for column, nobody in zip(chosen.tolist(), turns.nobody.tolist(), strict=True)
        ),
        confidence=tuple(
            None if nobody else value for value, nobody in zip(best.tolist(), turns.nobody.tolist(), strict=True)
        ),
        overlap=tuple(turns.overlap.tolist()),
    )


def attribute_by_overlap(starts: Times, ends: Times, diarization: Diarization) -> Attribution:
    """Give every word the speaker whose turns overlap it most, ``None`` where none does; a tie goes to the lowest id.

    The plain rule of other tools (Bain et al. 2023, "WhisperX"), for comparison. It knows no confidence.
    """
    turns = weigh_turns(starts, ends, diarization)
    if not len(starts) or not turns.speakers:
        return _nobody(turns, len(starts))
    seconds = overlapped_seconds(starts, ends, diarization, turns.speakers)
    return Attribution(
        speakers=tuple(
            turns.speakers[column] if most > 0 else None
            for column, most in zip(seconds.argmax(axis=1).tolist(), seconds.max(axis=1).tolist(), strict=True)
        ),
        confidence=(None,) * len(starts),
        overlap=tuple(turns.overlap.tolist()),
    )


def change_odds(words: Sequence[Word], starts: Times, ends: Times, diarization: Diarization) -> Floats:
    """Log-odds of a change of speaker between each word and the next, shape ``(words - 1,)``."""
    pause, sentence = _pauses(starts, ends), _sentence_ends(words)
    clause = np.array([ends_clause(word.text) for word in words[:-1]], dtype=np.bool_) & ~sentence
    odds = (
        CHANGE
        + CHANGE_AT_PAUSE * pause
        + CHANGE_AT_SENTENCE * sentence
        + CHANGE_AT_CLAUSE * clause
        + CHANGE_DIARIZED * _changes_in_gaps(starts, ends, diarization)
    )
    touching = [touches(word.text, behind.text, leading_space=behind.leading_space) for word, behind in pairwise(words)]
    inside_word = np.array(touching, dtype=np.bool_) & ~pause & ~sentence
    return np.where(inside_word, CHANGE_INSIDE_WORD, odds)


def speaker_probabilities(evidence: Floats, odds: Floats) -> Floats:
    """Probability of each speaker for each word, given all words.

    Parameters
    ----------
    evidence : ndarray, shape (words, speakers)
        Log-likelihoods, each row up to a constant; any size but empty. A row counts up to 30 nats.
    odds : ndarray, shape (words - 1,)
        Log-odds of a change between two words, to all other speakers alike; inf for words that have nothing to do with
        each other.

    Returns
    -------
    ndarray, float64, shape (words, speakers)
        Rows sum to 1. O(words x speakers): a change is alike for all pairs.
    """
    number = evidence.shape[1]
    likelihood = np.exp(np.maximum(evidence - evidence.max(axis=1, keepdims=True), -MOST_EVIDENCE))
    # Beyond independence a change would be more probable than the speaker's own share.
    change = np.minimum(1.0 / (1.0 + np.exp(-odds)), (number - 1) / number)
    to_other = (change / max(number - 1, 1)).tolist()
    forward, backward = np.empty_like(likelihood), np.empty_like(likelihood)
    forward[0] = likelihood[0] / likelihood[0].sum()
    for row, other in enumerate(to_other, start=1):
        reached = likelihood[row] * ((1.0 - number * other) * forward[row - 1] + other)
        forward[row] = reached / reached.sum()
    backward[-1] = 1.0
    for row in range(len(to_other) - 1, -1, -1):
        ahead = likelihood[row + 1] * backward[row + 1]
        ahead /= ahead.sum()
        backward[row] = (1.0 - number * to_other[row]) * ahead + to_other[row]
    joint = forward * backward
    probabilities: Floats = joint / joint.sum(axis=1, keepdims=True)
    return probabilities


def _calibrated(probability: Floats, turns: TurnEvidence) -> Floats:
    sharpness = np.where(turns.overlap, SHARPNESS_IN_OVERLAP, SHARPNESS)
    chosen, others = probability**sharpness, np.maximum(1.0 - probability, 0.0) ** sharpness
    # Where no turn is, it may be nobody of these: half as sure at the distance from which on nobody is named.
    present = 1.0 - 0.5 * np.minimum(turns.distance / NEAR_S, 1.0)
    calibrated: Floats = present * chosen / (chosen + others)
    return calibrated


def _nobody(turns: TurnEvidence, number: int) -> Attribution:
    return Attribution(speakers=(None,) * number, confidence=(None,) * number, overlap=tuple(turns.overlap.tolist()))


def _pauses(starts: Times, ends: Times) -> npt.NDArray[np.bool_]:
    long: npt.NDArray[np.bool_] = starts[1:] - ends[:-1] >= PAUSE_S
    return long


def _sentence_ends(words: Sequence[Word]) -> npt.NDArray[np.bool_]:
    return np.array([ends_sentence(word.text, behind.text) for word, behind in pairwise(words)], dtype=np.bool_)


def _changes_in_gaps(starts: Times, ends: Times, diarization: Diarization) -> npt.NDArray[np.bool_]:
    """Tell for each gap between words whether the exclusive speaker changes in it, give or take the tolerance."""
    segments = diarization.segments
    # Where one speaker hands over to another across a silence, both its edges are candidates.
    handovers = [(a.end, b.start) for a, b in pairwise(segments) if a.speaker_id != b.speaker_id]
    changes = np.unique(np.array(handovers, dtype=np.float64).ravel())
    first = np.searchsorted(changes, ends[:-1] - CHANGE_TOLERANCE_S, side="left")
    last = np.searchsorted(changes, starts[1:] + CHANGE_TOLERANCE_S, side="right")
    return last > first
