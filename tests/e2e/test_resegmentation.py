"""Resegmentation with the real networks; `tests/unit/diarization/test_resegmentation.py` tests the arithmetic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import FRAMES_PER_S

from oolong_align import Diarizer, OolongWarning
from oolong_align.audio.recording import load_audio
from oolong_align.diarization.embedding import EmbeddingModel, compute_frames
from oolong_align.diarization.frame_store import FrameStore
from oolong_align.diarization.resegmentation import find_speaker_changes
from oolong_align.types import Diarization, FloatArray


@pytest.fixture(scope="module")
def embedder(diarizer: Diarizer) -> EmbeddingModel:
    return diarizer._embedder


@pytest.fixture(scope="module")
def crowded(data_dir: Path) -> FloatArray:
    """A minute of audio in which pieces contain turns of other speakers."""
    with load_audio(data_dir / "cross_file" / "so_xd3.flac") as audio:
        return audio.read(60 * 16_000, 120 * 16_000).copy()


@pytest.mark.data
def test_the_cuts_of_a_long_piece_do_not_depend_on_the_number_of_threads(
    embedder: EmbeddingModel, crowded: FloatArray
) -> None:
    with load_audio(crowded) as audio:
        minute = compute_frames(embedder, audio)
    stored = minute.read_stored(0, len(minute))
    frames = FrameStore(embedder.channels, rows=embedder.per_voice_frame)
    for _ in range(10):
        frames.append(stored)
    voices = np.concatenate(
        [
            embedder.pool(frames.read_stored(first, first + 25), np.ones((1, 25), dtype=np.bool_))
            for first in range(0, len(minute) - 25, 100)
        ]
    )
    voices /= np.linalg.norm(voices, axis=1, keepdims=True)
    pieces = np.rint(FRAMES_PER_S * np.array([[0, 300], [300, 600]])).astype(np.int64)
    before = embedder.threads
    try:
        found = []
        for threads in (1, 2, 16):
            embedder.threads = threads
            found.append(find_speaker_changes(pieces, voices, embedder, frames).tolist())
    finally:
        embedder.threads = before
    assert len(found[0]) > 20
    assert found[0] == sorted(found[0])
    assert found[0] == found[1] == found[2]


@pytest.mark.data
def test_several_pldas_cut_pieces_as_a_single_one(diarizer: Diarizer, crowded: FloatArray) -> None:
    def facts(result: Diarization) -> tuple[object, ...]:
        return result.turns, result.segments, result.pieces, {k: v.tolist() for k, v in result.embeddings.items()}

    alone = diarizer(crowded)
    assert len(alone.pieces) > len(alone.segments)
    assert all(facts(each) == facts(alone) for each in diarizer.diarize_each(crowded, [diarizer._plda] * 2))


@pytest.mark.slow
@pytest.mark.data
def test_a_wrong_number_of_speakers_does_not_confirm_itself(diarizer: Diarizer, data_dir: Path) -> None:
    recording = data_dir / "conversations" / "so_dev2.flac"
    found = len(diarizer(recording).speaker_ids)
    with pytest.warns(OolongWarning, match=f"VBx found {found} speakers, but num_speakers requires {found + 1}"):
        diarizer(recording, num_speakers=found + 1)


@pytest.mark.parametrize("present", [0, 5, 10, 40])
def test_frames_that_end_inside_a_piece_cause_no_error(embedder: EmbeddingModel, present: int) -> None:
    there = np.zeros(300, dtype=np.bool_)
    there[:present] = True
    frames = FrameStore(embedder.channels, there, rows=embedder.per_voice_frame)
    rng = np.random.default_rng(0)
    frames.append(rng.normal(size=(present * embedder.per_voice_frame, embedder.channels)).astype(np.float32))
    voices = np.eye(2, embedder.dimension, dtype=np.float32)
    pieces = np.rint(FRAMES_PER_S * np.array([[0, 2], [2, 12], [12, 24]])).astype(np.int64)
    assert find_speaker_changes(pieces, voices, embedder, frames).tolist() == []
