from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from oolong_align.errors import ModelError
from oolong_align.networks.quantization import activation_names, quantize_backbone, quantized, weights_digest


def small_backbone(seed: int = 0, prefix: str = "") -> onnx.ModelProto:
    """Features ``[1, T, 80]`` through a residual block of two convolutions."""
    rng = np.random.default_rng(seed)
    weights = {"one": rng.normal(0, 0.2, (4, 1, 3, 3)), "two": rng.normal(0, 0.2, (4, 4, 3, 3))}
    nodes = [
        helper.make_node("Unsqueeze", ["feats", "axis"], [prefix + "image"]),
        helper.make_node("Conv", [prefix + "image", "one"], [prefix + "a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", [prefix + "a"], [prefix + "b"]),
        helper.make_node("Conv", [prefix + "b", "two"], [prefix + "c"], pads=[1, 1, 1, 1]),
        helper.make_node("Add", [prefix + "b", prefix + "c"], [prefix + "d"]),
        helper.make_node("Relu", [prefix + "d"], ["maps"]),
    ]
    graph = helper.make_graph(
        nodes,
        "backbone",
        [helper.make_tensor_value_info("feats", TensorProto.FLOAT, [1, "T", 80])],
        [helper.make_tensor_value_info("maps", TensorProto.FLOAT, [1, 4, "T", 80])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
        + [numpy_helper.from_array(np.array([1]), "axis")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)


def run(path: Path, features: np.ndarray) -> np.ndarray:
    return onnxruntime.InferenceSession(str(path)).run(None, {"feats": features})[0]


@pytest.fixture
def backbone(tmp_path: Path) -> Path:
    onnx.save(small_backbone(), tmp_path / "backbone.onnx")
    return tmp_path / "backbone.onnx"


def write_ranges(path: Path, model: onnx.ModelProto, highest: float = 4.0) -> Path:
    """Ranges of -4 to 4, starting at 0 for rectifiers; the last one ends at a given value."""
    rectified = {node.output[0] for node in model.graph.node if node.op_type == "Relu"}
    ranges = [
        (0.0 if name in rectified else -4.0, highest if name == "maps" else 4.0) for name in activation_names(model)
    ]
    path.write_text(json.dumps({"weights": weights_digest(model), "ranges": ranges}))
    return path


def test_the_small_version_computes_nearly_the_same(
    backbone: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ranges = write_ranges(tmp_path / "ranges.json", onnx.load(backbone))
    with caplog.at_level(logging.WARNING):
        quantize_backbone(backbone, tmp_path / "int8.onnx", ranges=ranges)
    assert not caplog.records
    features = np.random.default_rng(1).normal(0, 0.5, (1, 30, 80)).astype(np.float32)
    exact, rounded = run(backbone, features), run(tmp_path / "int8.onnx", features)
    assert 0 < np.abs(exact - rounded).max() < 4 * 8 / 255
    operators = {node.op_type for node in onnx.load(tmp_path / "int8.onnx").graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= operators
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backbone.onnx", "int8.onnx", "ranges.json"]


def test_the_given_ranges_are_used_and_not_those_of_silence(backbone: Path, tmp_path: Path) -> None:
    features = np.full((1, 30, 80), 3.0, dtype=np.float32)
    for high in (0.25, 0.5):
        ranges = write_ranges(tmp_path / "ranges.json", onnx.load(backbone), high)
        quantize_backbone(backbone, tmp_path / "int8.onnx", ranges=ranges)
        assert run(tmp_path / "int8.onnx", features).max() == pytest.approx(high, rel=1e-3)


def test_the_same_source_gives_the_same_bytes(backbone: Path, tmp_path: Path) -> None:
    ranges = write_ranges(tmp_path / "ranges.json", onnx.load(backbone))
    for name in ("a.onnx", "b.onnx"):
        quantize_backbone(backbone, tmp_path / name, ranges=ranges)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_the_digest_is_that_of_the_weights(backbone: Path) -> None:
    digest = weights_digest(onnx.load(backbone))
    assert weights_digest(small_backbone(prefix="other_")) == digest
    assert weights_digest(small_backbone(seed=1)) != digest


def test_unknown_weights_are_refused(backbone: Path, tmp_path: Path) -> None:
    other = write_ranges(tmp_path / "ranges.json", small_backbone(seed=1))
    for ranges in (None, other):
        with pytest.raises(ModelError, match="no activation ranges for this embedding model"):
            quantize_backbone(backbone, tmp_path / "int8.onnx", ranges=ranges)
    assert not (tmp_path / "int8.onnx").exists()


def test_a_file_that_is_not_a_graph_is_refused(tmp_path: Path) -> None:
    (tmp_path / "backbone.onnx").write_bytes(b"nonsense")
    with pytest.raises(ModelError, match="not an ONNX graph"):
        quantize_backbone(tmp_path / "backbone.onnx", tmp_path / "int8.onnx")


def test_changed_ranges_give_another_cached_file(
    backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OOLONG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("oolong_align.networks.quantization.resources.files", lambda _: tmp_path / "package")
    (tmp_path / "package" / "data").mkdir(parents=True)
    ranges = tmp_path / "package" / "data" / "ranges_small.json"
    write_ranges(ranges, onnx.load(backbone), 0.25)
    first = quantized(backbone, quantize_backbone)
    assert quantized(backbone, quantize_backbone) == first
    write_ranges(ranges, onnx.load(backbone), 0.5)
    second = quantized(backbone, quantize_backbone)
    assert second != first
    features = np.full((1, 30, 80), 3.0, dtype=np.float32)
    assert run(second, features).max() == pytest.approx(2 * run(first, features).max(), rel=1e-3)
