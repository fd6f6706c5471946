"""The model folder, names and paths: where models are searched before a download."""

import hashlib
from pathlib import Path

import pytest

from oolong_align.errors import HashMismatchError, ModelNotFoundError
from oolong_align.weights import find_bundle, find_whisper, list_model_folder, locate_whisper


@pytest.fixture
def own(tmp_path):
    folder = tmp_path / "my models"
    for path in ("segmentation/model.onnx", "embedding/model.onnx", "plda/vbx_model.npz"):
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_bytes(path.encode())
    for name in ("model.bin", "config.json"):
        (folder / "whisper/mine").mkdir(parents=True, exist_ok=True)
        (folder / "whisper/mine" / name).write_bytes(b"w")
    return folder


def test_model_folder_is_a_bundle(own, manifest):
    bundle = find_bundle(model_dir=own, manifest=manifest)
    assert bundle.name == "my models"
    assert bundle.files["plda"] == own / "plda/vbx_model.npz"
    assert bundle.hashes["embedding"] == hashlib.sha256(b"embedding/model.onnx").hexdigest()
    assert find_bundle(own, manifest=manifest) == bundle
    assert find_bundle(str(own), parts=("plda",), manifest=manifest).files == {"plda": bundle.files["plda"]}


def test_model_folder_from_the_environment(own, manifest, monkeypatch):
    monkeypatch.setenv("OOLONG_MODELS", str(own))
    assert find_bundle(manifest=manifest).name == "my models"
    assert find_whisper("mine", manifest=manifest) == own / "whisper/mine"
    assert sorted(list_model_folder()) == ["embedding", "plda", "segmentation", "whisper/mine"]


def test_model_folder_is_not_completed_from_other_sources(own, manifest, wheels):
    (own / "embedding/model.onnx").unlink()
    assert find_bundle(parts=("segmentation",), model_dir=own, manifest=manifest).files
    with pytest.raises(ModelNotFoundError, match=r"is incomplete\. Missing: embedding/model\.onnx"):
        find_bundle(model_dir=own, manifest=manifest)


def test_error_for_an_empty_folder_shows_the_layout(tmp_path, manifest):
    for find in (find_bundle, lambda **more: find_whisper("base", **more)):
        with pytest.raises(ModelNotFoundError, match=r"segmentation/model\.onnx, .*whisper/NAME"):
            find(model_dir=tmp_path, manifest=manifest)
    with pytest.raises(ModelNotFoundError, match=r"Model folder .*gone does not exist"):
        find_bundle(model_dir=tmp_path / "gone", manifest=manifest)


def test_bundle_of_a_folder_with_whisper_only_comes_from_other_sources(own, manifest, wheels):
    for part in ("segmentation/model.onnx", "embedding/model.onnx", "plda/vbx_model.npz"):
        (own / part).unlink()
    assert find_bundle(parts=("segmentation",), model_dir=own, manifest=manifest).name == "open"
    assert find_whisper("mine", model_dir=own, manifest=manifest) == own / "whisper/mine"


def test_whisper_model_missing_from_the_folder_comes_from_other_sources(own, manifest, wheels):
    assert (find_whisper("base", model_dir=own, manifest=manifest) / "model.bin").is_file()
    (own / "whisper/base").mkdir()
    with pytest.raises(
        ModelNotFoundError, match=r"not a CTranslate2 Whisper model\. Missing: model\.bin, config\.json"
    ):
        find_whisper("base", model_dir=own, manifest=manifest)


def test_named_bundle_uses_a_file_of_the_folder_only_with_the_right_hash(own, manifest, toys):
    (own / "segmentation/model.onnx").write_bytes(toys.SEGMENTATION)
    bundle = find_bundle("open", parts=("segmentation",), model_dir=own, manifest=manifest)
    assert bundle.name == "open"
    assert bundle.files["segmentation"] == own / "segmentation/model.onnx"
    with pytest.raises(HashMismatchError, match="SHA-256 does not match the embedding model of bundle open") as caught:
        find_bundle("open", model_dir=own, manifest=manifest)
    assert "package index toy-parts==1.0" in str(caught.value)


def test_part_shipped_with_the_package(manifest):
    bundle = find_bundle(parts=("plda",), manifest=manifest)
    assert bundle.files["plda"].name == "models.toml"
    assert len(bundle.hashes["plda"]) == 64


def test_unknown_names(manifest, tmp_path):
    with pytest.raises(ModelNotFoundError, match=r"Unknown bundle 'gone': no such folder\. Available bundles: open"):
        find_bundle("gone", manifest=manifest)
    with pytest.raises(ModelNotFoundError, match=r"No Whisper model at .*gone.*: no such folder"):
        find_whisper(tmp_path / "gone", manifest=manifest)
    with pytest.raises(ModelNotFoundError, match=r"No Whisper model at .*gone.*: no such folder"):
        find_whisper("./models/gone/base", manifest=manifest)
    with pytest.raises(ValueError, match="vad"):
        find_bundle(parts=("vad",), manifest=manifest)


def test_whisper_names_outside_the_manifest_and_folders(own, manifest, monkeypatch):
    assert find_whisper("large-v3", manifest=manifest) == "large-v3"
    assert find_whisper("org/some-whisper", manifest=manifest) == "org/some-whisper"
    assert find_whisper(own / "whisper/mine", manifest=manifest) == own / "whisper/mine"
    assert find_whisper(str(own / "whisper/mine"), manifest=manifest) == own / "whisper/mine"


def test_unrelated_folder_does_not_hide_a_model(tmp_path, manifest, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "small"
    folder.mkdir()
    assert find_whisper("small", manifest=manifest) == "small"
    with pytest.raises(ModelNotFoundError, match=r"Missing: model\.bin"):
        find_whisper("./small", manifest=manifest)
    for name in ("model.bin", "config.json"):
        (folder / name).write_bytes(b"w")
    assert find_whisper("small", manifest=manifest) == Path("small")


def test_locate_whisper_does_not_download(own, manifest):
    assert locate_whisper("base", manifest=manifest) == "base"
    assert locate_whisper("mine", model_dir=own, manifest=manifest) == own / "whisper/mine"
