from __future__ import annotations

import numpy as np
import pytest
from fakes import FRAMES_PER_S, MeanModel
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from oolong_align.diarization.activity import SpeakerActivity
from oolong_align.diarization.frame_store import FrameStore
from oolong_align.diarization.pieces import embed_spans
from oolong_align.diarization.reassignment import reconstruct_from_pieces
from oolong_align.diarization.segmentation import NO_SPEAKER
from oolong_align.timing.grid import Spans
from oolong_align.types import FloatArray

CHANNELS = 8
VOICES = np.eye(3, CHANNELS, dtype=np.float32)


def sounds(seconds: list[tuple[float, list[int]]]) -> FrameStore:
    """Frames of consecutive spans, each with the sum of the given speakers' vectors."""
    frames = FrameStore(CHANNELS)
    for length, people in seconds:
        frames.append(np.repeat(VOICES[people].sum(axis=0, keepdims=True), round(12.5 * length), axis=0) + 0.01)
    return frames


def place(seconds: float) -> int:
    return round(seconds * FRAMES_PER_S)


def spans_of(seconds: list[tuple[float, float]]) -> Spans:
    return np.array([[place(start), place(end)] for start, end in seconds], dtype=np.int64).reshape(-1, 2)


def reconstructed(
    frames: FrameStore,
    pieces: list[tuple[float, float]],
    together: list[tuple[float, float]] = (),  # type: ignore[assignment]
    *,
    silent: list[tuple[float, float]] = (),  # type: ignore[assignment]
    voices: FloatArray = VOICES[:2],
    at_least: int = 1,
) -> tuple[SpeakerActivity, FloatArray]:
    counts = np.ones(place(len(frames) / 12.5), dtype=np.int64)
    for number, spans in ((2, together), (0, silent)):
        for first, last in spans_of(spans):
            counts[first:last] = number
    model, spans = MeanModel(CHANNELS), spans_of(pieces)
    embeddings = embed_spans(spans, model, frames)  # type: ignore[arg-type]
    return reconstruct_from_pieces(spans, embeddings, voices, counts, model, frames, at_least=at_least)  # type: ignore[arg-type]


def at(activity: SpeakerActivity, seconds: float) -> list[int]:
    return [speaker for speaker in activity.speakers[place(seconds)].tolist() if speaker != NO_SPEAKER]


def test_a_piece_goes_to_the_most_similar_speaker() -> None:
    frames = sounds([(6, [0]), (6, [1]), (6, [0])])
    activity, means = reconstructed(frames, [(0, 6), (6, 9), (9, 12), (12, 18)])
    assert [at(activity, time) for time in (1, 5.8, 6.2, 8.9, 9.1, 11.8, 12.2, 17)] == [[0]] * 2 + [[1]] * 4 + [[0]] * 2
    np.testing.assert_allclose(means @ VOICES[:2].T, np.eye(2), atol=0.1)


def test_speaker_embeddings_come_from_long_pieces() -> None:
    frames = sounds([(3, [0, 2]), (3, [1]), (3, [0, 2]), (1, [2])])
    activity, means = reconstructed(frames, [(0, 3), (3, 6), (6, 9), (9, 10)])
    assert at(activity, 9.5) == [0]  # the first speaker, with a part of the third one's vector
    np.testing.assert_allclose(means[0] @ VOICES.T, [0.7, 0, 0.7], atol=0.05)


def test_silence_stays_silent_and_counts_are_kept() -> None:
    frames = sounds([(6, [0]), (6, [1]), (6, [0])])
    overlaps, silent = [(5.5, 6.5)], [(8.0, 9.0), (17.0, 18.0)]
    activity, _ = reconstructed(frames, [(0, 5.5), (6.5, 8), (9, 12), (12, 17)], overlaps, silent=silent)
    expected = np.ones(len(activity.speakers), dtype=np.int64)
    for number, spans in ((2, overlaps), (0, silent)):
        for first, last in spans_of(spans):
            expected[first:last] = number
    np.testing.assert_array_equal(activity.counts(), expected)


def test_an_overlap_goes_to_its_two_speakers_the_louder_first() -> None:
    frames = sounds([(4, [0]), (4, [1]), (4, [2]), (1, [1, 1, 2]), (4, [2])])
    pieces = [(0.0, 4.0), (4.0, 8.0), (8.0, 11.2), (13.6, 17.0)]
    activity, _ = reconstructed(frames, pieces, [(12.0, 13.0)], silent=[(11.2, 12.0), (13.0, 13.6)], voices=VOICES)
    assert at(activity, 12.5) == [1, 2]


