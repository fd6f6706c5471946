"""Checks of the whole repository."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

SHORT_MODULES = {
    "__init__.py",
    "tsv.py",  # each format has its own module
    "version.py",  # errors and commands import it without anything else
}
ENGINES = ("onnxruntime", "ctranslate2", "faster_whisper", "av", "onnx", "torch")


@pytest.mark.parametrize("command", [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]])
def test_the_code_is_clean(command: list[str], repository: Path) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_module_is_neither_a_fragment_nor_a_heap(repository: Path) -> None:
    """A file holds one idea: a module has 15 to 900 lines, blank lines not counted."""
    modules = [*(repository / "oolong_align").rglob("*.py"), *(repository / "plugins").glob("*/src/**/*.py")]
    lines = {path: sum(map(bool, map(str.strip, path.read_text("utf-8").splitlines()))) for path in modules}
    assert len(lines) > 100
    assert not [str(path) for path, count in lines.items() if count > 900]
    assert not [str(path) for path, count in lines.items() if count < 15 and path.name not in SHORT_MODULES]


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


def test_ci_runs_the_test_command_of_the_readme(repository: Path) -> None:
    command = (repository / ".ci" / "run").read_text().splitlines()[-1]
    assert command.endswith("-m pytest")
    assert command in (repository / "README.md").read_text("utf-8")


def test_only_one_fixture_finds_the_recordings(repository: Path) -> None:
    """A test that does not use it has the same outcome with and without the recordings; ``.ci/run`` relies on that."""
    variable = "_".join(("OOLONG", "TEST", "DATA"))
    finders = [path.name for path in (repository / "tests").rglob("*.py") if variable in path.read_text("utf-8")]
    assert finders == ["conftest.py"]


def test_workflows_and_hooks_run_commands_that_exist(repository: Path) -> None:
    tasks_file = (repository / "noxfile.py").read_text()
    tasks = re.findall(r"^@nox\.session(?:\(name=\"(\w+)\"\))?\ndef (\w+)", tasks_file, re.MULTILINE)
    names = {named or function for named, function in tasks}
    workflows = [yaml.safe_load(path.read_text()) for path in (repository / ".github" / "workflows").glob("*.yml")]
    steps = [step for each in workflows for job in each["jobs"].values() for step in job["steps"]]
    run = [
        re.fullmatch(r"pipx run nox -s (\w+)( -p \$\{\{ matrix.python \}\})?", s["run"]) for s in steps if "run" in s
    ]
    assert len(run) >= 6
    assert {each and each[1] for each in run} <= names
    for template in (repository / ".github" / "ISSUE_TEMPLATE").glob("*.yml"):
        assert yaml.safe_load(template.read_text()), template

    for hook in yaml.safe_load((repository / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]:
        python, *command = hook["entry"].split()
        assert python == "python"
        words = [word for word in command if word != "--fix"]
        assert ", ".join(f'"{word}"' for word in words) in tasks_file, hook["entry"]
