"""Long recordings: the number of speakers and the progress reports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from oolong_align import Diarizer
from oolong_align.audio.recording import load_audio
from oolong_align.diarization.clustering import ClusteringOptions, cluster_pieces
from oolong_align.diarization.embedding import EmbeddingModel, compute_frames
from oolong_align.diarization.pieces import embed_spans, find_changes, find_pieces, find_stretches
from oolong_align.diarization.plda import Plda
from oolong_align.diarization.segmentation import Segmenter
from oolong_align.timing.grid import FRAME_STEP_S
from oolong_align.weights import find_bundle

STEP = 20_000


@pytest.mark.slow
@pytest.mark.data
def test_an_hour_of_a_conversation_has_as_many_speakers_as_six_minutes(data_dir: Path) -> None:
    files = find_bundle().files
    embedder = EmbeddingModel(files["embedding"])
    with load_audio(data_dir / "conversations" / "so_dev3.flac") as audio:
        segmentation = Segmenter(files["segmentation"])(audio, step_samples=STEP)
        changes = find_changes(segmentation)
        stretches = find_stretches(segmentation, changes)
        pieces = find_pieces(segmentation, changes)
        embeddings = embed_spans(pieces, embedder, compute_frames(embedder, audio, stretches=stretches))
    seconds = (FRAME_STEP_S * (pieces[:, 1] - pieces[:, 0])).astype(np.float32)
    options = ClusteringOptions(threshold=None, fa=0.07, fb=0.8, max_iterations=20)
    for times in (1, 10):
        repeated = np.tile(embeddings, (times, 1)), np.tile(seconds, times)
        assert len(cluster_pieces(*repeated, Plda.load(files["plda"]), options).centroids) == 4


def test_each_stage_reports_its_progress(repository: Path) -> None:
    reported: dict[str, list[tuple[int, int]]] = {}
    diarizer = Diarizer.from_pretrained()
    diarizer(
        repository / "examples" / "meeting.flac",
        progress=lambda stage, done, total: reported.setdefault(stage, []).append((done, total)),
    )
    assert list(reported) == ["segmentation", "embedding", "clustering"]
    for stage, steps in reported.items():
        done = [step for step, _ in steps]
        assert len(steps) > 2, stage
        assert done == sorted(done), stage
        assert {total for _, total in steps} == {done[-1]}, stage