@pytest.mark.parametrize(("before", "after"), [(0, 1), (1, 2), (2, 0)])
def test_an_ambiguous_overlap_goes_to_the_neighbouring_speakers(before: int, after: int) -> None:
    frames = sounds([(3, [0]), (3, [1]), (3, [2]), (3, [before]), (1, [0, 1, 2]), (3, [after])])
    pieces = [(0.0, 3.0), (3.0, 6.0), (6.0, 9.0), (9.0, 12.0), (13.0, 16.0)]
    activity, _ = reconstructed(frames, pieces, [(12.0, 13.0)], voices=VOICES)
    assert sorted(at(activity, 12.5)) == sorted([before, after])


def test_speakers_far_from_an_overlap_have_no_bonus() -> None:
    frames = sounds([(3, [0]), (3, [1]), (3, [2]), (3, [0]), (1, [1, 1, 1, 1, 2]), (3, [0])])
    pieces, overlap = [(0.0, 3.0), (3.0, 6.0), (6.0, 9.0), (9.0, 11.4), (13.6, 16.0)], [(12.0, 13.0)]
    far, _ = reconstructed(frames, pieces, overlap, silent=[(11.4, 12.0), (13.0, 13.6)], voices=VOICES)
    assert at(far, 12.5) == [1, 2]


def test_short_speech_goes_to_a_neighbouring_speaker() -> None:
    frames = sounds([(4, [0]), (4, [1]), (0.24, [0, 1]), (4, [1])])
    activity, _ = reconstructed(frames, [(0, 4), (4, 8), (8.24, 12.24)])
    assert at(activity, 8.1) == [1]


@pytest.mark.parametrize(("at_least", "kept"), [(1, [0, 2]), (3, [0, 1, 2])])
def test_speakers_keep_pieces_if_the_minimum_number_requires_it(at_least: int, kept: list[int]) -> None:
    frames = sounds([(4, [0, 1]), (4, [0, 2]), (2, [0, *[1] * 10]), (2, [0, *[2] * 10])])
    voices = np.zeros((3, CHANNELS), dtype=np.float32)
    voices[:, :3] = [[0.9, 0.43, 0], [0, 0.7, 0.7], [0.9, 0, 0.43]]
    pieces = [(0.0, 4.0), (4.0, 8.0), (8.0, 10.0), (10.0, 12.0)]
    activity, _ = reconstructed(frames, pieces, voices=voices, at_least=at_least)
    assert sorted(activity.order_of_appearance().tolist()) == kept


def test_only_overlaps_and_only_silence() -> None:
    frames = sounds([(4, [0, 1])])
    activity, means = reconstructed(frames, [(0.0, 4.0)], [(0.0, 4.0)])
    assert sorted(at(activity, 2)) == [0, 1]
    np.testing.assert_array_equal(means, VOICES[:2])
    nobody, _ = reconstructed(frames, [], silent=[(0.0, 5.0)])
    assert nobody.counts().sum() == 0


@given(st.integers(0, 2**31), hnp.arrays(np.int64, st.integers(1, 25), elements=st.integers(1, 60)))
def test_every_frame_has_as_many_different_speakers_as_counted(seed: int, lengths: np.ndarray) -> None:
    rng = np.random.default_rng(seed)
    number = rng.integers(0, 3, size=len(lengths))
    counts = np.repeat(number, lengths)
    ends = np.cumsum(lengths)
    spans = np.stack([ends - lengths, ends], axis=1)[(number > 0) & (lengths >= 18)]
    frames = FrameStore(CHANNELS)
    frames.append(rng.random((round(len(counts) / FRAMES_PER_S * 12.5) + 1, CHANNELS)).astype(np.float32))
    model = MeanModel(CHANNELS)
    embeddings = embed_spans(spans, model, frames)  # type: ignore[arg-type]
    activity, _ = reconstruct_from_pieces(spans, embeddings, VOICES, counts, model, frames)  # type: ignore[arg-type]
    np.testing.assert_array_equal(activity.counts(), counts)
    assert (activity.speakers[:, 0] != activity.speakers[:, 1])[counts > 0].all()
    assert (activity.speakers[counts == 1, 1] == NO_SPEAKER).all()
