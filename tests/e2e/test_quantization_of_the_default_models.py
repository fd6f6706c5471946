from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from oolong_align.audio.recording import load_audio
from oolong_align.diarization.fbank import compute_fbank
from oolong_align.networks.embedding_graph import extract_backbone
from oolong_align.networks.quantization import quantize_backbone, quantize_segmentation
from oolong_align.weights import find_bundle


@pytest.fixture(scope="module")
def samples(repository: Path) -> np.ndarray:
    with load_audio(repository / "examples" / "meeting.flac") as audio:
        return audio.read(0, 160_000)


def run(path: Path, value: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path))
    return session.run(None, {session.get_inputs()[0].name: value})[0]


def test_the_backbone_has_stored_ranges(samples: np.ndarray, tmp_path: Path) -> None:
    extract_backbone(find_bundle(parts=("embedding",)).files["embedding"], tmp_path / "backbone.onnx")
    quantize_backbone(tmp_path / "backbone.onnx", tmp_path / "int8.onnx")
    features = compute_fbank(samples)
    features = (features - features.mean(axis=0))[None]
    exact, rounded = (run(tmp_path / name, features).ravel() for name in ("backbone.onnx", "int8.onnx"))
    assert exact @ rounded > 0.98 * np.linalg.norm(exact) * np.linalg.norm(rounded)
    assert (tmp_path / "int8.onnx").stat().st_size < 0.3 * (tmp_path / "backbone.onnx").stat().st_size
    metadata = onnxruntime.InferenceSession(str(tmp_path / "int8.onnx")).get_modelmeta().custom_metadata_map
    assert metadata["framework"] == "wespeaker"


def test_the_segmentation_finds_the_same_speakers(samples: np.ndarray, tmp_path: Path) -> None:
    source = find_bundle(parts=("segmentation",)).files["segmentation"]
    quantize_segmentation(source, tmp_path / "int8.onnx")
    exact, rounded = (run(path, samples[None, None]).argmax(axis=-1) for path in (source, tmp_path / "int8.onnx"))
    assert np.mean(exact == rounded) > 0.97
