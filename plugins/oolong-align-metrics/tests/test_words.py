from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from math import isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oolong_align_metrics import Turn, WordErrors, cp_errors, word_errors

from oolong_align.types import Word


def said(text: str) -> list[Word]:
    """Words such as ``A:yes``, or ``yes`` without a speaker; one per second."""
    parts = [each.rpartition(":") for each in text.split()]
    return [Word(at, at + 0.9, word, speaker=name or None) for at, (name, _, word) in enumerate(parts)]


def turns(*texts: str) -> list[Turn]:
    """Turns such as ``A: how are you``, with one second per word."""
    found: list[Turn] = []
    for each in texts:
        speaker, _, text = each.partition(": ")
        start = found[-1].end if found else 0.0
        found.append(Turn(start, start + len(text.split()), speaker, text))
    return found


def score(reference: Sequence[Turn], hypothesis: Sequence[Word]) -> WordErrors:
    return word_errors(reference, hypothesis, language="en")


def test_an_example_by_hand() -> None:
    reference = turns("A: how are you today", "B: fine", "A: good to hear that")
    errors = score(reference, said("X:how X:are X:you Y:fine Y:well Y:good X:too hear X:that"))
    # "today" is missed and "well" inserted: as many edits as "fine well" for "today fine", and one more correct word.
    assert (errors.words, errors.substitutions, errors.deletions, errors.insertions) == (9, 1, 1, 1)
    assert errors.word_error_rate == pytest.approx(3 / 9)
    # X is A and Y is B: "good" has the wrong speaker, "hear" has none, "too" for "to" is right.
    assert (errors.recognised, errors.wrong_speaker, errors.no_speaker) == (8, 2, 1)
    assert errors.speaker_error_rate == 2 / 8
    assert errors.no_speaker_rate == 1 / 8
    assert (errors.short_recognised, errors.short_wrong_speaker) == (1, 0)
    # A lacks "today", "good" and "hear" and has "too"; B has "well" and "good" too many; "hear" has no speaker.
    assert errors.cp_errors == 7


def test_short_turns_are_counted_separately() -> None:
    reference = turns("A: shall we go there together", "B: i don't know", "A: then we stay here", "B: yes")
    errors = score(
        reference, said("X:shall X:we X:go X:there X:together Y:i Y:don't X:know X:then X:we X:stay X:here yes")
    )
    assert errors.substitutions + errors.deletions + errors.insertions == 0
    assert (errors.short_recognised, errors.short_wrong_speaker, errors.short_no_speaker) == (5, 2, 1)
    assert errors.short_speaker_error_rate == 2 / 5
    assert errors.short_no_speaker_rate == 1 / 5


def test_simultaneous_words_keep_their_speakers() -> None:
    """A plain edit over turns sorted by start would align "no" with a word of the other speaker."""
    reference = [Turn(0, 6, "A", "one more thing we should know"), Turn(3, 4, "B", "no")]
    errors = score(reference, said("X:one X:more X:thing Y:no X:we X:should X:know"))
    assert errors.word_error_rate == errors.speaker_error_rate == 0


def test_unscored_ranges_are_skipped() -> None:
    reference = [*turns("A: hello there"), Turn(2, 5, "A", "IGNORE_TIME_SEGMENT_IN_SCORING"), Turn(5, 6, "A", "bye")]
    errors = score(reference, said("X:hello X:there Y:what Y:ever Y:else X:bye"))
    assert (errors.words, errors.insertions, errors.recognised, errors.cp_errors) == (3, 0, 3, 0)


def test_rates_are_nan_without_words() -> None:
    empty = score([], [])
    assert all(isnan(rate) for rate in (empty.word_error_rate, empty.speaker_error_rate, empty.cp_word_error_rate))
    assert score(turns("A: yes please"), []).word_error_rate == 1
    assert score([], said("X:yes")).insertions == 1


def test_counts_add_up() -> None:
    one = score(turns("A: yes please"), said("X:yes"))
    both = WordErrors.sum([one, score(turns("B: no"), said("no"))])
    assert (both.words, both.deletions, both.recognised, both.wrong_speaker, both.no_speaker) == (3, 1, 2, 1, 1)


WORDS = st.sampled_from(["yes", "no", "room", "money", "we", "go"])
TURNS = st.lists(st.tuples(st.sampled_from("ABC"), st.lists(WORDS, min_size=1, max_size=5)), min_size=1, max_size=8)


@given(TURNS, st.lists(st.tuples(WORDS, st.sampled_from(["X", "Y", "Z", None])), max_size=25))
def test_names_do_not_matter_and_counts_agree(
    spoken: list[tuple[str, list[str]]], recognised: list[tuple[str, str]]
) -> None:
    reference = turns(*(f"{speaker}: {' '.join(words)}" for speaker, words in spoken))
    hypothesis = [Word(at, at + 1, word, speaker=speaker) for at, (word, speaker) in enumerate(recognised)]
    errors = score(reference, hypothesis)
    other = {"X": "Z", "Y": "X", "Z": "Y", None: None}
    assert errors == score(reference, [replace(word, speaker=other[word.speaker]) for word in hypothesis])
    assert errors.words == errors.recognised + errors.deletions
    assert len(hypothesis) == errors.recognised + errors.insertions
    assert errors.no_speaker <= errors.wrong_speaker <= errors.recognised
    assert errors.short_wrong_speaker <= errors.wrong_speaker
    edits = errors.substitutions + errors.deletions + errors.insertions
    untimed = score(reference, [replace(word, start=nan, end=nan) for word in hypothesis])
    assert untimed.substitutions + untimed.deletions + untimed.insertions == edits


@given(TURNS)
def test_a_perfect_hypothesis_has_no_errors(spoken: list[tuple[str, list[str]]]) -> None:
    reference = turns(*(f"{speaker}: {' '.join(words)}" for speaker, words in spoken))
    recognised = said(" ".join(f"{speaker.lower()}:{word}" for speaker, words in spoken for word in words))
    errors = score(reference, recognised)
    assert errors.recognised == errors.words == len(recognised)
    assert not any((errors.substitutions, errors.insertions, errors.cp_errors, errors.wrong_speaker))


def streams(texts: Sequence[str], prefix: str) -> dict[str, list[str]]:
    return {f"{prefix}{number}": text.split() for number, text in enumerate(texts)}


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        (["a b c", "d e f"], ["a b c", "d e f"], 0),
        (["a b", "c d"], ["a b", "c d", "e f"], 2),
        (["a", "b", "c d"], ["a", "b"], 2),
        (["a", "b", "c"], ["b", "c", "d", "a"], 1),
        (["a b"], ["z", "a e f"], 3),
        (["a b", "k"], [" ", "a e f"], 3),
    ],
)
def test_cpwer_has_the_documented_values_of_meeteval(
    reference: list[str], hypothesis: list[str], expected: int
) -> None:
    """Examples of ``meeteval.wer.cp_word_error_rate`` (0.4.3)."""
    assert cp_errors(streams(reference, "r"), streams(hypothesis, "h")) == expected


def test_cpwer_agrees_with_meeteval() -> None:
    meeteval = pytest.importorskip("meeteval", reason="meeteval is built from source: pip install meeteval")
    choice = random.Random(0)
    for _ in range(100):
        reference, hypothesis = (
            [" ".join(choice.choices("abcde", k=choice.randint(0, 12))) for _ in range(choice.randint(1, 5))]
            for _ in range(2)
        )
        theirs = meeteval.wer.cp_word_error_rate(reference, hypothesis)
        assert cp_errors(streams(reference, "r"), streams(hypothesis, "h")) == theirs.errors
