from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from fakes import FRAMES_PER_S, MeanModel

from oolong_align.diarization.frame_store import FrameStore
from oolong_align.diarization.resegmentation import best_sequence, find_speaker_changes
from oolong_align.types import FloatArray

VOICES = np.eye(3, 4, dtype=np.float32)


def sounds(model: MeanModel, seconds: list[tuple[float, int]]) -> FrameStore:
    """Frames of the given speakers, one after the other."""
    frames = FrameStore(4, rows=model.per_voice_frame)
    for length, speaker in seconds:
        frames.append(np.repeat(VOICES[[speaker]], round(12.5 * length) * model.per_voice_frame, axis=0))
    return frames


def changes_of(model: MeanModel, frames: FrameStore, spans: list[tuple[float, float]]) -> FloatArray:
    pieces = np.rint(FRAMES_PER_S * np.array(spans)).astype(np.int64).reshape(-1, 2)
    found = find_speaker_changes(pieces, VOICES, model, frames)  # type: ignore[arg-type]
    return found / FRAMES_PER_S


@pytest.mark.parametrize("seed", range(20))
def test_the_best_sequence_has_the_highest_sum(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(6, 3)).astype(np.float32)
    penalty = rng.uniform(0, 2)

    def value(path: tuple[int, ...]) -> float:
        return sum(row[k] for row, k in zip(scores, path, strict=True)) - penalty * np.count_nonzero(np.diff(path))

    assert value(tuple(best_sequence(scores, penalty))) == pytest.approx(max(map(value, product(range(3), repeat=6))))


def test_the_penalty_suppresses_uncertain_changes() -> None:
    scores = np.array([[0.5, 0.4], [0.4, 0.45], [0.5, 0.4]], dtype=np.float32)
    assert best_sequence(scores, 0.2).tolist() == [0, 0, 0]
    assert best_sequence(scores, 0.0).tolist() == [0, 1, 0]
    assert best_sequence(np.zeros((0, 2), dtype=np.float32), 0.2).tolist() == []


@pytest.mark.parametrize("per_voice_frame", [1, 4])
def test_speaker_changes_inside_a_piece_are_found(per_voice_frame: int) -> None:
    model = MeanModel(per_voice_frame=per_voice_frame)
    frames = sounds(model, [(4, 0), (1.5, 1), (20, 0), (3, 2)])
    np.testing.assert_allclose(changes_of(model, frames, [(0, 28.5)]), [4, 5.5, 25.5], atol=0.2)
    np.testing.assert_allclose(changes_of(model, frames, [(0, 4), (4, 5.5), (5.5, 28.5)]), [25.5], atol=0.2)


def test_pieces_of_one_speaker_or_shorter_than_a_window_stay_whole() -> None:
    model = MeanModel()
    frames = sounds(model, [(10, 0), (0.4, 1), (0.4, 2)])
    assert changes_of(model, frames, [(0, 10), (10, 10.7)]).tolist() == []
    assert changes_of(model, frames, []).tolist() == []
    assert find_speaker_changes(np.array([[0, 600]]), VOICES[:1], model, frames).tolist() == []  # type: ignore[arg-type]


def test_missing_frames_cause_no_change() -> None:
    model = MeanModel()
    present = np.zeros(300, dtype=np.bool_)
    present[:100] = True
    frames = FrameStore(4, present)
    frames.append(np.repeat(VOICES[[0, 1]], 50, axis=0))
    np.testing.assert_allclose(changes_of(model, frames, [(0, 24)]), [4], atol=0.2)
    assert changes_of(model, frames, [(12, 24)]).tolist() == []
