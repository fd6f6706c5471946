"""Bundles to test: the default one and, in slow tests, the one with CAM++ as embedding."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from oolong_align import Diarizer


@pytest.fixture(scope="session", params=["open", pytest.param("campplus", marks=pytest.mark.slow)])
def bundle(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def model_dir(
    request: pytest.FixtureRequest,
    bundle: str,
    repository: Path,
    build_once: Callable[[str, Callable[[Path], None]], Path],
) -> Path | None:
    """Folder with the models of the bundle; ``None`` for the default bundle."""
    if bundle == "open":
        return None
    if named := os.environ.get("OOLONG_TEST_CAMPPLUS"):
        return Path(named)
    python: Path = request.getfixturevalue("torch_python")

    def build(folder: Path) -> None:
        subprocess.run([python, repository / "models" / "download.py", bundle, folder], check=True)

    return build_once(bundle, build)


@pytest.fixture(scope="session")
def diarizer(model_dir: Path | None) -> Diarizer:
    return Diarizer.from_pretrained(model_dir=model_dir)
