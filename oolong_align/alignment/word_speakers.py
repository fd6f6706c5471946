"""Assigns a speaker to each word, jointly for all words of a recording.

The words are a hidden Markov chain with the speakers as states. Each word has evidence for each speaker, from the turns
and from the embedding of the speech around it. Between two words, the probability of a speaker change is high where
speakers usually change (after a sentence, in a pause, where the diarizer found a change) and low within a phrase. Each
word is assigned to its most probable speaker, given the evidence of all words (forward-backward algorithm). This
minimises the expected number of wrong words. The calibrated probability is the confidence of the word.

All weights are in nats. They maximise the likelihood of the true speakers in simulated conversations, and are rounded.

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

from oolong_align.alignment.speaker_similarity import measure_similarity
from oolong_align.alignment.turn_evidence import NEAR_S, TurnEvidence, overlapped_seconds, weigh_turns
from oolong_align.alignment.word_times import Times
from oolong_align.text.scripts import ends_clause, ends_sentence, touches
from oolong_align.types import Diarization, Word

__all__ = ["Attribution", "attribute_by_overlap", "attribute_words", "change_odds", "speaker_probabilities"]

PAUSE_S: Final = 0.5
CHANGE_TOLERANCE_S: Final = 0.15

SIMILARITY_WEIGHT: Final = 4.0
TURN_WEIGHT: Final = 3.0
# A diarizer derives its turns from the same embeddings, so together with these the turns add little information.
TURN_WEIGHT_WITH_SIMILARITY: Final = 0.5
MAX_EVIDENCE: Final = 30.0

# Log-odds of a speaker change between two words. They are added.
CHANGE: Final = -1.5
CHANGE_AT_PAUSE: Final = 1.0
CHANGE_AT_SENTENCE: Final = 2.0
CHANGE_AT_CLAUSE: Final = 0.75
CHANGE_DIARIZED: Final = 1.0
# Replaces all others if a recogniser has split a word.
CHANGE_INSIDE_WORD: Final = -6.0

# The chain is overconfident, because embeddings of neighbouring words overlap, and an embedding of two simultaneous
# speakers resembles a third speaker. These factors of the log-odds calibrate the probabilities (Guo et al. 2017).
SHARPNESS: Final = 0.6
SHARPNESS_IN_OVERLAP: Final = 0.4

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """Speakers of N words.

    Attributes
    ----------
    speakers : tuple of (int or None)
        Speaker id of each word, ``None`` if no speaker is near.
    confidence : tuple of (float or None)
        Probability of the speaker, in [0, 1]; ``None`` without a speaker, or if the rule has no probabilities.
    overlap : tuple of bool
        Whether turns of at least two speakers cover the word.
    """

    speakers: tuple[int | None, ...]
    confidence: tuple[float | None, ...]
    overlap: tuple[bool, ...]


def attribute_words(words: Sequence[Word], starts: Times, ends: Times, diarization: Diarization) -> Attribution:
    """Assign each word its most probable speaker. Cost: O(speakers x words log turns) and the embedding of each word.

    Parameters
    ----------
    words : sequence of Word
        Only their texts are used.
    starts, ends : ndarray, float64, shape (words,)
        Times returned by `oolong_align.alignment.word_times.sanitise_times`.
    diarization : Diarization
        Turns, and speaker evidence if available.
    """
    turns = weigh_turns(starts, ends, diarization)
    if not len(words) or not turns.speakers:
        return _no_speakers(turns, len(words))
    odds = change_odds(words, starts, ends, diarization)
    evidence = TURN_WEIGHT * turns.emission
    if diarization.voice is not None and len(turns.speakers) > 1:
        breaks = np.flatnonzero(_pauses(starts, ends) | _sentence_ends(words)) + 1
        by_turns = turns.emission.argmax(axis=1)
        similarity = measure_similarity(diarization.voice, turns.speakers, by_turns, starts, ends, breaks)
        both = TURN_WEIGHT_WITH_SIMILARITY * turns.emission + SIMILARITY_WEIGHT * similarity
        evidence = np.where(np.isnan(similarity), evidence, both)
    unassigned = turns.is_unassigned
    evidence[unassigned] = 0.0
    probabilities = speaker_probabilities(evidence, np.where(unassigned[1:] | unassigned[:-1], np.inf, odds))
    chosen = probabilities.argmax(axis=1)
    best = _calibrated(probabilities.max(axis=1), turns)
    return Attribution(
        speakers=tuple(
            None if is_unassigned else turns.speakers[column]
            for column, is_unassigned in zip(chosen.tolist(), unassigned.tolist(), strict=True)
        ),
        confidence=tuple(
            None if is_unassigned else value
            for value, is_unassigned in zip(best.tolist(), unassigned.tolist(), strict=True)
        ),
        overlap=tuple(turns.overlap.tolist()),
    )


def attribute_by_overlap(starts: Times, ends: Times, diarization: Diarization) -> Attribution:
    """Assign each word to the speaker whose turns overlap it most, ``None`` without overlap; ties go to the lowest id.

    This is the rule of other tools (Bain et al. 2023, "WhisperX"), for comparison. It has no confidence.
    """
    turns = weigh_turns(starts, ends, diarization)
    if not len(starts) or not turns.speakers:
        return _no_speakers(turns, len(starts))
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
    """Return the log-odds of a speaker change between each word and the next, shape ``(words - 1,)``."""
    pause, sentence = _pauses(starts, ends), _sentence_ends(words)
    clause = np.array([ends_clause(word.text) for word in words[:-1]], dtype=np.bool_) & ~sentence
    odds = (
        CHANGE
        + CHANGE_AT_PAUSE * pause
        + CHANGE_AT_SENTENCE * sentence
        + CHANGE_AT_CLAUSE * clause
        + CHANGE_DIARIZED * _changes_in_gaps(starts, ends, diarization)
    )
    touching = [touches(word.text, after.text, leading_space=after.leading_space) for word, after in pairwise(words)]
    inside_word = np.array(touching, dtype=np.bool_) & ~pause & ~sentence
    return np.where(inside_word, CHANGE_INSIDE_WORD, odds)


def speaker_probabilities(evidence: Floats, odds: Floats) -> Floats:
    """Return the probability of each speaker for each word, given the evidence of all words.

    Parameters
    ----------
    evidence : ndarray, shape (words, speakers)
        Log-likelihoods, each row up to a constant; not empty. Differences within a row are limited to 30 nats.
    odds : ndarray, shape (words - 1,)
        Log-odds of a change between two words, equally likely to each other speaker. Words are independent if it is
        inf.

    Returns
    -------
    ndarray, float64, shape (words, speakers)
        Rows sum to 1. Cost: O(words x speakers), because all pairs of speakers have the same transition probability.
    """
    number = evidence.shape[1]
    likelihood = np.exp(np.maximum(evidence - evidence.max(axis=1, keepdims=True), -MAX_EVIDENCE))
    # With a higher probability of change, a speaker would be less likely to continue than to be chosen at random.
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
    # Far from all turns, the word can be of another speaker: the probability is halved at the maximum distance.
    present = 1.0 - 0.5 * np.minimum(turns.distance / NEAR_S, 1.0)
    calibrated: Floats = present * chosen / (chosen + others)
    return calibrated


def _no_speakers(turns: TurnEvidence, number: int) -> Attribution:
    return Attribution(speakers=(None,) * number, confidence=(None,) * number, overlap=tuple(turns.overlap.tolist()))


def _pauses(starts: Times, ends: Times) -> npt.NDArray[np.bool_]:
    long: npt.NDArray[np.bool_] = starts[1:] - ends[:-1] >= PAUSE_S
    return long


def _sentence_ends(words: Sequence[Word]) -> npt.NDArray[np.bool_]:
    return np.array([ends_sentence(word.text, after.text) for word, after in pairwise(words)], dtype=np.bool_)


def _changes_in_gaps(starts: Times, ends: Times, diarization: Diarization) -> npt.NDArray[np.bool_]:
    """Return for each gap between words whether the exclusive speaker changes in it, within the tolerance."""
    segments = diarization.segments
    # If a silence separates two speakers, both of its edges count as changes.
    handovers = [(a.end, b.start) for a, b in pairwise(segments) if a.speaker_id != b.speaker_id]
    changes = np.unique(np.array(handovers, dtype=np.float64).ravel())
    first = np.searchsorted(changes, ends[:-1] - CHANGE_TOLERANCE_S, side="left")
    last = np.searchsorted(changes, starts[1:] + CHANGE_TOLERANCE_S, side="right")
    return last > first
