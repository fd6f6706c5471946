"""Sharing work between windows, skipping silence and using several threads do not change results."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from oolong_align import Diarizer, DiarizerOptions
from oolong_align.audio.recording import Audio, load_audio
from oolong_align.diarization.embedding import (
    EmbeddingModel,
    compute_frames,
    count_voice_frames,
)
from oolong_align.diarization.fbank import NUM_BINS, count_fbank_frames, read_mean_free_fbank
from oolong_align.diarization.frame_store import FrameStore
from oolong_align.diarization.pieces import find_changes, find_stretches, frames_with_speech
from oolong_align.diarization.pooling import pool_statistics
from oolong_align.diarization.reference import embedding_masks, pooled_window_embeddings
from oolong_align.diarization.segmentation import Segmenter
from oolong_align.errors import OutputError
from oolong_align.types import FloatArray
from oolong_align.util.vectors import l2_normalise
from oolong_align.weights import find_bundle

WINDOW = 160_000


@pytest.fixture(scope="module")
def segmentation_path() -> Path:
    return find_bundle(parts=("segmentation",)).files["segmentation"]


@pytest.fixture(scope="module")
def embedder() -> EmbeddingModel:
    return EmbeddingModel(find_bundle(parts=("embedding",)).files["embedding"])


@pytest.fixture(scope="module")
def samples(repository: Path) -> FloatArray:
    """The example meeting with 25 s of digital silence in the middle."""
    with load_audio(repository / "examples" / "meeting.flac") as audio:
        speech = audio.read(0, audio.num_samples)
    middle = len(speech) // 2
    return np.concatenate([speech[:middle], np.zeros(25 * 16_000, dtype=np.float32), speech[middle:]])


@pytest.fixture(scope="module")
def recording(samples: FloatArray) -> Audio:
    return load_audio(samples)


def cut(samples: FloatArray, step: int, count: int) -> FloatArray:
    return np.stack([samples[window * step :][:WINDOW] for window in range(count)])


def run(path: Path, windows: FloatArray) -> FloatArray:
    session = onnxruntime.InferenceSession(str(path))
    return session.run(None, {session.get_inputs()[0].name: windows[:, None]})[0]


@pytest.mark.parametrize("step", [16_000, 15_360, 20_010, 16_001])
def test_shared_convolutions_equal_the_whole_graph(step: int, samples: FloatArray, segmentation_path: Path) -> None:
    count = 1 + (len(samples) - WINDOW) // step
    count = min(count, 40)
    scores = Segmenter(segmentation_path).infer(samples[: WINDOW + (count - 1) * step], step_samples=step)
    windows = cut(samples, step, count)
    whole = run(segmentation_path, windows)
    np.testing.assert_array_equal(scores.argmax(axis=-1), whole.argmax(axis=-1))
    # in digital silence three consecutive normalisations amplify the whole graph's rounding errors
    sounding = windows.any(axis=1)
    assert not sounding.all()
    np.testing.assert_allclose(scores[sounding], whole[sounding], atol=2e-3)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("step", [16_000, 20_000, 30_000, 40_000])
def test_a_window_does_not_depend_on_its_neighbours(
    step: int, precision: str, samples: FloatArray, segmentation_path: Path
) -> None:
    segmenter = Segmenter(segmentation_path, precision=precision)
    count = 7
    together = segmenter.infer(samples[: WINDOW + (count - 1) * step], step_samples=step)
    alone = [segmenter.infer(window, step_samples=step)[0] for window in cut(samples, step, count)]
    np.testing.assert_array_equal(together, alone)


def test_another_export_of_the_graph_runs_unsplit(samples: FloatArray, tmp_path: Path) -> None:
    weights = np.random.default_rng(0).normal(0, 0.1, (7, 1, 991)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["samples", "weights"], ["a"], strides=[270]),
        helper.make_node("Transpose", ["a"], ["b"], perm=[0, 2, 1]),
        helper.make_node("LogSoftmax", ["b"], ["scores"], axis=-1),
    ]
    graph = helper.make_graph(
        nodes,
        "other",
        [helper.make_tensor_value_info("samples", TensorProto.FLOAT, ["windows", 1, WINDOW])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["windows", 589, 7])],
        [numpy_helper.from_array(weights, "weights")],
    )
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    scores = Segmenter(path).infer(samples[: WINDOW + 9 * 16_000], step_samples=16_000)
    np.testing.assert_allclose(scores, run(path, cut(samples, 16_000, 10)), atol=1e-5)


def test_results_do_not_depend_on_the_number_of_threads(recording: Audio) -> None:
    results = []
    for threads in (1, 2, None):
        result = Diarizer.from_pretrained(options=DiarizerOptions(intra_threads=threads))(recording)
        speakers = {speaker: voice.tolist() for speaker, voice in result.embeddings.items()}
        turns = [(turn.start, turn.end, turn.speaker_id) for turn in result.turns]
        results.append(json.dumps([turns, [(r.start, r.end) for r in result.speech], speakers]))
    assert results[0] == results[1] == results[2]


def test_blocks_equal_one_long_pass(embedder: EmbeddingModel, samples: FloatArray) -> None:
    with load_audio(samples[: 45 * 16_000]) as audio:
        total = count_fbank_frames(audio.num_samples)
        whole = embedder.frames(read_mean_free_fbank(audio, 0, total)[None])[0]
        blocks = compute_frames(embedder, audio)
        assert len(blocks) == len(whole) == count_voice_frames(audio.num_samples)
        difference = np.abs(blocks.read(0, len(whole)) - whole).mean(axis=1) / whole.mean()
    assert difference.max() < 0.5  # near the block boundary
    assert np.median(difference) < 1e-3


def test_only_frames_near_speech_are_computed(
    embedder: EmbeddingModel, recording: Audio, segmentation_path: Path
) -> None:
    segmentation = Segmenter(segmentation_path)(recording, step_samples=16_000)
    present = frames_with_speech(segmentation)
    assert len(present) == count_voice_frames(recording.num_samples)
    assert present.mean() < 0.85
    runs = np.flatnonzero(np.diff(present, prepend=False, append=False)).reshape(-1, 2)
    messages: list[tuple[str, int, int]] = []
    spared = compute_frames(embedder, recording, stretches=runs, progress=lambda *stage: messages.append(stage))
    assert len(spared) == len(present)
    assert [done for _, done, _ in messages] == sorted(done for _, done, _ in messages)
    assert messages[-1] == ("embedding", present.sum(), present.sum())
    np.testing.assert_array_equal(spared.indices(-5, 10**9), np.flatnonzero(present))

    every = compute_frames(embedder, recording)
    few, all_ = (
        l2_normalise(np.concatenate([*pooled_window_embeddings(embedder, frames, segmentation, exclude_overlap=True)]))
        for frames in (spared, every)
    )
    enough = embedding_masks(segmentation.activity, exclude_overlap=True).sum(axis=1) > 60
    cosine = (few * all_).sum(axis=-1)[enough]
    assert cosine.min() > 0.98
    assert cosine.mean() > 0.995


def test_stretches_are_processed_separately(
    embedder: EmbeddingModel, recording: Audio, segmentation_path: Path
) -> None:
    segmentation = Segmenter(segmentation_path)(recording, step_samples=16_000)
    stretches = find_stretches(segmentation, find_changes(segmentation))
    covered = np.concatenate([np.arange(*each) for each in stretches])
    np.testing.assert_array_equal(covered, np.flatnonzero(frames_with_speech(segmentation)))
    touching = stretches[1:, 0] == stretches[:-1, 1]
    assert touching.sum() >= 5  # speaker changes without a pause
    lengths = stretches[:, 1] - stretches[:, 0]
    assert (lengths[np.r_[touching, False] | np.r_[False, touching]] >= 4).all()

    frames = compute_frames(embedder, recording, stretches=stretches)
    for first, last in stretches[(lengths <= 125) & (stretches[:, 1] < len(frames))]:
        alone = embedder.frames(read_mean_free_fbank(recording, 8 * first, 8 * last)[None])[0]
        np.testing.assert_allclose(frames.read(first, last), alone, atol=0.02 * alone.max())


def test_the_pooling_graph_equals_pooling_then_projecting(embedder: EmbeddingModel) -> None:
    rng = np.random.default_rng(2)
    frames = np.maximum(rng.normal(size=(90, embedder.channels)), 0).astype(np.float16)
    masks = rng.random((12, 90)) < np.linspace(0, 1, 12)[:, None]
    masks[1], masks[1, 7] = False, True
    expected = embedder.project(pool_statistics(frames.astype(np.float32), masks))
    np.testing.assert_allclose(embedder.pool(frames, masks), expected, atol=1e-4)
    nothing = np.zeros((3, 0), dtype=np.bool_)
    np.testing.assert_array_equal(embedder.pool(frames[:0], nothing), expected[[0, 0, 0]])


def test_an_error_while_storing_ends_the_threads(
    embedder: EmbeddingModel, recording: Audio, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: FrameStore, frames: FloatArray) -> None:
        raise OutputError("no room")

    monkeypatch.setattr(FrameStore, "append", full)
    before = threading.active_count()
    with pytest.raises(OutputError, match="no room"):
        compute_frames(embedder, recording)
    assert threading.active_count() == before


def test_features_have_as_many_bins_as_the_model_expects(embedder: EmbeddingModel) -> None:
    assert embedder.frames(np.zeros((1, 80, NUM_BINS), dtype=np.float32)).shape == (1, 10, embedder.channels)
