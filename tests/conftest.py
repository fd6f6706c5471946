from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from oolong_align import Diarizer

ROOT = Path(__file__).parents[1]


def find_data() -> Path | None:
    named = os.environ.get("OOLONG_TEST_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def data_dir() -> Path:
    folder = find_data()
    if folder is None:
        pytest.skip("the development recordings are not here (set OOLONG_TEST_DATA)")
    return folder


@pytest.fixture(scope="session")
def repository() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def diarizer() -> Diarizer:
    return Diarizer.from_pretrained()


@pytest.fixture(scope="session")
def community_plda(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("plda") / "vbx_model.npz"
    sources = [data_dir / "plda" / "xvec_transform.npz", data_dir / "plda" / "plda.npz"]
    subprocess.run([sys.executable, ROOT / "models" / "precompute_plda.py", *sources, target], check=True)
    return target
