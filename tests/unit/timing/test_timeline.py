from __future__ import annotations

import numpy as np

from oolong_align.timing.timeline import Timeline


def test_spans_are_merged_and_empty_ones_ignored() -> None:
    timeline = Timeline([(3.0, 4.0), (0.0, 1.0), (0.5, 2.0), (2.0, 2.5), (5.0, 5.0), (9.0, 8.0)])
    assert timeline.starts.tolist() == [0.0, 3.0]
    assert timeline.ends.tolist() == [2.5, 4.0]


def test_covered_seconds_by_hand() -> None:
    timeline = Timeline([(1.0, 2.0), (3.0, 5.0)])
    starts = np.array([0.0, 1.5, 2.0, 0.0, 4.0])
    ends = np.array([1.0, 3.5, 3.0, 9.0, 4.0])
    np.testing.assert_allclose(timeline.covered(starts, ends), [0.0, 1.0, 0.0, 3.0, 0.0])


def test_distance_by_hand() -> None:
    timeline = Timeline([(1.0, 2.0), (3.0, 5.0)])
    starts = np.array([0.0, 2.2, 2.7, 1.2, 7.0])
    ends = np.array([0.4, 2.4, 2.9, 1.3, 8.0])
    np.testing.assert_allclose(timeline.distance(starts, ends), [0.6, 0.2, 0.1, 0.0, 2.0])


def test_trimmed_spans_by_hand() -> None:
    timeline = Timeline([(1.0, 2.0), (3.0, 5.0)])
    starts, ends = timeline.trimmed(np.array([0.0, 1.5, 2.2, 6.0]), np.array([4.0, 2.5, 2.8, 7.0]))
    assert starts[:2].tolist() == [1.0, 1.5]
    assert ends[:2].tolist() == [4.0, 2.0]
    assert (ends[2:] < starts[2:]).all()


def test_an_empty_timeline_covers_nothing_and_is_infinitely_far() -> None:
    timeline = Timeline([])
    times = np.array([0.0, 1.0])
    assert timeline.covered(times, times + 1).tolist() == [0.0, 0.0]
    assert timeline.distance(times, times + 1).tolist() == [np.inf, np.inf]
