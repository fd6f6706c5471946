"""The tests that need PyTorch, run in an environment that has it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_tests_that_need_torch_pass(torch_python: Path, repository: Path) -> None:
    if torch_python == Path(sys.executable):
        pytest.skip("torch is installed: this run includes those tests")
    files = [path for path in (repository / "tests").rglob("test_*.py") if "importorskip(" in path.read_text()]
    needing = [path for path in files if re.search(r"importorskip\(\s*\"torch\"", path.read_text())]
    command = [torch_python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *needing]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-5000:]
    # Tests may skip if no index has the published checkpoint, but not because torch is missing.
    assert re.search(r"^\d+ passed(, \d+ skipped)? in ", done.stdout, re.MULTILINE), done.stdout[-500:]
    assert "the extra models is not installed" not in done.stdout
