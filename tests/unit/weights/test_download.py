"""models/download.py for the gated bundle: downloads from a local Hub and converts the files."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from oolong_align import Diarizer
from oolong_align.diarization.plda import Plda
from oolong_align.errors import ModelNotFoundError
from oolong_align.weights import find_bundle
from oolong_align.weights.manifest import Manifest, ModelFile, load_manifest

REPO = "pyannote/speaker-diarization-community-1"
TOKEN = "hf_secret"


@pytest.fixture(scope="module")
def script(repository):
    sys.path.insert(0, str(repository / "models"))
    try:
        import download

        yield download  # imports export_onnx on demand
    finally:
        sys.path.remove(str(repository / "models"))


@pytest.fixture(scope="module")
def published():
    """Files of the default bundle, found before a test isolates the cache."""
    return find_bundle("open").files


@pytest.fixture(scope="module")
def checkpoint(published, tmp_path_factory):
    """The weights of the default embedding model as a pyannote checkpoint."""
    torch = pytest.importorskip("torch", reason="the extra models is not installed")
    from checkpoints import resnet_state

    state = {f"resnet.{name}": tensor for name, tensor in resnet_state(published["embedding"]).items()}
    path = tmp_path_factory.mktemp("checkpoint") / "pytorch_model.bin"
    torch.save({"state_dict": state, "pytorch-lightning_version": "2.0.2"}, path)
    return path.read_bytes()


@pytest.fixture
def community(hub, toys, published, checkpoint, data_dir) -> Manifest:
    """The package manifest with the hash of this checkpoint, and a Hub that requires the token."""
    hub.token = TOKEN
    pairs = {name: (data_dir / "plda" / name).read_bytes() for name in ("plda.npz", "xvec_transform.npz")}
    files = {f"{REPO}/plda/{name}": data for name, data in pairs.items()}
    files[f"{REPO}/embedding/pytorch_model.bin"] = checkpoint
    files["onnx-community/pyannote-segmentation-3.0/onnx/model.onnx"] = published["segmentation"].read_bytes()
    hub.files.update({name: toys.HubFile(data) for name, data in files.items()})
    manifest = load_manifest()
    asset = manifest.assets["community-1-embedding"]
    entry = toys.asset({"pytorch_model.bin": checkpoint})["files"]["pytorch_model.bin"]
    own = (ModelFile("pytorch_model.bin", entry["sha256"], entry["size"]),)
    asset = replace(asset, files=own, sources=tuple(replace(source, files=own) for source in asset.sources))
    return replace(manifest, assets={**manifest.assets, asset.name: asset})


def test_gated_bundle_is_converted_to_a_usable_folder(
    script, community, published, repository, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    (tmp_path / "community-1").mkdir()
    files = script.download("community-1", tmp_path / "community-1", manifest=community)
    assert "embedding: WeSpeaker ResNet, max difference from PyTorch" in capsys.readouterr().out
    assert files["segmentation"].read_bytes() == published["segmentation"].read_bytes()
    assert Plda.load(files["plda"]).lda.shape == (256, 128)
    diarizer = Diarizer.from_pretrained(tmp_path / "community-1")
    result = diarizer(repository / "examples" / "meeting.flac")
    assert result.model.bundle == "community-1"
    assert len({segment.speaker_id for segment in result.segments}) == 3
    again = script.download("community-1", tmp_path / "again", manifest=community)
    for part, path in files.items():
        assert again[part].read_bytes() == path.read_bytes()


@pytest.mark.parametrize("token", [None, "hf_wrong"])
def test_download_without_a_valid_token_is_refused(script, community, tmp_path, monkeypatch, token):
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(ModelNotFoundError, match="set HF_TOKEN to your token") as caught:
        script.download("community-1", tmp_path / "community-1", manifest=community)
    assert "\n" not in str(caught.value)
    assert "hf_wrong" not in str(caught.value)
    assert not (tmp_path / "community-1").exists()


def test_refused_download_is_one_line(hub, toys, repository, published, tmp_path):
    pytest.importorskip("torch", reason="the extra models is not installed")
    segmentation = published["segmentation"].read_bytes()
    hub.files["onnx-community/pyannote-segmentation-3.0/onnx/model.onnx"] = toys.HubFile(segmentation)
    hub.files[f"{REPO}/embedding/pytorch_model.bin"] = toys.HubFile(b"", status=403, error_code="GatedRepo")
    done = run(repository, "community-1", tmp_path / "folder")
    assert done.returncode == 1
    assert done.stderr.startswith("download.py: Could not find the model community-1-embedding. Tried: ")
    assert done.stderr.endswith(f"Accept the conditions at {hub.url}/{REPO} and set HF_TOKEN to your token\n")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "folder").exists()


def test_nothing_is_downloaded_without_torch(hub, repository, tmp_path):
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')")
    done = run(repository, "community-1", tmp_path / "folder", path=tmp_path)
    assert done.returncode == 2
    assert done.stderr.endswith("Run pip install '.[models]' in the checkout\n")
    assert done.stderr.count("\n") == 1
    assert not hub.requests
    assert not (tmp_path / "folder").exists()
    export = [sys.executable, repository / "models" / "export_onnx.py", "a.bin", tmp_path / "b.onnx"]
    done = subprocess.run(export, env=environment(repository, tmp_path), capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "pip install '.[models]'" in done.stderr


def test_unknown_bundle_and_full_folder(repository, tmp_path):
    done = run(repository, "opne", tmp_path / "folder")
    assert done.returncode == 1
    assert done.stderr.startswith("download.py: Unknown bundle 'opne'. Available: open, community-1")
    assert done.stderr.count("\n") == 1
    (tmp_path / "file").write_text("mine")
    for taken in (tmp_path, tmp_path / "file"):
        done = run(repository, "open", taken)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert (tmp_path / "file").read_text() == "mine"


def run(repository, bundle, folder, *, path=None):
    command = [sys.executable, repository / "models" / "download.py", bundle, folder]
    return subprocess.run(command, env=environment(repository, path), capture_output=True, text=True)


def environment(repository, path):
    first = [str(path)] if path else []
    return os.environ | {"PYTHONPATH": os.pathsep.join([*first, str(repository)])}
