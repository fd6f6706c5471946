from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from oolong_align.clustering import NOBODY
from oolong_align.embedding import pool_statistics
from oolong_align.reconstruction import SpeakerActivity
from oolong_align.refinement import overlapped_spans, refine, single_speaker_pieces
from oolong_align.segmentation import Segmentation
from oolong_align.types import FloatArray
from oolong_align.voice_frames import VoiceFrames

CHANNELS = 8
MIN_FRAMES = 18


class MeanModel:
    """Its embedding is the mean of the frames."""

    dimension = CHANNELS

    def project(self, statistics: FloatArray) -> FloatArray:
        return statistics[:, :CHANNELS]


def packed(together: np.ndarray) -> SpeakerActivity:
    """From a column of 0 and 1 for each of two speakers."""
    speakers = np.where(together, np.arange(2), NOBODY).astype(np.int32)
    only_second = ~together[:, 0] & together[:, 1]
    speakers[only_second] = speakers[only_second, ::-1]
    return SpeakerActivity(speakers=speakers, num_speakers=2)


def naive_pieces(together: np.ndarray) -> list[list[int]]:
    runs, first = [], 0
    for row, frames in groupby(together.tolist()):
        length = len(list(frames))
        runs.append((first, first + length, row))
        first += length
    merged: list[list[tuple[int, int, int]]] = []
    for start, end, row in runs:
        if sum(row) != 1:
            continue
        piece = (start, end, row.index(True))
        previous = merged[-1][-1] if merged else (0, -1, 0)
        both_short = end - start < MIN_FRAMES > previous[1] - previous[0]
        if previous[1] == start and both_short:
            merged[-1].append(piece)
        else:
            merged.append([piece])
    longest = [max(group, key=lambda p: p[1] - p[0]) for group in merged]
    lengths = [(g[0][0], g[-1][1], best) for g, best in zip(merged, longest, strict=True)]
    return [[a, b, b - a, best[1] - best[0]] for a, b, best in lengths if b - a >= MIN_FRAMES]


@given(st.integers(0, 2**31), hnp.arrays(np.int64, st.integers(1, 30), elements=st.integers(1, 40)))
def test_pieces_equal_a_loop(seed: int, lengths: np.ndarray) -> None:
    rng = np.random.default_rng(seed)
    together = np.repeat(rng.random((len(lengths), 2)) < 0.5, lengths, axis=0)
    pieces = single_speaker_pieces(packed(together))
    expected = naive_pieces(together)
    assert [[a, b] for a, b, _ in pieces.tolist()] == [[a, b] for a, b, _, _ in expected]
    for (first, last, speaker), (_, _, _, longest) in zip(pieces.tolist(), expected, strict=True):
        own = together[first:last, speaker]
        edges = np.flatnonzero(np.diff(np.r_[0, own.astype(int), 0]))
        assert np.diff(edges)[::2].max() == longest


@pytest.fixture
def two_voices() -> tuple[VoiceFrames, np.ndarray]:
    """The first voice for 6 s, the second for 6 s, the first for 6 s."""
    voices = np.eye(CHANNELS, dtype=np.float32)[:2]
    frames = VoiceFrames(CHANNELS)
    frames.append(np.repeat(voices[[0, 1, 0]], 75, axis=0) + 0.01)
    return frames, voices


def activity_of(spans: list[tuple[float, float, int]]) -> SpeakerActivity:
    together = np.zeros((1070, 2), dtype=bool)
    for start, end, speaker in spans:
        together[round(start / 0.016875) : round(end / 0.016875), speaker] = True
    return packed(together)


def windows_that_say(activity: SpeakerActivity) -> tuple[Segmentation, np.ndarray]:
    """Ten windows each second, whose local speakers are the speakers."""
    windows = 9
    local = np.zeros((windows, 589, 3), dtype=np.uint8)
    segmentation = Segmentation(activity=local, speech=np.zeros(1070, dtype=np.float32), step_samples=16_000)
    for first, window in zip(segmentation.first_frames, local, strict=True):
        for speaker in range(2):
            window[:, speaker] = (activity.speakers[first : first + 589] == speaker).any(axis=1)
    return segmentation, np.tile([0, 1, NOBODY], (windows, 1))


def refined(
    activity: SpeakerActivity,
    two_voices: tuple[VoiceFrames, np.ndarray],
    said: SpeakerActivity | None = None,
    changes: Sequence[int] = (),
) -> tuple[SpeakerActivity, np.ndarray]:
    frames, voices = two_voices
    windows = windows_that_say(said or activity)
    return refine(activity, voices, MeanModel(), frames, *windows, np.array(changes))  # type: ignore[arg-type]


def test_a_piece_goes_to_the_voice_it_has(two_voices: tuple[VoiceFrames, np.ndarray]) -> None:
    wrong = activity_of([(0.0, 5.8, 0), (6.2, 9.0, 1), (9.3, 10.0, 0), (10.2, 11.8, 1), (12.2, 17.8, 0)])
    result, means = refined(wrong, two_voices)
    right = activity_of([(0.0, 5.8, 0), (6.2, 9.0, 1), (9.3, 10.0, 1), (10.2, 11.8, 1), (12.2, 17.8, 0)])
    np.testing.assert_array_equal(result.speakers, right.speakers)
    assert (means @ two_voices[1].T).argmax(axis=1).tolist() == [0, 1]


