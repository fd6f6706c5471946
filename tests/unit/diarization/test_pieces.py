from __future__ import annotations

from dataclasses import replace

import numpy as np
from fakes import MeanModel

from oolong_align.diarization.frame_store import FrameStore
from oolong_align.diarization.pieces import change_votes, cut_segments, embed_spans, find_changes, find_pieces, split_at
from oolong_align.diarization.segmentation import Segmentation
from oolong_align.types import DiarizeSegment, SpeakerSegment

SECOND = 16_000
WINDOWS = 11
LENGTH = 20 * SECOND


def segmentation_of(turns: list[tuple[int, int, int]], *, seed: int = 0) -> Segmentation:
    """Windows each second over turns ``(first frame, last + 1, person)``, each with another numbering of the people."""
    rng = np.random.default_rng(seed)
    activity = np.zeros((WINDOWS, 589, 3), dtype=np.uint8)
    speech = np.zeros(1187, dtype=np.float32)
    segmentation = Segmentation(activity=activity, speech=speech, step_samples=SECOND, num_samples=LENGTH)
    for first, window in zip(segmentation.first_frames, activity, strict=True):
        numbers = rng.permutation(3)
        for start, end, person in turns:
            window[max(start - first, 0) : max(end - first, 0), numbers[person]] = 1
    return segmentation


def pieces_of(segmentation: Segmentation) -> list[list[int]]:
    pieces = find_pieces(segmentation, find_changes(segmentation))
    assert pieces.shape == (len(pieces), 2)
    return pieces.tolist()


def test_a_change_is_found_although_windows_number_speakers_differently() -> None:
    segmentation = segmentation_of([(50, 300, 0), (300, 500, 1), (560, 800, 2)])
    votes = change_votes(segmentation)
    assert np.flatnonzero(votes).tolist() == [300]
    assert votes[300] == 1
    assert pieces_of(segmentation) == [[50, 300], [300, 500], [560, 800]]


def test_nearby_votes_are_merged_into_one_change() -> None:
    one, other = segmentation_of([(50, 300, 0), (300, 500, 1)]), segmentation_of([(50, 304, 0), (304, 500, 1)])
    mixed = np.where((np.arange(WINDOWS) % 2)[:, None, None], one.activity, other.activity)
    pieces = pieces_of(replace(one, activity=mixed))
    assert len(pieces) == 2
    assert pieces[0][1] == pieces[1][0]
    assert 300 <= pieces[0][1] <= 304


def test_overlap_and_short_spans_are_left_out() -> None:
    segmentation = segmentation_of([(50, 300, 0), (250, 500, 1), (600, 610, 2)])
    assert pieces_of(segmentation) == [[50, 250], [300, 500]]


def test_overlap_is_used_if_no_speaker_is_ever_alone() -> None:
    assert pieces_of(segmentation_of([(50, 300, 0), (50, 300, 1)])) == [[50, 300]]


def test_a_recording_without_speech_has_no_pieces() -> None:
    assert pieces_of(segmentation_of([])) == []


def test_nothing_is_found_after_the_end_of_the_recording() -> None:
    segmentation = replace(segmentation_of([(50, 1100, 0)]), num_samples=10 * SECOND)
    assert pieces_of(segmentation) == [[50, 10 * SECOND // 270]]


def test_segments_are_cut_at_changes_where_both_parts_are_long_enough() -> None:
    segments = (SpeakerSegment(1.0, 4.0, 0), SpeakerSegment(4.0, 4.5, 1), SpeakerSegment(6.0, 8.0, 0))
    parts = cut_segments(segments, np.array([3.0, 7.0, 1.2, 2.0, 2.2, 3.8, 4.2, 5.0]))
    assert parts == (
        DiarizeSegment(1.0, 2.0, 0),
        DiarizeSegment(2.0, 3.0, 0),
        DiarizeSegment(3.0, 4.0, 0),
        DiarizeSegment(4.0, 4.5, 1),
        DiarizeSegment(6.0, 7.0, 0),
        DiarizeSegment(7.0, 8.0, 0),
    )
    assert cut_segments((), np.array([1.0])) == ()


def test_spans_are_cut_like_segments_and_keep_their_other_columns() -> None:
    spans = np.array([[60, 240, 7], [240, 270, 8], [360, 480, 9]])
    parts = split_at(spans, np.array([[180, 420], [70, 120], [132, 228], [252, 300]]))
    assert parts.tolist() == [
        [60, 120, 7],
        [120, 180, 7],
        [180, 240, 7],
        [240, 270, 8],
        [360, 420, 9],
        [420, 480, 9],
    ]
    assert split_at(np.array([[0, 36]]), np.array([17, 18, 19])).tolist() == [[0, 18], [18, 36]]
    assert split_at(np.zeros((0, 3), dtype=np.int64), np.array([5])).shape == (0, 3)


def test_a_span_is_embedded_from_the_frames_it_covers() -> None:
    frames = FrameStore(4)
    frames.append(np.repeat(np.eye(4, dtype=np.float32), 50, axis=0))
    spans = np.array([[0, 200], [260, 440], [300, 301]])
    embeddings = embed_spans(spans, MeanModel(), frames)  # type: ignore[arg-type]
    np.testing.assert_allclose(embeddings, np.eye(4)[[0, 1, 1]], atol=0.03)
