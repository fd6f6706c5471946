"""Fixtures for all tests, and how a run is spread over the cores.

A test that uses ``data_dir`` gets the marker ``data``, so that ``-m data`` selects every test of the recordings.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from oolong_align import Diarizer

ROOT = Path(__file__).parents[1]
CPU_TORCH = "torch==2.13.0+cpu"  # the default build of an index may hold gigabytes for a GPU
NO_DATA = "no development recordings: set OOLONG_TEST_DATA"
BuildOnce = Callable[[str, Callable[[Path], None]], Path]


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Run the whole suite on all cores, but chosen files in one process, which loads each model once."""
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and "PYTEST_XDIST_WORKER" not in os.environ
    if whole and getattr(config.option, "numprocesses", 0) is None:
        config.option.numprocesses = "auto"
        config.option.dist = "worksteal"  # neighbours stay together, so that few module fixtures are built twice


def pytest_configure() -> None:
    """Give each worker its share of the cores, which the engines and subprocesses take for the whole machine."""
    worker, workers = (os.environ.get(f"PYTEST_XDIST_WORKER{part}") for part in ("", "_COUNT"))
    if worker and workers and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        if share := cores[int(worker.removeprefix("gw")) :: int(workers)]:
            os.sched_setaffinity(0, share)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use the recordings; without these, skip them before their fixtures load models."""
    absent = pytest.mark.skip(reason=NO_DATA)
    for item in items:
        if "data_dir" in getattr(item, "fixturenames", ()):
            item.add_marker("data")
        if item.get_closest_marker("data") and find_data() is None:
            item.add_marker(absent)


def find_data() -> Path | None:
    named = os.environ.get("OOLONG_TEST_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def data_dir() -> Path:
    folder = find_data()
    if folder is None:
        pytest.skip(NO_DATA)
    return folder


@pytest.fixture(scope="session")
def repository() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def diarizer() -> Diarizer:
    return Diarizer.from_pretrained()


@pytest.fixture(scope="session")
def build_once(tmp_path_factory: pytest.TempPathFactory) -> BuildOnce:
    """Build a named folder for the whole run: the first worker that needs it builds it, the others wait."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def build_folder(name: str, build: Callable[[Path], None]) -> Path:
        folder, done = shared / name, shared / f"{name}.done"
        with FileLock(shared / f"{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)
                build(folder)
                done.touch()
        return folder

    return build_folder


@pytest.fixture(scope="session")
def torch_python(build_once: BuildOnce) -> Path:
    """Python with the packages of this environment and PyTorch. Tests do not change it."""
    if importlib.util.find_spec("torch") is not None:
        return Path(sys.executable)

    def build(folder: Path) -> None:
        venv.create(folder, with_pip=False)
        (packages,) = folder.glob("lib/python3*/site-packages")
        (packages / "ours.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
        install = [sys.executable, "-m", "pip", "install", "-q", "--no-compile", "--target", packages, CPU_TORCH]
        if subprocess.run(install, capture_output=True).returncode:
            pytest.skip(f"{CPU_TORCH} is not on the package index: pip install '.[models]' to run these tests")

    return build_once("torch", build) / "bin" / "python"


@pytest.fixture(scope="session")
def community_plda(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("plda") / "vbx_model.npz"
    sources = [data_dir / "plda" / "xvec_transform.npz", data_dir / "plda" / "plda.npz"]
    subprocess.run([sys.executable, ROOT / "models" / "precompute_plda.py", *sources, target], check=True)
    return target
