"""The bundles that the same tests run with: the default one and the second embedding, CAM++."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from oolong_align import Diarizer


@pytest.fixture(scope="session", params=["open", "campplus"])
def bundle(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def model_dir(
    request: pytest.FixtureRequest, bundle: str, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path | None:
    """Folder with the bundle's models; the default bundle needs none."""
    if bundle == "open":
        return None
    if named := os.environ.get("OOLONG_TEST_CAMPPLUS"):
        return Path(named)
    python: Path = request.getfixturevalue("torch_python")
    folder = tmp_path_factory.mktemp("models") / bundle
    subprocess.run([python, repository / "models" / "download.py", bundle, folder], check=True)
    return folder


@pytest.fixture(scope="session")
def diarizer(model_dir: Path | None) -> Diarizer:
    return Diarizer.from_pretrained(model_dir=model_dir)
