from __future__ import annotations

import tracemalloc
from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from oolong_align.diarization.reference import reconstruct
from oolong_align.diarization.segmentation import NO_SPEAKER, Segmentation, powerset_mapping
from oolong_align.diarization.turns import exclusive_segments, overlapping_turns
from oolong_align.timing.grid import count_frames


@st.composite
def clustered_windows(draw: st.DrawFn) -> tuple[Segmentation, np.ndarray]:
    windows = draw(st.integers(1, 8))
    step = draw(st.sampled_from([16_000, 15_930, 40_000, 160_000]))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    changes = rng.random((windows, 589)) < draw(st.sampled_from([0.01, 0.1, 0.9]))
    classes = rng.integers(0, 7, (windows, 589))
    held = np.maximum.accumulate(np.where(changes, np.arange(589), 0), axis=1)
    activity = powerset_mapping(3, 2)[np.take_along_axis(classes, held, axis=1)]
    clusters = draw(st.integers(1, 5))
    labels = rng.integers(NO_SPEAKER, clusters, (windows, 3))
    labels[~activity.any(axis=1)] = NO_SPEAKER
    speech = np.zeros(count_frames(windows, step), dtype=np.float32)
    return Segmentation(activity=activity, speech=speech, step_samples=step, num_samples=10**9), labels


@given(clustered_windows(), st.floats(0.01, 90.0), st.sampled_from([0.0, 0.1, 1.0]))
def test_exclusive_segments_are_sorted_inside_the_audio_and_never_overlap(
    case: tuple[Segmentation, np.ndarray], duration: float, gap: float
) -> None:
    segmentation, labels = case
    segmentation = replace(segmentation, num_samples=round(duration * 16_000))
    activity = reconstruct(segmentation, labels, max_simultaneous=None)
    segments = exclusive_segments(activity, duration=duration, min_duration_off=gap)
    assert all(0 <= s.start < s.end <= duration for s in segments)
    assert all(a.end <= b.start for a, b in pairwise(segments))
    turns = overlapping_turns(activity, min_duration_off=gap)
    assert all(0 <= t.start < t.end <= duration + 0.031 for t in turns)
    assert {t.speaker_id for t in turns} == set(np.unique(activity.speakers[:-1])) - {NO_SPEAKER}
    assert [t.start for t in turns] == sorted(t.start for t in turns)
    assert {s.speaker_id for s in segments} <= {t.speaker_id for t in turns}


@given(clustered_windows())
def test_activity_equals_a_loop_over_windows(case: tuple[Segmentation, np.ndarray]) -> None:
    segmentation, labels = case
    clusters = max(int(labels.max()) + 1, 1)
    summed = np.zeros((segmentation.num_frames, clusters))
    for first, window, own in zip(segmentation.first_frames, segmentation.activity, labels, strict=True):
        for k in range(clusters):
            if (own == k).any():
                summed[first : first + 589, k] += window[:, own == k].max(axis=1)
    counts = segmentation.speaker_counts
    speakers = reconstruct(segmentation, labels, max_simultaneous=None).speakers
    for frame in range(segmentation.num_frames):
        order = sorted(range(clusters), key=lambda k, f=frame: (-summed[f, k], k))[: counts[frame]]
        active = [k for k in order if summed[frame, k] > 0]
        assert speakers[frame].tolist() == ([*active, NO_SPEAKER, NO_SPEAKER])[:2]


@given(clustered_windows())
def test_no_more_than_the_bound_speak_at_once(case: tuple[Segmentation, np.ndarray]) -> None:
    segmentation, labels = case
    activity = reconstruct(segmentation, labels, max_simultaneous=1)
    assert (activity.speakers[:, 1] == NO_SPEAKER).all()


@given(clustered_windows())
def test_overlap_is_marked_where_two_speak(case: tuple[Segmentation, np.ndarray]) -> None:
    segmentation, labels = case
    activity = reconstruct(segmentation, labels, max_simultaneous=None)
    turns = overlapping_turns(activity, min_duration_off=0.0)
    for segment in exclusive_segments(activity, duration=1e9, min_duration_off=0.0):
        others = [t for t in turns if t.speaker_id != segment.speaker_id]
        assert segment.is_overlap == any(t.start < segment.end and segment.start < t.end for t in others)


@given(clustered_windows(), st.integers(0, 2**31))
def test_speakers_are_taken_in_a_new_order(case: tuple[Segmentation, np.ndarray], seed: int) -> None:
    segmentation, labels = case
    activity = reconstruct(segmentation, labels, max_simultaneous=None)
    chosen = np.random.default_rng(seed).permutation(activity.num_speakers)[: 1 + seed % 3]
    taken = activity.take(chosen)
    for before, after in zip(activity.speakers.tolist(), taken.speakers.tolist(), strict=True):
        kept = [chosen.tolist().index(k) for k in before if k in chosen]
        assert after == ([*kept, NO_SPEAKER, NO_SPEAKER])[:2]
    first = {k: int((activity.speakers == k).any(axis=1).argmax()) for k in activity.order_of_appearance().tolist()}
    assert list(first.values()) == sorted(first.values())
    assert set(first) == set(np.unique(activity.speakers)) - {NO_SPEAKER}


def test_memory_does_not_grow_with_frames_times_clusters() -> None:
    windows, clusters = 3600, 20
    rng = np.random.default_rng(0)
    segmentation = Segmentation(
        activity=np.ones((windows, 589, 3), dtype=np.uint8),
        speech=np.zeros(count_frames(windows, 16_000), dtype=np.float32),
        step_samples=16_000,
        num_samples=10**9,
    )
    labels = rng.integers(0, clusters, (windows, 3))
    tracemalloc.start()
    reconstruct(segmentation, labels, max_simultaneous=None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * segmentation.num_frames + 20 * 2**20
