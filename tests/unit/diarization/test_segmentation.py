from __future__ import annotations

import numpy as np

from oolong_align.diarization.segmentation import Segmentation, decode_powerset, powerset_mapping, speech_probability
from oolong_align.timing.grid import count_frames, window_first_frames


def test_speech_is_more_likely_than_not_exactly_where_a_speaker_is_decoded() -> None:
    logits = np.random.default_rng(3).normal(size=(50, 589, 7)).astype(np.float32)
    log_probabilities = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    somebody = decode_powerset(log_probabilities).any(axis=-1)
    np.testing.assert_array_equal(speech_probability(log_probabilities) > 0.5, somebody)


def test_every_set_of_at_most_two_of_three_speakers_is_one_class() -> None:
    mapping = powerset_mapping(3, 2)
    assert len(np.unique(mapping, axis=0)) == len(mapping) == 7
    assert mapping.sum(axis=1).max() == 2


def test_frame_coverage_counts_the_windows_over_each_frame() -> None:
    for step in (16_000, 40_000, 15_930, 160_000):
        windows = 12
        segmentation = Segmentation(
            activity=np.zeros((windows, 589, 3), dtype=np.uint8),
            speech=np.zeros(count_frames(windows, step), dtype=np.float32),
            step_samples=step,
            num_samples=10**9,
        )
        expected = np.zeros(segmentation.num_frames, dtype=int)
        for first in window_first_frames(windows, step):
            expected[first : first + 589] += 1
        np.testing.assert_array_equal(segmentation.frame_coverage(), expected)


def test_speakers_are_counted_once_and_none_after_the_end() -> None:
    activity = np.zeros((3, 589, 3), dtype=np.uint8)
    activity[:, :, 0] = activity[1, 200:, 1] = activity[2, 140:, 2] = 1
    segmentation = Segmentation(
        activity=activity,
        speech=np.zeros(count_frames(3, 16_000), dtype=np.float32),
        step_samples=16_000,
        num_samples=170_000,
    )
    counts = segmentation.speaker_counts
    assert counts[:250].tolist() == [1] * 250  # in one window of three there is a second speaker
    assert counts[270:589].tolist() == [2] * 319
    assert not counts[170_000 // 270 :].any()
    assert counts is segmentation.speaker_counts
    assert not counts.flags.writeable
