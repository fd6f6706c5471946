from __future__ import annotations

import itertools

import numpy as np

from oolong_align.alignment.word_speakers import speaker_probabilities


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
