"""The user's own folder, names and paths: where a model is looked for before anything is fetched."""

import hashlib
from pathlib import Path

import pytest

from oolong_align.errors import HashMismatchError, ModelNotFoundError
from oolong_align.weights import find_bundle, find_whisper, locate_whisper, own_models


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


def test_own_folder_is_its_own_bundle_with_its_hashes(own, manifest):
    bundle = find_bundle(model_dir=own, manifest=manifest)
    assert bundle.name == "my models"
    assert bundle.files["plda"] == own / "plda/vbx_model.npz"
    assert bundle.hashes["embedding"] == hashlib.sha256(b"embedding/model.onnx").hexdigest()
    assert find_bundle(own, manifest=manifest) == bundle
    assert find_bundle(str(own), parts=("plda",), manifest=manifest).files == {"plda": bundle.files["plda"]}


def test_own_folder_from_the_environment(own, manifest, monkeypatch):
    monkeypatch.setenv("OOLONG_MODELS", str(own))
    assert find_bundle(manifest=manifest).name == "my models"
    assert find_whisper("mine", manifest=manifest) == own / "whisper/mine"
    assert sorted(own_models()) == ["embedding", "plda", "segmentation", "whisper/mine"]


def test_own_bundle_never_borrows_a_part_from_elsewhere(own, manifest, wheels):
    (own / "embedding/model.onnx").unlink()
    assert find_bundle(parts=("segmentation",), model_dir=own, manifest=manifest).files
    with pytest.raises(ModelNotFoundError, match=r"there is no embedding/model\.onnx"):
        find_bundle(model_dir=own, manifest=manifest)


def test_folder_without_any_model_shows_the_layout(tmp_path, manifest):
    for find in (find_bundle, lambda **more: find_whisper("base", **more)):
        with pytest.raises(ModelNotFoundError, match=r"segmentation/model\.onnx, .*whisper/NAME"):
            find(model_dir=tmp_path, manifest=manifest)
    with pytest.raises(ModelNotFoundError, match="no such folder"):
        find_bundle(model_dir=tmp_path / "gone", manifest=manifest)


def test_folder_with_whisper_only_leaves_the_bundle_to_the_other_places(own, manifest, wheels):
    for part in ("segmentation/model.onnx", "embedding/model.onnx", "plda/vbx_model.npz"):
        (own / part).unlink()
    assert find_bundle(parts=("segmentation",), model_dir=own, manifest=manifest).name == "open"
    assert find_whisper("mine", model_dir=own, manifest=manifest) == own / "whisper/mine"


def test_folder_without_the_whisper_model_leaves_it_to_the_other_places(own, manifest, wheels):
    assert (find_whisper("base", model_dir=own, manifest=manifest) / "model.bin").is_file()
    (own / "whisper/base").mkdir()
    with pytest.raises(ModelNotFoundError, match=r"no model\.bin and no config\.json"):
        find_whisper("base", model_dir=own, manifest=manifest)


def test_named_bundle_takes_a_file_of_the_folder_only_with_the_right_bytes(own, manifest, toys):
    (own / "segmentation/model.onnx").write_bytes(toys.SEGMENTATION)
    bundle = find_bundle("open", parts=("segmentation",), model_dir=own, manifest=manifest)
    assert bundle.name == "open"
    assert bundle.files["segmentation"] == own / "segmentation/model.onnx"
    with pytest.raises(HashMismatchError, match="other bytes than the embedding") as caught:
        find_bundle("open", model_dir=own, manifest=manifest)
    assert "package index toy-parts==1.0" in str(caught.value)


def test_part_of_the_package(manifest):
    bundle = find_bundle(parts=("plda",), manifest=manifest)
    assert bundle.files["plda"].name == "models.toml"
    assert len(bundle.hashes["plda"]) == 64


def test_unknown_names(manifest, tmp_path):
    with pytest.raises(ModelNotFoundError, match=r"'gone' is neither a bundle \(open\) nor a folder"):
        find_bundle("gone", manifest=manifest)
    with pytest.raises(ModelNotFoundError, match="no such folder with a Whisper model"):
        find_whisper(tmp_path / "gone", manifest=manifest)
    with pytest.raises(ModelNotFoundError, match="no such folder with a Whisper model"):
        find_whisper("./models/gone/base", manifest=manifest)
    with pytest.raises(ValueError, match="vad"):
        find_bundle(parts=("vad",), manifest=manifest)


def test_whisper_names_of_others_and_folders(own, manifest, monkeypatch):
    assert find_whisper("large-v3", manifest=manifest) == "large-v3"
    assert find_whisper("org/some-whisper", manifest=manifest) == "org/some-whisper"
    assert find_whisper(own / "whisper/mine", manifest=manifest) == own / "whisper/mine"
    assert find_whisper(str(own / "whisper/mine"), manifest=manifest) == own / "whisper/mine"


def test_a_folder_that_is_here_by_chance_hides_no_model(tmp_path, manifest, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "small"
    folder.mkdir()
    assert find_whisper("small", manifest=manifest) == "small"
    with pytest.raises(ModelNotFoundError, match=r"no model\.bin"):
        find_whisper("./small", manifest=manifest)
    for name in ("model.bin", "config.json"):
        (folder / name).write_bytes(b"w")
    assert find_whisper("small", manifest=manifest) == Path("small")


def test_locating_a_model_fetches_nothing(own, manifest):
    assert locate_whisper("base", manifest=manifest) == "base"
    assert locate_whisper("mine", model_dir=own, manifest=manifest) == own / "whisper/mine"
