from __future__ import annotations

import numpy as np
import pytest

from oolong_align.diarization.vbx import vbx


def test_one_iteration_worked_by_hand() -> None:
    """One dimension, phi 1, Fa = Fb = 1, two points at +-2, each its own cluster.

    The initial responsibilities are softmax(7, 0) = (g, 1 - g). Then 1 / invL = 1 + 1 = 2 for both speakers, the
    speaker means are +-(2g - 1), and the odds of the point at 2 are exp(2 * 2 * mean).
    """
    g = np.exp(7) / (np.exp(7) + 1)
    mean = 0.5 * 2 * (2 * g - 1)
    odds = np.exp(2 * 2 * mean)
    responsibilities, priors = vbx(
        np.array([[2.0], [-2.0]]), np.array([1.0]), np.array([0, 1]), fa=1.0, fb=1.0, max_iterations=1
    )
    assert responsibilities[0, 0] == pytest.approx(odds / (1 + odds))
    assert priors == pytest.approx([0.5, 0.5])


def test_a_superfluous_speaker_loses_its_prior() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(2, 16)) * 6
    features = centres[np.arange(60) % 2] + rng.normal(size=(60, 16))
    split = np.arange(60) % 2 + 2 * (np.arange(60) % 4 == 0)
    _, labels = np.unique(split, return_inverse=True)
    responsibilities, priors = vbx(features, np.full(16, 30.0), labels, fa=0.3, fb=8.0, max_iterations=20)
    assert (priors > 1e-7).sum() == 2
    assert len(np.unique(responsibilities.argmax(axis=1)[::2])) == 1


def test_responsibilities_are_distributions() -> None:
    rng = np.random.default_rng(1)
    responsibilities, priors = vbx(
        rng.normal(size=(30, 4)), np.ones(4), rng.integers(0, 3, 30), fa=0.07, fb=0.8, max_iterations=20
    )
    np.testing.assert_allclose(responsibilities.sum(axis=1), 1.0)
    assert priors.sum() == pytest.approx(1.0)


def test_a_weight_counts_as_that_many_observations() -> None:
    """A point of weight 2 moves the mean as two points do, and its responsibilities are as certain as theirs."""
    rng = np.random.default_rng(2)
    features, labels = rng.normal(size=(20, 4)), np.arange(20) % 2
    doubled, _ = vbx(features, np.ones(4), labels, fa=0.2, fb=0.8, max_iterations=1, weights=np.full(20, 2.0))
    scaled, _ = vbx(features, np.ones(4), labels, fa=0.4, fb=0.8, max_iterations=1)
    np.testing.assert_allclose(doubled, scaled)
    first = np.r_[2.0, np.ones(19)]
    heavier, _ = vbx(features, np.ones(4), labels, fa=0.2, fb=0.8, max_iterations=1, weights=first)
    lighter, _ = vbx(features, np.ones(4), labels, fa=0.2, fb=0.8, max_iterations=1)
    assert heavier[0, 0] > lighter[0, 0]
