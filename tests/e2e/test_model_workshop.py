"""The tests that need PyTorch, in an environment that has it, so that they run wherever the others do."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest


def test_what_needs_torch(torch_python: Path, repository: Path) -> None:
    if torch_python == Path(sys.executable):
        pytest.skip("torch is in this environment: those tests run by themselves")
    files = [path for path in (repository / "tests").rglob("test_*.py") if "importorskip(" in path.read_text()]
    needing = [path for path in files if re.search(r"importorskip\(\s*\"torch\"", path.read_text())]
    command = [torch_python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *needing]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-5000:]
    assert re.search(r"^\d+ passed in ", done.stdout, re.MULTILINE), done.stdout[-500:]
