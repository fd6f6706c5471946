"""The plugin guide does what it says."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from oolong_align import hookspecs

Run = Callable[..., object]


@pytest.fixture
def guide(repository: Path) -> str:
    return (repository / "plugins" / "README.md").read_text()


def block(guide: str, language: str, *, containing: str) -> str:
    (found,) = [
        text
        for text in re.findall(rf"^```{language}\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
        if containing in text
    ]
    return found


def test_the_plugin_in_two_files_works(
    guide: str, install: Run, oolong: Run, site: Path, recording: Path, tmp_path: Path
) -> None:
    project = tmp_path / "oolong-align-shout"
    project.mkdir()
    (project / "pyproject.toml").write_text(block(guide, "toml", containing="oolong-align-shout"))
    (project / "oolong_align_shout.py").write_text(block(guide, "python", containing="def render"))
    install(project)

    session = block(guide, "console", containing="--mask").splitlines()
    command = session[1].removeprefix("$ oolong ").split()
    done = oolong(*command, "--diarizer", "replay", "--transcriber", "replay")
    assert done.stderr == ""
    assert done.stdout.splitlines() == session[2:4]
    assert "shout\t0.1\toolong-align-shout\tadd_options formats\talign\n" in oolong("plugins").stdout

    (site / "check.py").write_text(block(guide, "python", containing="check_format"))
    done = oolong(code="import check")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_rule_is_there(guide: str) -> None:
    rule = "to offer something the user can choose, return it from a plural hook; to observe or change what happens"
    assert rule in " ".join(guide.split())


def test_every_hook_is_in_the_table_with_its_signature(guide: str) -> None:
    listed = dict(re.findall(r"^\| `(oolong_\w+)\((.*?)\)` \|", guide, re.MULTILINE))
    hooks = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("oolong_")}
    assert listed == {name: ", ".join(inspect.signature(hook).parameters) for name, hook in hooks.items()}


def test_every_plugin_is_in_the_table(guide: str, repository: Path) -> None:
    plugins = {path.parent.name for path in (repository / "plugins").glob("*/pyproject.toml")}
    assert plugins == set(re.findall(r"^\| \[(.*?)\]", guide, re.MULTILINE))
