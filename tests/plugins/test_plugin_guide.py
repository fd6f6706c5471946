"""Every block of the plugin guide runs, and every signature in it is that of the code."""

from __future__ import annotations

import inspect
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

import pytest

from oolong_align.builtin.plugin import CorePlugin
from oolong_align.plugin import entries, spec

Run = Callable[..., object]
ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "plugins.md").read_text()
HOOKS = {name: hook for name, hook in vars(spec).items() if name.startswith("oolong_")}
TUTORIAL = "A plugin in two files"


class Block(NamedTuple):
    section: str
    language: str
    file: str | None
    text: str


def read_blocks() -> Iterator[Block]:
    """Fenced blocks; a line such as ``path:`` directly before a block names its file."""
    for section, body in sections().items():
        for file, language, text in re.findall(
            r"(?:^`(\S+)`:\n\n)?^```(\w*)\n(.*?)^```", body, re.MULTILINE | re.DOTALL
        ):
            yield Block(section, language, file or None, text)


def sections() -> dict[str, str]:
    parts = re.split(r"^##+ (.*)\n", GUIDE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


BLOCKS = list(read_blocks())


def of(section: str) -> list[Block]:
    return [block for block in BLOCKS if block.section == section]


@pytest.fixture
def run_session(oolong: Run, install: Run, recording: Path, tmp_path: Path) -> Callable[[str], None]:
    """Run the commands of a console block and compare their output; a line ``...`` matches any lines."""
    shutil.copy(recording, tmp_path / "lunch.wav")

    def run(session: str) -> None:
        for command, *expected in (part.splitlines() for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]):
            program, *arguments = shlex.split(command)
            if program == "pip":
                assert arguments[0] == "install"
                install(tmp_path / arguments[1])
                continue
            assert program == "oolong"
            if arguments[0] in ("transcribe", "diarize"):
                # The examples of the guide need no model.
                kinds = ("diarizer", "transcriber") if arguments[0] == "transcribe" else ("diarizer",)
                arguments += [f"--{kind}=replay" for kind in kinds if f"--{kind}" not in arguments]
            done = oolong(*arguments)
            printed = (done.stderr + done.stdout).splitlines()
            pattern = "\n".join("(?:.*\n)*?.*" if line == "..." else re.escape(line) for line in expected)
            assert re.fullmatch(pattern, "\n".join(printed)), f"$ {command}\n" + "\n".join(printed)

    return run


def test_the_plugin_in_two_files_works(run_session: Callable[[str], None], tmp_path: Path) -> None:
    for block in of(TUTORIAL):
        if block.language == "console":
            run_session(block.text)
        else:
            assert block.file
            (tmp_path / block.file).parent.mkdir(exist_ok=True)
            (tmp_path / block.file).write_text(block.text)


def test_the_checks_of_the_guide_pass(oolong: Run, site: Path) -> None:
    (module,) = [block for block in of(TUTORIAL) if block.language == "python"]
    (site / Path(str(module.file)).name).write_text(module.text)
    (script,) = of("Test a plugin")
    (site / "check.py").write_text(script.text)
    done = oolong(code="import check")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("hook", HOOKS)
def test_the_example_of_a_hook_works(hook: str, run_session: Callable[[str], None], oolong: Run, site: Path) -> None:
    plugin, *rest = of(hook)
    assert plugin.language == "python"
    assert re.search(rf'^def {hook}\(|specname="{hook}"', plugin.text, re.MULTILINE)
    assert rest
    (site / "example.py").write_text(plugin.text)
    info = site / "example-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: example\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[oolong_align]\nexample = example\n")
    for block in rest:
        if block.language == "console":
            run_session(block.text)
        else:
            (site / "check.py").write_text(block.text)
            done = oolong(code="import check")
            assert (done.returncode, done.stderr) == (0, "")


def test_every_block_is_run() -> None:
    assert {block.section for block in BLOCKS} == {TUTORIAL, "Test a plugin", *HOOKS}
    assert {block.language for block in BLOCKS} == {"toml", "python", "console"}
    assert len(BLOCKS) * 2 == len(re.findall(r"^```", GUIDE, re.MULTILINE))


@pytest.mark.parametrize("hook", HOOKS)
def test_the_signature_of_a_hook_is_the_specification(hook: str) -> None:
    first = sections()[hook].strip().splitlines()[0]
    assert first == f"`{hook}{written(HOOKS[hook])}`"


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_says_when_it_is_called_and_which_plugins_use_it(hook: str) -> None:
    described = dict(re.findall(r"^- \*\*(.*?)\*\*: (.*)", sections()[hook], re.MULTILINE))
    assert list(described) == ["When", "Result", "Known users"]
    assert described["Known users"] == (", ".join(users(hook)) or "none yet")


def test_the_hooks_are_listed() -> None:
    listed = re.findall(r"^\| \[`(oolong_\w+)`\]\(#(oolong_\w+)\) \| (\w+) \|", sections()["The hooks"], re.MULTILINE)
    assert [name for name, _, _ in listed] == [target for _, target, _ in listed] == list(HOOKS)
    kinds = {name: kind for name, _, kind in listed}
    assert {name for name, kind in kinds.items() if kind == "stage"} == {
        name for name, hook in HOOKS.items() if hook.oolong_align_spec["firstresult"]
    }
    assert {name for name, kind in kinds.items() if kind == "plural"} == {
        name for name, hook in HOOKS.items() if written(hook).endswith("Entry]") or name == "oolong_formats"
    }


def test_the_entries_have_these_fields_and_callables() -> None:
    table = sections()["The entries"].replace("\\|", "|")
    listed = dict(re.findall(r"^\| `(\w+)\((.*?)\)` \|", table, re.MULTILINE))
    assert listed == {
        name: ", ".join(field.name for field in fields(entry))
        for name, entry in vars(entries).items()
        if name.endswith("Entry") or name == "OutputFormat"
    }
    for name, call in (("diarize", entries.DiarizeCall), ("transcribe", entries.TranscribeCall)):
        assert f"`{name}{written(call.__call__).replace('(self, ', '(')}`" in table


def test_the_rule_is_there() -> None:
    rule = "to offer something the user can choose, return it from a plural hook; to observe or change what happens"
    assert rule in " ".join(GUIDE.split())


def test_every_plugin_is_in_the_table() -> None:
    plugins = {path.parent.name for path in (ROOT / "plugins").glob("*/pyproject.toml")}
    for text in (GUIDE, (ROOT / "plugins" / "README.md").read_text()):
        assert plugins == set(re.findall(r"^\| \[(oolong-\S*?)\]", text, re.MULTILINE))


def written(function: Callable[..., object]) -> str:
    """Signature as written in the source."""
    return str(inspect.signature(function)).replace("'", "")


def users(hook: str) -> list[str]:
    """Names of the plugins of this repository that implement a hook, the core first."""
    found = ["core"] if hasattr(CorePlugin, hook) else []
    for project in sorted((ROOT / "plugins").glob("*/pyproject.toml")):
        sources = "".join(path.read_text() for path in sorted((project.parent / "src").rglob("*.py")))
        if re.search(rf"^def {hook}\(", sources, re.MULTILINE):
            found.append(project.parent.name.removeprefix("oolong-align-"))
    return found
