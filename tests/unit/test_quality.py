"""What is true of the whole repository."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ENGINES = ("onnxruntime", "ctranslate2", "faster_whisper", "av", "onnx", "torch")


@pytest.mark.parametrize("command", [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]])
def test_the_code_is_clean(command: list[str], repository: Path) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_file_is_long(repository: Path) -> None:
    folders = ("oolong_align", "plugins", "tests", "models", "examples")
    files = [path for folder in folders for path in (repository / folder).rglob("*.py")]
    long = {str(path.relative_to(repository)): n for path in files if (n := len(path.read_text().splitlines())) > 400}
    assert files
    assert not long


@pytest.mark.parametrize("start", ["import oolong_align", "from oolong_align.cli.main import main; main(['--help'])"])
def test_a_start_loads_no_inference_engine(start: str) -> None:
    code = f"{start}\nimport sys\nprint('LOADED', *sorted(set(sys.modules) & set({ENGINES!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED"


def test_nothing_is_recorded_about_the_user(tmp_path: Path, repository: Path) -> None:
    switches = ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK", "GITHUB_ACTIONS", "TF_BUILD")
    kept = {name: value for name, value in os.environ.items() if name not in switches}
    places = dict.fromkeys(("HOME", "USERPROFILE", "TMPDIR", "TEMP", "XDG_CACHE_HOME"), str(tmp_path))
    code = (
        "import oolong_align.networks.session, onnxruntime\n"
        "import huggingface_hub.constants as hub\n"
        "assert hub.HF_HUB_DISABLE_TELEMETRY"
    )
    subprocess.run([sys.executable, "-c", code], env={**kept, **places}, cwd=repository, check=True)
    assert not list(tmp_path.rglob("*"))


def test_every_exported_name_can_be_imported() -> None:
    import oolong_align

    for name in oolong_align.__all__:
        assert getattr(oolong_align, name) is not None, name
    with pytest.raises(AttributeError, match="no attribute 'Diarizr'"):
        oolong_align.Diarizr  # noqa: B018


def test_ci_runs_the_command_of_the_readme(repository: Path) -> None:
    command = (repository / ".ci" / "run").read_text().splitlines()[-1]
    assert "pytest" in command
    assert f"    {command}\n" in (repository / "README.md").read_text()
