from __future__ import annotations

import numpy as np

from oolong_align.audio.recording import load_audio
from oolong_align.transcription.clips import Clip, join_clips, plan_clips, quietest
from oolong_align.types import SpeechRange

S = 16000


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * S), np.float32)


def plan(seconds: float, *spans: tuple[float, float], **options: float) -> list[list[tuple[float, float]]]:
    """Parts of the clips in seconds."""
    clips = plan_clips(load_audio(silence(seconds)), [SpeechRange(*span) for span in spans], **options)
    return [[(round(start / S, 3), round(stop / S, 3)) for start, stop in clip.parts] for clip in clips]


def test_speech_is_padded_and_the_silence_between_removed() -> None:
    assert plan(60, (10, 12), (20, 21)) == [[(9.8, 12.2), (19.8, 21.2)]]


def test_padding_stays_inside_the_recording_and_on_its_side_of_a_pause() -> None:
    assert plan(5, (0.1, 1), (1.1, 2), (2.3, 4.9)) == [[(0.0, 5.0)]]
    assert plan(5, (1, 2), (2.6, 3)) == [[(0.8, 2.2), (2.4, 3.2)]]


def test_ranges_can_be_unsorted_overlapping_or_outside() -> None:
    expected = [[(0.8, 4.2)]]
    assert plan(9, (3, 4), (1, 3.5)) == expected
    assert plan(9, (1, 4), (2, 3), (5, 5), (7, 6)) == expected
    assert plan(9, (-3, 1), (8, 99)) == [[(0.0, 1.2), (7.8, 9.0)]]
    assert plan(9) == plan(9, (9, 12)) == plan(9, (4, 4)) == []


def test_a_clip_ends_at_the_longest_pause_near_its_limit() -> None:
    spans = [(0, 6), (7, 14), (14.5, 21), (23, 27), (27.5, 34)]
    assert plan(34, *spans) == [[(0.0, 6.2), (6.8, 14.2), (14.3, 21.2)], [(22.8, 27.2), (27.3, 34.0)]]


def test_speech_without_a_pause_is_cut_at_its_quietest_moment() -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, 70 * S).astype(np.float32)
    for second in (5.0, 21.3, 44.0, 60.0):
        samples[round((second - 0.15) * S) : round((second + 0.15) * S)] *= 0.01
    clips = plan_clips(load_audio(samples), [SpeechRange(0, 70)])
    cuts = [clip.parts[0][0] / S for clip in clips[1:]]
    np.testing.assert_allclose(cuts, [21.3, 44.0], atol=0.1)
    assert clips[-1].parts[-1][1] == 70 * S


def test_the_quietest_moment_of_a_short_range_is_its_middle() -> None:
    assert quietest(np.ones(100, np.float32), 20, 40) == 30


def test_cutting_and_reading_a_clip() -> None:
    audio = load_audio(np.arange(1000, dtype=np.float32) / 1024)
    clip = Clip(((100, 110), (200, 220), (500, 505)))
    expected = [*range(100, 110), *range(200, 220), *range(500, 505)]
    assert (clip.read(audio) * 1024).tolist() == expected
    assert clip.cut(5, 32).parts == ((105, 110), (200, 220), (500, 502))
    assert clip.cut(10, 30).parts == ((200, 220),)
    assert clip.cut(-5, 99) == clip
    assert clip.cut(12, 12).parts == clip.cut(35, 40).parts == ()
    assert (clip.num_samples, clip.duration) == (35, 35 / S)


def test_clips_are_joined_in_order() -> None:
    clips = [Clip(((50 * S, 60 * S),)), Clip(((0, 10 * S), (80 * S, 85 * S))), Clip(((10 * S, 12 * S),))]
    assert join_clips(clips) == [
        Clip(((0, 12 * S), (50 * S, 60 * S), (80 * S, 85 * S))),
    ]
    assert [clip.duration for clip in join_clips(clips, longest_s=13)] == [12, 10, 5]
    assert join_clips([]) == []


def test_words_are_mapped_back_and_never_span_removed_silence() -> None:
    clip = Clip(((10 * S, 12 * S), (20 * S, 23 * S)))
    starts, ends = clip.locate(np.array([0.5, 1.0, 1.8, 4.0]), np.array([1.0, 1.7, 4.0, 9.0]))
    np.testing.assert_allclose(starts, [10.5, 11.0, 20.0, 22.0])
    np.testing.assert_allclose(ends, [11.0, 11.7, 22.0, 23.0])


def test_words_at_the_same_time_share_the_remaining_time() -> None:
    clip = Clip(((16 * S, 17 * S),))
    starts, ends = clip.locate(np.full(3, 1.0), np.full(3, 1.0))
    np.testing.assert_allclose(starts, [16.94, 16.96, 16.98])
    np.testing.assert_allclose(ends, [16.96, 16.98, 17.0])
    none, _ = clip.locate(np.zeros(0), np.zeros(0))
    assert none.shape == (0,)
