"""Backbones with several frames per 80 ms, by a graph with known output: the features of every ``stride``-th frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from oolong_align.audio.recording import Audio, load_audio
from oolong_align.diarization.embedding import (
    EmbeddingModel,
    compute_frames,
    count_voice_frames,
)
from oolong_align.diarization.fbank import (
    NUM_BINS,
    FbankWindow,
    count_fbank_frames,
    read_mean_free_fbank,
)
from oolong_align.diarization.pooling import pool_span, pool_statistics
from oolong_align.errors import ModelError

DIMENSION = 6


def write_graph(path: Path, stride: int, **metadata: str) -> Path:
    """Pool every ``stride``-th frame by mean and standard deviation, then project."""
    rng = np.random.default_rng(0)
    weights = {
        "pick": np.eye(NUM_BINS, dtype=np.float32)[:, :, None],
        "project": rng.normal(size=(2 * NUM_BINS, DIMENSION)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Transpose", ["features"], ["bands"], perm=[0, 2, 1]),
        helper.make_node("Conv", ["bands", "pick"], ["frames"], strides=[stride]),
        helper.make_node("ReduceMean", ["frames"], ["mean"], axes=[2], keepdims=0),
        helper.make_node("Mul", ["frames", "frames"], ["squares"]),
        helper.make_node("ReduceMean", ["squares"], ["square"], axes=[2], keepdims=0),
        helper.make_node("Mul", ["mean", "mean"], ["mean_square"]),
        helper.make_node("Sub", ["square", "mean_square"], ["variance"]),
        helper.make_node("Sqrt", ["variance"], ["deviation"]),
        helper.make_node("Concat", ["mean", "deviation"], ["statistics"], axis=1),
        helper.make_node("MatMul", ["statistics", "project"], ["embedding"]),
    ]
    graph = helper.make_graph(
        nodes,
        "known",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", "time", NUM_BINS])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", DIMENSION])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, metadata)
    onnx.save(model, path)
    return path


@pytest.fixture(scope="module")
def recording() -> Audio:
    return load_audio(np.random.default_rng(1).normal(0, 0.1, 27 * 16_000 + 5).astype(np.float32))


@pytest.mark.parametrize(("stride", "rows"), [(8, 1), (4, 2), (2, 4), (1, 8)])
def test_frames_of_every_rate_are_kept_in_order(tmp_path: Path, recording: Audio, stride: int, rows: int) -> None:
    model = EmbeddingModel(write_graph(tmp_path / "model.onnx", stride))
    assert (model.per_voice_frame, model.channels, model.dimension) == (rows, NUM_BINS, DIMENSION)
    messages: list[tuple[str, int, int]] = []
    frames = compute_frames(model, recording, progress=lambda *stage: messages.append(stage))
    total = count_voice_frames(recording.num_samples)
    assert len(frames) == total
    assert messages[-1] == ("embedding", total, total)

    features = read_mean_free_fbank(recording, 0, count_fbank_frames(recording.num_samples))
    filled = np.pad(features, ((0, 8 * total - len(features)), (0, 0)))
    np.testing.assert_allclose(frames.read(3, 300), filled[24 : 8 * 300 : stride], atol=0.01)
    masks = np.arange(297) % np.array([[2], [5]]) == 1
    pooled = model.pool(frames.read_stored(3, 300), masks)
    expected = pool_statistics(frames.read(3, 300), masks.repeat(rows, axis=1))
    np.testing.assert_allclose(pooled, model.project(expected), rtol=1e-3, atol=1e-3)
    everything = np.ones((1, len(frames.read(3, 300))), dtype=np.bool_)
    np.testing.assert_allclose(pool_span(frames, 3, 300), pool_statistics(frames.read(3, 300), everything), atol=1e-3)


@pytest.mark.parametrize(
    ("metadata", "window"),
    [({}, "hamming"), ({"framework": "wespeaker"}, "hamming"), ({"framework": "3d-speaker"}, "povey")],
)
def test_a_network_gets_the_features_of_its_training(
    tmp_path: Path, recording: Audio, metadata: dict[str, str], window: FbankWindow
) -> None:
    model = EmbeddingModel(write_graph(tmp_path / "model.onnx", 1, **metadata))
    assert model.fbank_window == window
    frames = compute_frames(model, recording).read(10, 20)
    hamming, povey = (read_mean_free_fbank(recording, 80, 160, each) for each in ("hamming", "povey"))
    np.testing.assert_allclose(frames, hamming if window == "hamming" else povey, atol=0.01)
    assert np.abs(hamming - povey).max() > 0.3


def test_a_network_with_unknown_features_is_refused(tmp_path: Path) -> None:
    path = write_graph(tmp_path / "model.onnx", 1, framework="nemo")
    with pytest.raises(ModelError, match=f"^{path}: unknown framework 'nemo'"):
        EmbeddingModel(path)


def test_some_frames_present(tmp_path: Path, recording: Audio) -> None:
    model = EmbeddingModel(write_graph(tmp_path / "model.onnx", 2))
    stretches = np.stack([np.arange(50, 200, 3), np.arange(51, 201, 3)], axis=1)
    some = compute_frames(model, recording, stretches=stretches)
    every = compute_frames(model, recording)
    assert some.indices(0, 10**6).tolist() == list(range(50, 200, 3))
    np.testing.assert_array_equal(some.read(80, 81), every.read(80, 81))
    assert some.read(80, 81).shape == (4, NUM_BINS)
    assert some.read(81, 83).shape == (0, NUM_BINS)


@pytest.mark.parametrize("stride", [3, 5, 7, 16])
def test_frames_that_do_not_fit_into_80_ms_are_refused(tmp_path: Path, stride: int) -> None:
    with pytest.raises(ModelError, match="frame step of 80, 40, 20 or 10 ms"):
        EmbeddingModel(write_graph(tmp_path / "model.onnx", stride))


@pytest.mark.parametrize("damaged", ["pick", "project"])
def test_a_model_with_output_that_is_not_finite_is_refused(tmp_path: Path, damaged: str) -> None:
    path = write_graph(tmp_path / "model.onnx", 2)
    model = onnx.load(path)
    (weights,) = (each for each in model.graph.initializer if each.name == damaged)
    spoilt = np.full_like(numpy_helper.to_array(weights), np.nan)
    weights.CopyFrom(numpy_helper.from_array(spoilt, damaged))
    onnx.save(model, path)
    with pytest.raises(ModelError, match="the output is not finite"):
        EmbeddingModel(path)
