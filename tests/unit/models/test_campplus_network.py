"""CAM++ in PyTorch with weights drawn at random: its masks by hand, and its graph in the program."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import onnxruntime
import pytest

from oolong_align.diarization.embedding import EmbeddingModel
from oolong_align.diarization.pooling import pool_statistics
from oolong_align.errors import InputError

torch = pytest.importorskip("torch", reason="the extra models is not installed")


@pytest.fixture(scope="module")
def scripts(repository: Path) -> ModuleType:
    sys.path.insert(0, str(repository / "models"))
    try:
        import export_onnx
    finally:
        sys.path.remove(str(repository / "models"))
    return export_onnx


@pytest.fixture(scope="module")
def network(scripts: ModuleType) -> torch.nn.Module:
    torch.manual_seed(0)
    drawn = scripts.campplus.CamPlusPlus(7)
    for module in drawn.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    return drawn.eval()


@pytest.fixture(scope="module")
def checkpoint(network: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "campplus.pt"
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def graph(scripts: ModuleType, checkpoint: Path) -> Path:
    samples = np.random.default_rng(0).normal(0, 0.1, 340_000).astype(np.float32)
    found, difference = scripts.export(checkpoint, checkpoint.with_name("model.onnx"), samples)
    assert found.name == "CAM++"
    assert difference < 1e-4
    return checkpoint.with_name("model.onnx")


@pytest.mark.parametrize("frames", [1, 99, 100, 101, 250])
def test_a_mask_follows_the_mean_of_two_seconds_and_of_everything(scripts: ModuleType, frames: int) -> None:
    torch.manual_seed(1)
    layer = scripts.campplus.Masked(dilation=2).eval()
    values = torch.randn(1, 128, frames)
    with torch.inference_mode():
        found = layer(values, torch.arange(frames) // 100)
        for frame in (0, frames // 2, frames - 1):
            begin = frame - frame % 100
            context = values[0].mean(dim=1) + values[0, :, begin : begin + 100].mean(dim=1)
            inner = torch.relu(layer.linear1.weight[:, :, 0] @ context + layer.linear1.bias)
            mask = torch.sigmoid(layer.linear2.weight[:, :, 0] @ inner + layer.linear2.bias)
            expected = layer.linear_local(values)[0, :, frame] * mask
            torch.testing.assert_close(found[0, :, frame], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("frames", [12, 199, 200, 201, 1000, 1931])
def test_the_graph_is_the_network_at_any_length(network: torch.nn.Module, graph: Path, frames: int) -> None:
    features = np.random.default_rng(frames).normal(size=(2, frames, 80)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(graph))
    (found,) = session.run(["embedding"], {"features": features})
    with torch.inference_mode():
        expected = network(torch.from_numpy(features)).numpy()
    assert found.shape == (2, 7)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_program_takes_the_graph_apart(network: torch.nn.Module, graph: Path) -> None:
    model = EmbeddingModel(graph)
    assert (model.channels, model.dimension, model.per_voice_frame) == (512, 7, 4)
    assert model.fbank_window == "povey"
    features = np.random.default_rng(0).normal(size=(1, 800, 80)).astype(np.float32)
    frames = model.frames(features)[0]
    assert frames.shape == (400, 512)
    pooled = model.project(pool_statistics(np.ascontiguousarray(frames), np.ones((1, 400), dtype=np.bool_)))
    with torch.inference_mode():
        expected = network(torch.from_numpy(features)).numpy()
    np.testing.assert_allclose(pooled, expected, atol=2e-3)  # of numbers that the floor of the variance moves


def test_the_same_checkpoint_gives_the_same_bytes(scripts: ModuleType, checkpoint: Path, graph: Path) -> None:
    again = checkpoint.with_name("again.onnx")
    scripts.export(checkpoint, again, np.random.default_rng(1).normal(0, 0.01, 160_000).astype(np.float32))
    assert again.read_bytes() == graph.read_bytes()


def test_a_checkpoint_with_other_layers_is_refused(
    scripts: ModuleType, network: torch.nn.Module, tmp_path: Path
) -> None:
    state = dict(network.state_dict())
    del state["xvector.block2.tdnnd7.linear1.weight"]
    torch.save(state, tmp_path / "model.pt")
    with pytest.raises(InputError, match=r"not a CAM\+\+ that the program runs: .*block2\.tdnnd7\.linear1\.weight"):
        scripts.export(tmp_path / "model.pt", tmp_path / "model.onnx", np.zeros(16_000, dtype=np.float32))
