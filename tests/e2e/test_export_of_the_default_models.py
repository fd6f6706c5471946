"""Graphs exported from the real weights equal the published ones, and the program can split and run them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from oolong_align import Diarizer
from oolong_align.audio.recording import load_audio
from oolong_align.diarization.embedding import EmbeddingModel
from oolong_align.diarization.fbank import compute_fbank
from oolong_align.errors import ModelNotFoundError
from oolong_align.networks.segmentation_graph import extract_convolutions, extract_filters, extract_recurrent
from oolong_align.weights import find_bundle

torch = pytest.importorskip("torch", reason="the extra models is not installed")
import checkpoints  # noqa: E402 -- needs torch


@pytest.fixture(scope="module")
def meeting(repository: Path) -> Path:
    return repository / "examples" / "meeting.flac"


@pytest.fixture(scope="module")
def samples(meeting: Path) -> np.ndarray:
    with load_audio(meeting) as audio:
        return audio.read(0, audio.num_samples)


def export(repository: Path, checkpoint: Path, target: Path) -> float:
    """Run the script and return the difference that it prints."""
    command = [sys.executable, repository / "models" / "export_onnx.py", checkpoint, target]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return float(re.search(r"max difference from PyTorch on \S+meeting\.flac: (\S+)", done.stdout)[1])


@pytest.fixture(scope="module")
def segmentation(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        checkpoint = checkpoints.segmentation_checkpoint()
    except ModelNotFoundError as error:
        pytest.skip(str(error))
    target = tmp_path_factory.mktemp("exported") / "segmentation" / "model.onnx"
    assert export(repository, checkpoint, target) < 2e-4
    return target


@pytest.fixture(scope="module")
def embedding(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    torch.save(checkpoints.resnet_state(published("embedding")), folder / "avg_model.pt")
    assert export(repository, folder / "avg_model.pt", folder / "model.onnx") < 1e-5
    return folder / "model.onnx"


def published(part: str) -> Path:
    return find_bundle(parts=(part,)).files[part]


def run(path: Path, value: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path))
    return session.run(None, {session.get_inputs()[0].name: value})[0]


def contract(path: Path) -> list[tuple[str, list]]:
    session = onnxruntime.InferenceSession(str(path))
    return [(value.name, value.shape) for value in (*session.get_inputs(), *session.get_outputs())]


def test_the_segmentation_equals_the_published_one(segmentation: Path, samples: np.ndarray) -> None:
    windows = samples[:800_000].reshape(5, 1, 160_000)
    ours, theirs = (run(path, windows) for path in (segmentation, published("segmentation")))
    print(f"exported against published segmentation: max difference {np.abs(ours - theirs).max():.1e}")
    assert np.abs(ours - theirs).max() < 2e-4  # of log-probabilities down to -15
    assert np.array_equal(ours.argmax(axis=-1), theirs.argmax(axis=-1))
    short = samples[None, None, :37_123]
    assert np.abs(run(segmentation, short) - run(published("segmentation"), short)).max() < 2e-4
    assert contract(segmentation) == [
        ("input_values", ["batch_size", 1, "num_samples"]),
        ("logits", ["batch_size", "num_frames", 7]),
    ]


def test_the_embedding_equals_the_published_one(embedding: Path, samples: np.ndarray) -> None:
    features = compute_fbank(samples)[:5840]
    features = (features - features.mean(axis=0)).reshape(4, 1460, 80)
    ours, theirs = (run(path, features) for path in (embedding, published("embedding")))
    print(f"exported against published embedding: max difference {np.abs(ours - theirs).max():.1e}")
    assert np.abs(ours - theirs).max() < 1e-5
    assert np.abs(theirs).max() > 0.1
    assert contract(embedding) == contract(published("embedding"))


def test_the_program_splits_both(segmentation: Path, embedding: Path, tmp_path: Path) -> None:
    for build in (extract_filters, extract_convolutions, extract_recurrent):
        build(segmentation, tmp_path / "part.onnx")
    model = EmbeddingModel(embedding)
    assert (model.channels, model.dimension) == (2560, 256)


def test_the_diarizer_finds_the_same_turns(segmentation: Path, embedding: Path, meeting: Path) -> None:
    exported = Diarizer.from_pretrained(segmentation=segmentation, embedding=embedding)
    ours, theirs = exported(meeting), Diarizer.from_pretrained()(meeting)
    assert len({segment.speaker_id for segment in ours.segments}) == 3
    assert ours.segments == theirs.segments
    for speaker, vector in theirs.embeddings.items():
        assert ours.embeddings[speaker] @ vector > 0.9999
