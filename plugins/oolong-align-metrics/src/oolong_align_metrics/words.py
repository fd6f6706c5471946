"""Errors of recognised words and of their speakers: WER, cpWER and WDER."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import accumulate
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from rapidfuzz.distance import Levenshtein
from scipy.optimize import linear_sum_assignment

from oolong_align.errors import InputError
from oolong_align.types import Word
from oolong_align_metrics.interleaving import RecognisedWord, SpokenWord, align_words
from oolong_align_metrics.normalisation import normalise
from oolong_align_metrics.readers import Hypothesis, Turn, read_hypothesis, read_stm

__all__ = ["WordErrors", "cp_errors", "score_files", "word_errors"]

Speaker = TypeVar("Speaker", str, str | None)

SHORT_TURN: Final = 3
"""Maximum number of words in a short turn."""
_APOSTROPHE: Final = re.compile("['\u2019]")


@dataclass(frozen=True, slots=True, kw_only=True)
class WordErrors:
    """Counts of one or several recordings, after normalisation.

    Attributes
    ----------
    words : int
        Words of the reference.
    substitutions, deletions, insertions : int
        Edits of the cheapest alignment, without regard to speakers.
    cp_errors : int
        Edits between the words of each reference speaker and the words of the mapped speaker.
    recognised : int
        Hypothesis words that are aligned with a reference word, correct or substituted.
    wrong_speaker : int
        Recognised words with a wrong speaker or without a speaker.
    no_speaker : int
        Recognised words without a speaker.
    short_recognised, short_wrong_speaker, short_no_speaker : int
        The same in reference turns of at most three words.
    """

    words: int
    substitutions: int
    deletions: int
    insertions: int
    cp_errors: int
    recognised: int
    wrong_speaker: int
    no_speaker: int
    short_recognised: int
    short_wrong_speaker: int
    short_no_speaker: int

    @property
    def word_error_rate(self) -> float:
        """WER, ``(substitutions + deletions + insertions) / words``; like all rates, NaN if nothing is counted."""
        return _rate(self.substitutions + self.deletions + self.insertions, self.words)

    @property
    def cp_word_error_rate(self) -> float:
        """CpWER, ``cp_errors / words``."""
        return _rate(self.cp_errors, self.words)

    @property
    def speaker_error_rate(self) -> float:
        """WDER, ``wrong_speaker / recognised``."""
        return _rate(self.wrong_speaker, self.recognised)

    @property
    def no_speaker_rate(self) -> float:
        """Share of recognised words without a speaker, which is part of WDER."""
        return _rate(self.no_speaker, self.recognised)

    @property
    def short_speaker_error_rate(self) -> float:
        """WDER in reference turns of at most three words, under the same mapping of speakers."""
        return _rate(self.short_wrong_speaker, self.short_recognised)

    @property
    def short_no_speaker_rate(self) -> float:
        """Share of recognised words in short turns without a speaker."""
        return _rate(self.short_no_speaker, self.short_recognised)

    @classmethod
    def sum(cls, parts: Iterable[WordErrors]) -> WordErrors:
        """Counts of several recordings together."""
        listed = list(parts)
        return cls(**{field.name: sum(getattr(part, field.name) for part in listed) for field in fields(cls)})


def score_files(reference: Path, hypothesis: Path, *, language: str | None = None) -> WordErrors:
    """Score the words of one recording from its files.

    Parameters
    ----------
    reference : Path
        STM file with one recording.
    hypothesis : Path
        JSON from oolong-align, WhisperX or Whisper; see `oolong_align_metrics.read_hypothesis`.
    language : str, optional
        Language of the normaliser; by default that of the hypothesis.

    Returns
    -------
    WordErrors

    Raises
    ------
    InputError
        If a file cannot be read, or the reference does not have exactly one recording.
    """
    recordings = read_stm(reference)
    if len(recordings) != 1:
        raise InputError(f"{reference}: Found {len(recordings)} recordings, expected one")
    (turns,) = recordings.values()
    return word_errors(turns, read_hypothesis(hypothesis), language=language)


def word_errors(
    reference: Sequence[Turn], hypothesis: Hypothesis | Sequence[Word], *, language: str | None = None
) -> WordErrors:
    """Count the errors in the words of a recording and in their speakers.

    The words are aligned by a cheapest edit that allows all orders of overlapping turns and ignores speakers
    (`oolong_align_metrics.align_words`). The word-level diarization error rate is ``(S_IS + C_IS) / (S + C)``: among
    the correct (C) and substituted (S) words, the share with an incorrect speaker (IS). The speakers of both sides are
    mapped one to one such that most words are correct. A word without a speaker is wrong.

    Parameters
    ----------
    reference : sequence of Turn
        Turns with their text. Turns with the text ``ignore_time_segment_in_scoring`` are not scored, nor are hypothesis
        words whose middle is inside such a turn.
    hypothesis : Hypothesis or sequence of Word
        Recognised words in order, with or without speakers and times.
    language : str, optional
        Language of the normaliser; by default that of the hypothesis. If it is unknown, the general rules apply.

    Returns
    -------
    WordErrors

    References
    ----------
    Shafey, Soltau & Shafran (2019), "Joint Speech Recognition and Speaker Diarization via Sequence Transduction"
    (WDER). Watanabe et al. (2020), "CHiME-6 Challenge" (cpWER).
    """
    words: Sequence[Word] = hypothesis.words if isinstance(hypothesis, Hypothesis) else hypothesis
    if language is None:
        language = hypothesis.language if isinstance(hypothesis, Hypothesis) else ""
    ignored = [turn for turn in reference if not turn.is_scored]
    words = [word for word in words if not any(turn.start <= _middle(word) < turn.end for turn in ignored)]
    spoken, short = _spoken_words(sorted(turn for turn in reference if turn.is_scored), language)
    tokens = normalise([word.text for word in words], language)
    recognised = [RecognisedWord(text, words[index].start, words[index].end) for text, index in tokens]
    speakers = [words[index].speaker for _, index in tokens]

    pairs = align_words(spoken, recognised)
    matched = [(i, j) for i, j in pairs if i is not None and j is not None]
    mapping = _best_mapping([(spoken[i].speaker, speakers[j]) for i, j in matched])
    wrong = [(i, j) for i, j in matched if mapping.get(speakers[j]) != spoken[i].speaker]
    unassigned = [(i, j) for i, j in matched if speakers[j] is None]
    return WordErrors(
        words=len(spoken),
        substitutions=sum(spoken[i].text != recognised[j].text for i, j in matched),
        deletions=sum(j is None for _, j in pairs),
        insertions=sum(i is None for i, _ in pairs),
        cp_errors=cp_errors(
            _by_speaker((word.speaker, word.text) for word in spoken),
            _by_speaker(zip(speakers, (word.text for word in recognised), strict=True)),
        ),
        recognised=len(matched),
        wrong_speaker=len(wrong),
        no_speaker=len(unassigned),
        short_recognised=sum(short[i] for i, _ in matched),
        short_wrong_speaker=sum(short[i] for i, _ in wrong),
        short_no_speaker=sum(short[i] for i, _ in unassigned),
    )


def cp_errors(reference: Mapping[str, Sequence[str]], hypothesis: Mapping[str | None, Sequence[str]]) -> int:
    """Count the edits of the concatenated minimum-permutation word error rate (cpWER).

    Parameters
    ----------
    reference, hypothesis : mapping of speaker to sequence of str
        Words of each speaker in order. Speakers are mapped one to one such that the number of edits is minimal. All
        words of unmapped speakers and of the speaker ``None`` are deletions or insertions.

    Returns
    -------
    int

    Examples
    --------
    >>> cp_errors({"a": ["good", "day"], "b": ["hi"]}, {"x": ["hi"], "y": ["good", "bye"]})
    1
    """
    spoken = list(reference.values())
    recognised = [words for speaker, words in hypothesis.items() if speaker is not None]
    size = max(len(spoken), len(recognised))
    spoken += [()] * (size - len(spoken))
    recognised += [()] * (size - len(recognised))
    costs = np.array([[Levenshtein.distance(a, b) for b in recognised] for a in spoken], dtype=np.int64).reshape(
        size, size
    )
    return int(costs[linear_sum_assignment(costs)].sum()) + len(hypothesis.get(None, ()))


def _spoken_words(turns: Sequence[Turn], language: str) -> tuple[list[SpokenWord], list[bool]]:
    """Reference tokens, and whether their turn is short. The time of a turn is spread over its letters."""
    words: list[SpokenWord] = []
    short: list[bool] = []
    for turn in turns:
        written = turn.text.split()
        tokens = [text for text, _ in normalise(written, language)]
        edges = list(accumulate((len(text) for text in tokens), initial=0))
        rate = (turn.end - turn.start) / max(edges[-1], 1)
        is_short = len(normalise([_APOSTROPHE.sub("", word) for word in written], "")) <= SHORT_TURN
        for text, first, last in zip(tokens, edges, edges[1:], strict=False):
            start, end = turn.start + first * rate, turn.start + last * rate
            words.append(SpokenWord(text, start, end, turn.speaker, turn.start, turn.end))
            short.append(is_short)
    return words, short


def _best_mapping(pairs: Sequence[tuple[str, str | None]]) -> dict[str | None, str]:
    """Reference speaker for each hypothesis speaker, such that most words are correct."""
    counts = Counter((theirs, ours) for theirs, ours in pairs if ours is not None)
    # In order of appearance, so that names do not decide between equally good mappings.
    theirs = list(dict.fromkeys(a for a, _ in counts))
    ours = list(dict.fromkeys(b for _, b in counts if b is not None))
    table = np.array([[counts[a, b] for b in ours] for a in theirs], dtype=np.int64).reshape(len(theirs), len(ours))
    return {ours[column]: theirs[row] for row, column in zip(*linear_sum_assignment(-table), strict=True)}


def _by_speaker(words: Iterable[tuple[Speaker, str]]) -> dict[Speaker, list[str]]:
    streams: dict[Speaker, list[str]] = {}
    for speaker, text in words:
        streams.setdefault(speaker, []).append(text)
    return streams


def _middle(word: Word) -> float:
    return (word.start + word.end) / 2


def _rate(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
