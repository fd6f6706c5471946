"""The speaker model of words, against sums over all paths and examples worked by hand."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from math import exp

import numpy as np
import pytest

from oolong_align.alignment.word_speakers import attribute_words, change_odds, speaker_probabilities
from oolong_align.types import Diarization, DiarizeSegment, FloatArray, SpeakerSegment, Word


class Evidence:
    """Speaker evidence with the same scores for all spans."""

    def __init__(self, scores: Mapping[int, float]) -> None:
        self._scores = dict(scores)

    def embed(self, start: float, end: float) -> FloatArray:
        return np.zeros(4, dtype=np.float32)

    def scores(self, start: float, end: float) -> dict[int, float]:
        return self._scores


def diarization(*turns: tuple[float, float, int], evidence: Evidence | None = None) -> Diarization:
    return Diarization(
        segments=tuple(SpeakerSegment(*turn) for turn in turns),
        turns=tuple(DiarizeSegment(*turn) for turn in turns),
        speech=(),
        duration=60.0,
        voice=evidence,
    )


def odds_between(first: Word, second: Word, *turns: tuple[float, float, int]) -> float:
    starts, ends = np.array([first.start, second.start]), np.array([first.end, second.end])
    (odds,) = change_odds([first, second], starts, ends, diarization(*turns))
    return float(odds)


def test_probabilities_equal_the_sum_over_all_paths() -> None:
    random = np.random.default_rng(7)
    for _ in range(20):
        evidence, odds = 3 * random.standard_normal((5, 3)), random.uniform(-6, 0.5, 4)
        change = 1 / (1 + np.exp(-odds))
        expected = np.zeros((5, 3))
        for path in itertools.product(range(3), repeat=5):
            steps = np.where(np.diff(path) != 0, change / 2, 1 - change)
            expected[np.arange(5), list(path)] += np.exp(evidence[np.arange(5), list(path)].sum()) * steps.prod()
        expected /= expected.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(speaker_probabilities(evidence, odds), expected, rtol=1e-9)


def test_independent_words_do_not_influence_each_other() -> None:
    evidence = np.array([[9.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    together = speaker_probabilities(evidence, np.full(2, np.inf))
    alone = np.concatenate([speaker_probabilities(row[None], np.zeros(0)) for row in evidence])
    np.testing.assert_allclose(together, alone)
    assert speaker_probabilities(np.zeros((2, 1)), np.zeros(1)).tolist() == [[1.0], [1.0]]


def test_contradicting_words_that_never_change_still_have_probabilities() -> None:
    evidence = np.array([[0.0, 1e6], [1e6, 0.0]] * 200)
    assert np.isfinite(speaker_probabilities(evidence, np.full(399, -6.0))).all()


def test_the_evidence_of_one_word_is_limited() -> None:
    # Two changes cost 40 nats or 20, and the word in the middle counts only 30.
    evidence = np.array([[25.0, 0.0], [0.0, 1000.0], [25.0, 0.0]])
    assert speaker_probabilities(evidence, np.full(2, -20.0)).argmax(axis=1).tolist() == [0, 0, 0]
    assert speaker_probabilities(evidence, np.full(2, -10.0)).argmax(axis=1).tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("text", "pause", "turns", "expected"),
    [
        ("well", 0.0, (), -1.5),
        ("well", 0.49, (), -1.5),
        ("well", 0.5, (), -0.5),  # a pause
        ("well,", 0.0, (), -0.75),  # a clause
        ("well.", 0.0, (), 0.5),  # a sentence
        ("well.", 0.6, (), 1.5),
        ("well", 0.0, ((0.0, 1.14, 0), (1.14, 2.0, 1)), -0.5),  # a change of the diarizer within 0.15 s
        ("well", 0.0, ((0.0, 1.16, 0), (1.16, 2.0, 1)), -1.5),
        ("well", 0.0, ((0.0, 0.5, 0), (0.9, 2.0, 1)), -0.5),  # the end of a silence between two speakers
        ("well", 0.0, ((0.0, 1.0, 0), (1.0, 2.0, 0)), -1.5),
        ("well.", 0.6, ((0.0, 1.0, 0), (1.6, 2.0, 1)), 2.5),
    ],
)
def test_log_odds_of_a_change(
    text: str, pause: float, turns: tuple[tuple[float, float, int], ...], expected: float
) -> None:
    second = Word(1.0 + pause, 2.0 + pause, "Then")
    assert odds_between(Word(0.0, 1.0, text), second, *turns) == pytest.approx(expected)


def test_a_split_word_rarely_changes_its_speaker() -> None:
    turns = ((0.0, 1.0, 0), (1.0, 2.0, 1))
    first, second = Word(0.0, 1.0, "twenty"), Word(1.0, 2.0, "-one", leading_space=False)
    assert odds_between(first, second, *turns) == -6.0


@pytest.mark.parametrize(
    ("scores", "speaker", "log_odds"),
    [
        (None, 0, 3.0),  # the turns alone
        ({}, 0, 3.0),  # no embedding
        # The turns count 0.5. The span of 0.8 s has a trust of 0.8 / (0.8 + 0.5), and the weight is 4.
        ({0: 0.5, 1: 0.1}, 0, 0.5 + 4 * 0.8 / 1.3),  # the margin is its own unit
        ({0: 0.45, 1: 0.4}, 0, 0.5 + 4 * 0.8 / 1.3 * 0.05 / 0.1),  # the smallest unit is 0.1
        ({0: 0.2, 1: 0.4}, 1, -0.5 + 4 * 0.8 / 1.3 * 0.2 / 0.33),  # no word agrees with the turns: a unit of 0.33
    ],
)
def test_a_single_word_by_hand(scores: dict[int, float] | None, speaker: int, log_odds: float) -> None:
    # A turn that covers the word and its surroundings scores 1, a distant turn 0.
    evidence = None if scores is None else Evidence(scores)
    given = diarization((0.0, 10.0, 0), (20.0, 30.0, 1), evidence=evidence)
    found = attribute_words([Word(5.0, 5.4, "yes")], np.array([5.0]), np.array([5.4]), given)
    assert found.speakers == (speaker,)
    # Temperature scaling multiplies the log-odds by 0.6.
    assert found.confidence[0] == pytest.approx(1 / (1 + exp(-0.6 * log_odds)))


def test_the_confidence_decreases_with_the_distance_to_the_turns() -> None:
    starts, ends = np.array([1.75, 2.4]), np.array([2.0, 2.45])
    words = [Word(1.75, 2.0, "near"), Word(2.4, 2.45, "far")]
    found = attribute_words(words, starts, ends, diarization((0.0, 1.0, 0)))
    # With one speaker, the probability is 1. It is halved at 1.5 s.
    assert found.confidence == pytest.approx((1 - 0.5 * 0.75 / 1.5, 1 - 0.5 * 1.4 / 1.5))
