from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
import workshop


@pytest.fixture(scope="module")
def calibration() -> ModuleType:
    return workshop.scripts("calibration").calibration


def measured(calibration: ModuleType, *blocks: np.ndarray) -> object:
    histograms = calibration.Histograms(1)
    for take in (histograms.widen, histograms.count):
        for block in blocks:
            take([block])
    return histograms


def test_the_observed_range_holds_all_blocks_and_zero(calibration: ModuleType) -> None:
    histograms = measured(calibration, np.array([1.0, 3.0]), np.array([2.0, 7.0]))
    assert histograms.bounds(0, "minmax") == (0.0, 7.0)
    assert histograms.counts.sum() == 4


def test_percentiles_leave_half_of_the_rest_out_at_either_end(calibration: ModuleType) -> None:
    values = np.linspace(-1, 3, 400_001)
    low, high = measured(calibration, values).bounds(0, "percentile-99.99")
    assert (low, high) == pytest.approx((-1 + 2e-4, 3 - 2e-4), abs=2e-3)
    outlier = np.append(values, 40.0)
    low, high = measured(calibration, outlier).bounds(0, "percentile-99.99")
    assert high < 3.1
    low, _ = measured(calibration, np.abs(values) + 5).bounds(0, "percentile-99.99")
    assert low == 0.0


@pytest.mark.parametrize("method", ["mse", "entropy"])
def test_lone_outliers_are_cut_off_and_a_flat_distribution_is_kept(calibration: ModuleType, method: str) -> None:
    flat = np.linspace(-2, 2, 100_000)
    assert measured(calibration, flat).bounds(0, method) == pytest.approx((-2, 2), rel=0.03)
    peaked = np.random.default_rng(0).normal(0, 0.5, 1_000_000)
    low, high = measured(calibration, np.append(peaked, [-16.0, 16.0])).bounds(0, method)
    assert -low == high < 6


def test_least_squares_beats_every_other_share(calibration: ModuleType) -> None:
    values = np.random.default_rng(0).standard_t(3, 200_000)
    histograms = measured(calibration, values)
    low, high = histograms.bounds(0, "mse")

    def error(low: float, high: float) -> float:
        step = (high - low) / 255
        rounded = np.clip(np.round(values / step), np.round(low / step), np.round(high / step)) * step
        return float(np.mean((rounded - values) ** 2))

    best = error(low, high)
    for share in (0.5, 0.8, 1.25):
        assert best < error(share * low, share * high)
    assert best < error(*histograms.bounds(0, "minmax"))


@pytest.mark.parametrize("method", ["minmax", "percentile-99.99", "percentile-99.999", "mse", "entropy"])
def test_a_tensor_of_zeros_has_an_empty_range(calibration: ModuleType, method: str) -> None:
    assert method in calibration.METHODS
    assert measured(calibration, np.zeros(10)).bounds(0, method) == (0.0, 0.0)
