"""Groups words into utterances of one speaker, split at pauses and, if they are long, at sentences and clauses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from oolong_align.text.scripts import Gap, find_gap
from oolong_align.types import Utterance, Word

__all__ = ["gather_utterances", "longest_before"]

SPLIT_PAUSE_S: Final = 1.0
# After this many seconds, an utterance ends at the next end of a sentence, end of a clause or short pause, or word.
SPLIT_SENTENCE_S: Final = 10.0
SPLIT_CLAUSE_S: Final = 20.0
SPLIT_ANYWHERE_S: Final = 30.0
SHORT_PAUSE_S: Final = 0.25


def gather_utterances(words: Sequence[Word]) -> tuple[Utterance, ...]:
    """Group consecutive words of one speaker. Split at pauses of 1 s, and long utterances at sentences and clauses.

    Parameters
    ----------
    words : sequence of Word
        In order of time, with speakers.
    """
    utterances: list[Utterance] = []
    current: list[Word] = []
    for word in words:
        if current and _splits(current, word):
            utterances.append(_utterance(current))
            current = []
        current.append(word)
    if current:
        utterances.append(_utterance(current))
    return tuple(utterances)


def longest_before(last: Word, following: Word) -> float:
    """Return the length in seconds at which an utterance ends between two words; 0 at a pause that always ends it."""
    pause = following.start - last.end
    if pause >= SPLIT_PAUSE_S:
        return 0.0
    gap = find_gap(last.text, following.text, leading_space=following.leading_space)
    if gap == Gap.SENTENCE:
        return SPLIT_SENTENCE_S
    return SPLIT_CLAUSE_S if gap >= Gap.CLAUSE or pause >= SHORT_PAUSE_S else SPLIT_ANYWHERE_S


def _splits(current: Sequence[Word], word: Word) -> bool:
    last = current[-1]
    return word.speaker != last.speaker or last.end - current[0].start >= longest_before(last, word)


def _utterance(words: Sequence[Word]) -> Utterance:
    return Utterance(words[0].start, words[-1].end, words[0].speaker, tuple(words))
