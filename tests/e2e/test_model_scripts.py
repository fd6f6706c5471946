"""The scripts in ``models/``, run on the default models and ``examples/meeting.flac``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import workshop

from oolong_align.audio.recording import load_audio
from oolong_align.diarization.embedding import EmbeddingModel
from oolong_align.diarization.fbank import compute_fbank
from oolong_align.diarization.plda import Plda
from oolong_align.networks.embedding_graph import extract_backbone
from oolong_align.weights import find_bundle


@pytest.fixture(scope="module")
def embedding() -> Path:
    return find_bundle(parts=("embedding",)).files["embedding"]


def call(repository: Path, script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    paths = [repository, repository / "plugins" / "oolong-align-metrics" / "src"]
    return subprocess.run(
        [sys.executable, repository / "models" / script, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_parts_of_the_default_embedding_equal_the_whole(repository: Path, embedding: Path, tmp_path: Path) -> None:
    done = call(repository, "split.py", embedding, tmp_path / "parts")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("meeting.flac: 6 blocks, largest difference ")
    assert sorted(path.name for path in (tmp_path / "parts").iterdir()) == ["backbone.onnx", "head.onnx"]
    backbone, head = (onnx.load(tmp_path / "parts" / f"{name}.onnx").graph for name in ("backbone", "head"))
    whole = onnx.load(embedding).graph
    assert backbone.input[0].name == whole.input[0].name
    assert head.output[0].name == whole.output[0].name


def test_parts_with_different_results_are_not_written(repository: Path, embedding: Path, tmp_path: Path) -> None:
    """The pooling of this graph doubles the standard deviation, unlike that of the program."""
    model = onnx.load(embedding)
    nodes = model.graph.node
    (position,) = [index for index, node in enumerate(nodes) if node.op_type == "Sqrt"]
    product = onnx.helper.make_node("Mul", [nodes[position].input[0], "four"], ["quadrupled"])
    nodes[position].input[0] = "quadrupled"
    nodes.insert(position, product)
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(4, dtype=np.float32), "four"))
    onnx.save(model, tmp_path / "model.onnx")
    done = call(repository, "split.py", tmp_path / "model.onnx", tmp_path / "parts")
    assert done.returncode == 1
    assert "the embeddings of backbone and head differ from those of the whole graph" in done.stderr
    assert not (tmp_path / "parts").exists()


def test_an_invalid_graph_is_reported_in_one_line(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_text("nonsense")
    done = call(repository, "split.py", tmp_path / "model.onnx", tmp_path / "parts")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and "not an ONNX graph" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("script", "arguments", "problem"),
    [
        ("split.py", ("backbone.onnx", "."), "backbone.onnx: This output would overwrite an input"),
        (
            "quantize.py",
            ("backbone.onnx", ".", "--out", "backbone.onnx"),
            "backbone.onnx: This output would overwrite an input",
        ),
        ("train_plda.py", ("a.npz", "--out", "a.npz"), "a.npz: This output would overwrite an input"),
        (
            "train_plda.py",
            ("a.npz", "--out", "b.npz", "--threshold", "nan"),
            "Invalid --threshold nan: use a distance above 0",
        ),
        ("precompute_plda.py", ("a.npz", "b.npz", "b.npz"), "b.npz: This output would overwrite an input"),
        ("simulate_sessions.py", ("nothing", "sessions.npz"), "nothing"),
        ("simulate_sessions.py", (".", "missing/sessions.npz"), "Folder missing not found"),
        ("calibrate_voices.py", ("a.npz", "--clean", "a.npz"), "a.npz: Not a NumPy file"),
        ("split.py", ("a.npz", ".", "--audio", "backbone.onnx"), "backbone.onnx: This output would overwrite an input"),
        ("train_plda.py", (".", "--out", "a.npz"), "a.npz: This output would overwrite a file in the input ."),
        (
            "train_plda.py",
            ("b.npz", "--embedding", "a.npz", "--out", "a.npz"),
            "a.npz: This output would overwrite an input",
        ),
        (
            "train_plda.py",
            ("b.npz", "--conversations", ".", "--out", "a.npz"),
            "a.npz: This output would overwrite a file in the input .",
        ),
        (
            "quantize.py",
            ("backbone.onnx", ".", "--out", "a.npz"),
            "a.npz: This output would overwrite a file in the input .",
        ),
        (
            "quantize.py",
            ("backbone.onnx", "x", "--plda", "a.npz", "--out", "a.npz"),
            "a.npz: This output would overwrite an input",
        ),
        ("simulate_sessions.py", (".", "a.npz"), "a.npz: This output would overwrite a file in the input ."),
        ("simulate_sessions.py", ("x", "a.npz", "--embedding", "a.npz"), "a.npz: This output would overwrite an input"),
    ],
)
def test_no_input_is_overwritten_and_invalid_input_is_reported_in_one_line(
    repository: Path, tmp_path: Path, script: str, arguments: tuple[str, ...], problem: str
) -> None:
    for name in ("backbone.onnx", "a.npz", "b.npz"):
        (tmp_path / name).write_text("mine")
    done = subprocess.run(
        [sys.executable, repository / "models" / script, *arguments], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode in (1, 2) and problem in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(
        ("backbone.onnx", "a.npz", "b.npz"), "mine"
    )


def test_a_calibration_does_not_overwrite_its_inputs(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "voice_plda_new.npz").write_text("mine")
    done = call(
        repository,
        "calibrate_voices.py",
        tmp_path / "voice_plda_new.npz",
        *("--clean", tmp_path / "clean.npz", "--name", "new", "--out", tmp_path),
    )
    assert done.returncode == 2 and "voice_plda_new.npz: This output would overwrite an input" in done.stderr


def test_an_8_bit_graph_runs_in_place_of_the_original(
    repository: Path, embedding: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quantize = workshop.scripts("quantize").quantize
    monkeypatch.setenv("OOLONG_CACHE", str(tmp_path / "cache"))
    stored = json.loads((repository / "oolong_align" / "data" / "ranges_resnet34.json").read_text())
    extract_backbone(embedding, tmp_path / "backbone.onnx")
    quantize.write_graph(tmp_path / "int8.onnx", embedding, tmp_path / "backbone.onnx", stored["ranges"])
    with load_audio(repository / "examples" / "meeting.flac") as audio:
        features = compute_fbank(audio.read(0, 160_000))
    features = (features - features.mean(axis=0))[None]
    costs = quantize.compare(embedding, {"mse": tmp_path / "int8.onnx"}, [features])
    assert costs["float32"] == (pytest.approx(1.0, abs=1e-6), pytest.approx(1.0, abs=1e-6), 1.0)
    assert 0.99 < costs["mse"][0] < 0.9999
    assert (tmp_path / "int8.onnx").stat().st_size < 0.5 * embedding.stat().st_size
    exact, rounded = (EmbeddingModel(path).frames(features).ravel() for path in (embedding, tmp_path / "int8.onnx"))
    assert exact @ rounded > 0.98 * np.linalg.norm(exact) * np.linalg.norm(rounded)
    assert not np.array_equal(exact, rounded)


@pytest.mark.data
def test_settings_are_compared_on_conversations(repository: Path, data_dir: Path, tmp_path: Path) -> None:
    for suffix in (".flac", ".rttm"):
        (tmp_path / f"meeting{suffix}").symlink_to(repository / "examples" / f"meeting{suffix}")
    source = data_dir / "plda" / "train_embeddings.npz"
    options = ["--dim", 16, 128, "--conversations", tmp_path, "--out", tmp_path / "vbx_model.npz"]
    done = call(repository, "train_plda.py", source, f"{source}=0.5", *options)
    assert done.returncode == 0, done.stderr
    assert "5800 embeddings of 290 speakers, 256 dimensions" in done.stdout
    assert "145 speakers of weight 0.5" in done.stdout
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith(("| 16", "| 128"))]
    assert [row[0] for row in rows] == ["16", "128"]
    rates = {row[0]: float(row[2].rstrip("%")) for row in rows}
    taken = Plda.load(tmp_path / "vbx_model.npz").lda.shape[1]
    assert rates[str(taken)] == min(rates.values()) < 15
    assert f"Selected: dimension {taken}, shrinkage 0.1: lowest DER on the conversations" in done.stdout
