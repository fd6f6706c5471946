from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from oolong_align import Diarizer

ROOT = Path(__file__).parents[1]
CPU_TORCH = "torch==2.13.0+cpu"  # what the index gives by default may be gigabytes for a GPU


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
def torch_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python with this environment's packages and PyTorch, which no test changes."""
    if importlib.util.find_spec("torch") is not None:
        return Path(sys.executable)
    folder = tmp_path_factory.mktemp("torch") / "venv"
    venv.create(folder, with_pip=False)
    (packages,) = folder.glob("lib/python3*/site-packages")
    (packages / "ours.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-compile", "--target", packages, CPU_TORCH]
    if subprocess.run(install, capture_output=True).returncode:
        pytest.skip(f"{CPU_TORCH} is not on the package index: pip install '.[models]' to run these tests")
    return folder / "bin" / "python"


@pytest.fixture(scope="session")
def community_plda(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("plda") / "vbx_model.npz"
    sources = [data_dir / "plda" / "xvec_transform.npz", data_dir / "plda" / "plda.npz"]
    subprocess.run([sys.executable, ROOT / "models" / "precompute_plda.py", *sources, target], check=True)
    return target