def test_a_turn_of_two_voices_is_cut_where_somebody_else_may_begin(two_voices: tuple[VoiceFrames, np.ndarray]) -> None:
    joined = activity_of([(0.0, 5.8, 0), (6.2, 10.0, 1), (10.2, 14.0, 1), (14.2, 17.8, 0)])
    twelve = round(12.0 / 0.016875)
    result, _ = refined(joined, two_voices, changes=[twelve, twelve + 500, 3])
    right = activity_of([(0.0, 5.8, 0), (6.2, 10.0, 1), (10.2, 12.0, 1), (12.0, 14.0, 0), (14.2, 17.8, 0)])
    np.testing.assert_array_equal(result.speakers, right.speakers)
    assert (refined(joined, two_voices)[0].speakers != right.speakers).any()


def test_slivers_become_one_piece(two_voices: tuple[VoiceFrames, np.ndarray]) -> None:
    slivers = activity_of([(0.0, 5.8, 0), (7.0, 7.1, 1), (7.1, 7.3, 0), (7.3, 7.4, 1), (8.0, 11.0, 1)])
    whole = activity_of([(0.0, 5.8, 0), (7.0, 7.4, 1), (8.0, 11.0, 1)])
    np.testing.assert_array_equal(refined(slivers, two_voices)[0].speakers, whole.speakers)


def test_a_single_speaker_stays_as_he_is(two_voices: tuple[VoiceFrames, np.ndarray]) -> None:
    frames, voices = two_voices
    alone = SpeakerActivity(speakers=activity_of([(6.5, 9.0, 0)]).speakers, num_speakers=1)
    windows = windows_that_say(alone)
    assert refine(alone, voices[:1], MeanModel(), frames, *windows, np.array([]))[0] is alone  # type: ignore[arg-type]


def test_an_overlap_keeps_two_speakers_and_names_the_one_first_whose_voice_it_has_more(
    two_voices: tuple[VoiceFrames, np.ndarray],
) -> None:
    overlap = activity_of([(0.0, 5.0, 0), (6.5, 9.0, 0), (6.5, 9.0, 1), (9.5, 11.5, 1)])
    result, _ = refined(overlap, two_voices)
    assert overlapped_spans(overlap).tolist() == [[385, 533]] == overlapped_spans(result).tolist()
    assert np.unique(result.speakers[385:533], axis=0).tolist() == [[1, 0]]


def test_the_windows_decide_an_overlap_between_voices_that_it_has_alike() -> None:
    voices = np.eye(CHANNELS, dtype=np.float32)[:3]
    frames = VoiceFrames(CHANNELS)
    frames.append(np.repeat(voices[[0, 1, 2]], 50, axis=0))
    frames.append(np.repeat(voices.sum(axis=0, keepdims=True), 75, axis=0))
    speakers = np.full((1070, 2), NOBODY, dtype=np.int32)
    for k in range(3):
        speakers[240 * k : 240 * k + 220, 0] = k
    speakers[800:900] = [0, 1]
    activity = SpeakerActivity(speakers=speakers, num_speakers=3)
    for said in ([1, 2], [0, 2]):
        segmentation, labels = windows_that_say(activity)
        for first, window in zip(segmentation.first_frames, segmentation.activity, strict=True):
            inside = np.arange(589) + first
            window[(inside >= 800) & (inside < 900), :2] = 1
        labels[:, :2] = said
        result, _ = refine(activity, voices, MeanModel(), frames, segmentation, labels, np.array([]))  # type: ignore[arg-type]
        assert sorted(result.speakers[850].tolist()) == said


def test_frames_are_read_back_as_they_were_written() -> None:
    rng = np.random.default_rng(0)
    written = rng.random((500, CHANNELS)).astype(np.float32)
    frames = VoiceFrames(CHANNELS)
    for block in np.array_split(written, 7):
        frames.append(block)
    assert len(frames) == 500
    np.testing.assert_allclose(frames.read(0, 500), written, rtol=1e-3)
    np.testing.assert_array_equal(frames.read(100, 130), frames.read(0, 500)[100:130])
    assert frames.read(490, 900).shape == (10, CHANNELS)
    assert frames.read(-5, -1).shape == (0, CHANNELS)


def test_pooling_equals_mean_and_unbiased_deviation_of_the_chosen_frames() -> None:
    rng = np.random.default_rng(1)
    frames = rng.random((125, CHANNELS)).astype(np.float32)
    masks = rng.random((3, 125)) < 0.4
    pooled = pool_statistics(frames, masks)
    for mask, row in zip(masks, pooled, strict=True):
        np.testing.assert_allclose(row[:CHANNELS], frames[mask].mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(row[CHANNELS:], frames[mask].std(axis=0, ddof=1), rtol=1e-3)
    assert np.isfinite(pool_statistics(frames, np.zeros((1, 125), dtype=bool))).all()


def test_a_speaker_whom_no_window_names_does_not_speak_in_silence() -> None:
    voices = np.eye(CHANNELS, dtype=np.float32)[:3]
    frames = VoiceFrames(CHANNELS)
    frames.append(np.repeat(voices, 75, axis=0))
    named_two = activity_of([(0.0, 5.8, 0), (6.2, 11.8, 1), (12.2, 13.2, 0)])
    windows = windows_that_say(named_two)
    result, _ = refine(named_two, voices, MeanModel(), frames, *windows, np.array([]))  # type: ignore[arg-type]
    order = result.order_of_appearance()
    assert order.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(result.take(order).counts(), named_two.counts())
