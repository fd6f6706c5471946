"""Every command and snippet of the documentation runs, and prints what the page shows.

`pages` describes the conventions of the pages. Recordings are parts of ``examples/meeting.flac``. Packages and programs
that are not installed (openai-whisper, whisper.cpp, WhisperX, Transformers, OpenAI) return recorded results.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import types
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from pages import ROOT, agrees, inline_code, read_blocks

from oolong_align.api.hosting import load_host
from oolong_align.audio.recording import load_audio
from oolong_align.cli import main as program
from oolong_align.weights import find_whisper

GUIDE = ROOT / "docs" / "plugins.md"  # tests/plugins/test_plugin_guide.py runs its blocks
PAGES = [ROOT / "README.md", ROOT / "examples" / "README.md", *sorted({*(ROOT / "docs").rglob("*.md")} - {GUIDE})]
SLOW = {"docs/howto/archive.md", "docs/howto/voices.md", "docs/howto/subtitles.md", "docs/howto/whisper.md"}
FOREIGN = ROOT / "tests" / "data" / "foreign"
PLUGINS = sorted((ROOT / "plugins").glob("*/pyproject.toml"))

NOT_RUN = {
    r"(\.venv/bin/)?pip (un)?install .*": "changes the environment; tests/e2e/test_wheel.py installs the wheel",
    r"python3 -m venv \.venv": "belongs to the installation",
    r"\.venv/bin/python -m pytest": "is the test run itself",
    r"uvx --from \. oolong-align .*": "installs the program into a temporary environment",
    r"python models/download\.py .*": "downloads a checkpoint and needs PyTorch",
    r"oolong models fetch small": "downloads 500 MB",
    r"oolong transcribe .* --model small": "needs a model of 500 MB",
    r"oolong transcribe .* --model /media/.*": "names a folder of another machine",
    r"oolong .* --model_dir models/.*": "needs a bundle that a script makes first",
    r"oolong .* --speakers postgresql://.*": "needs a PostgreSQL server",
}
"""Commands that are only parsed, as regular expressions, and why."""

PROGRAMS = {
    "whisper": f"cp {FOREIGN / 'openai-whisper.json'} meeting.json",
    "whisper-cli": f"cp {FOREIGN / 'whisper-cpp.json'} meeting.json",
}
"""Other programs, each with a command that leaves what they write."""

WHOLE = (0.0, None)
RECORDINGS = {
    "meeting.flac": WHOLE,
    "meeting.wav": WHOLE,
    "episode.mp3": (0.0, 14.0),
    "interview.wav": (0.0, 14.0),
    "call.wav": (0.0, 14.0),
    "lecture.mp4": (0.0, 14.0),
    "monday.wav": (13.5, 27.0),
    "tuesday.wav": (27.0, None),
    "nora.wav": (25.5, 32.0),
    "bob.wav": (8.5, 13.7),
    "recordings/friday.wav": (0.0, 8.5),
    "people/nora/one.wav": (25.5, 31.6),
    "people/nora/two.wav": (49.5, 52.6),
    "people/ralph/one.wav": (8.5, 13.7),
    "people/ralph/two.wav": (39.4, 42.0),
}
"""Recordings of the pages, and the seconds of the meeting that each one holds."""

Run = Callable[[str], tuple[str, int]]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    with load_audio(ROOT / "examples" / "meeting.flac") as audio:
        for name, (start, end) in RECORDINGS.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            stop = audio.num_samples if end is None else round(end * 16_000)
            samples = (audio.read(round(start * 16_000), stop) * 32767).astype("<i2")
            with wave.open(str(target), "wb") as file:
                file.setparams((1, 2, 16_000, 0, "NONE", ""))
                file.writeframes(samples.tobytes())
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that makes the plugins of this repository, and the memory for words, installed distributions."""
    folder = tmp_path_factory.mktemp("site")
    entries = {"remembered-words": "words = remembered_words"}
    for project in PLUGINS:
        entry = re.search(r'entry-points\.oolong_align\]\n(\w+) = "([\w.]+)"', project.read_text("utf-8"))
        assert entry
        entries[project.parent.name] = f"{entry[1]} = {entry[2]}"
    for name, entry_point in entries.items():
        info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[oolong_align]\n{entry_point}\n")
    return folder


@pytest.fixture
def workplace(recordings: Path, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of a page, with all that its commands read."""
    folder = tmp_path / "page"
    shutil.copytree(recordings, folder)
    (folder / "examples").symlink_to(ROOT / "examples")
    (folder / "base").symlink_to(find_whisper("base"))  # faster-whisper takes this folder instead of asking the hub
    shutil.copy(FOREIGN / "openai-whisper.json", folder / "result.json")
    shutil.copy(ROOT / "examples" / "meeting.rttm", folder / "theirs.rttm")
    (folder / "damaged.mp3").write_bytes(b"ID3 and nothing else")
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    scripts = {**PROGRAMS, "oolong": f'exec {shlex.quote(sys.executable)} -m oolong_align "$@"'}
    for name, line in scripts.items():
        (bin_folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (bin_folder / name).chmod(0o755)
    paths = [site, ROOT / "tests", *(project.parent / "src" for project in PLUGINS), ROOT]
    for path in reversed(paths):
        monkeypatch.syspath_prepend(path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, paths)))
    monkeypatch.setenv("PATH", str(bin_folder), prepend=os.pathsep)
    monkeypatch.chdir(folder)
    for name, module in absent_packages().items():
        monkeypatch.setitem(sys.modules, name, module)
    return folder


def absent_packages() -> dict[str, types.ModuleType]:
    """Packages that need PyTorch or an account; each returns a result that it once returned."""

    def recorded(name: str) -> Callable[..., Any]:
        return lambda *_, **__: json.loads((FOREIGN / name).read_text("utf-8"))

    def package(name: str, **members: Any) -> types.ModuleType:
        module = types.ModuleType(name)
        vars(module).update(members)
        return module

    whisper = types.SimpleNamespace(transcribe=recorded("openai-whisper.json"))
    whisperx = types.SimpleNamespace(transcribe=recorded("whisperx.json"))
    create = types.SimpleNamespace(create=recorded("verbose.json"))
    return {
        "whisper": package("whisper", load_model=lambda _: whisper),
        "whisperx": package(
            "whisperx",
            load_audio=lambda path: path,
            load_model=lambda *_, **__: whisperx,
            load_align_model=lambda **_: (None, None),
            align=recorded("whisperx.json"),
            assign_word_speakers=lambda table, result: {**result, "speakers": set(table["speaker"])},
        ),
        "transformers": package("transformers", pipeline=lambda *_, **__: recorded("hugging-face.json")),
        "openai": package(
            "openai", OpenAI=lambda: types.SimpleNamespace(audio=types.SimpleNamespace(transcriptions=create))
        ),
    }


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run one command; its standard output and error. Plain commands of this program run in this process."""

    def call(command: str) -> tuple[str, int]:
        capfd.readouterr()
        if re.match(r"oolong(-\w+)? ", command) and not re.search(r"[|;$*<>]", command):
            name, *arguments = shlex.split(command)
            code = program.main(arguments) if name == "oolong" else program.transcribe_main(arguments)
        else:
            code = subprocess.run(["bash", "-ec", command], check=False).returncode
        out, error = capfd.readouterr()
        return error + out, code

    return call


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.slow] if page.relative_to(ROOT).as_posix() in SLOW else [], id=name)
        for page in PAGES
        if read_blocks(page)
        for name in [page.relative_to(ROOT).as_posix()]
    ],
)
def test_a_page_does_what_it_says(page: Path, workplace: Path, run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    variables: dict[str, Any] = {"__name__": "snippet"}
    printed = None
    for block in read_blocks(page):
        where = f"{block.page}:{block.line}"
        if block.title is not None:
            real = (workplace / block.title).read_text("utf-8")
            assert agrees(block.text, real), f"{where}: {block.title} is\n{real}"
        elif block.language in ("bash", "console"):
            for command, shown in block.commands():
                run_command(where, command, shown, run)
        elif block.language == "python":
            capfd.readouterr()
            exec(compile(block.text, where, "exec"), variables)
            printed = capfd.readouterr().out
            continue
        elif block.language == "text" and printed is not None:
            assert agrees(block.text, printed), f"{where}: printed is\n{printed}"
        printed = None


def run_command(where: str, command: str, shown: str, run: Run) -> None:
    """Run a command, or only parse it, and compare what it prints; one with an error line must fail."""
    for part in [command] if command.startswith(("for ", "find ")) else command.split(" && "):
        part = part.removeprefix(".venv/bin/") if part.startswith(".venv/bin/oolong") else part
        if any(re.fullmatch(pattern, part) for pattern in NOT_RUN):
            check_command(part, where)
            continue
        output, code = run(part)
        failing = "oolong: error:" in shown
        assert (code != 0) == failing, f"{where}: $ {part}\n{output}"
        assert agrees(shown, output), f"{where}: $ {part}\n{output}"


def test_commands_that_are_not_run_are_still_in_the_pages() -> None:
    parts = {
        part
        for page in PAGES
        for block in read_blocks(page)
        if block.language in ("bash", "console")
        for command, _ in block.commands()
        for part in command.split(" && ")
    }
    for pattern in NOT_RUN:
        assert any(re.fullmatch(pattern, part) for part in parts), pattern


@pytest.fixture
def options(workplace: Path) -> dict[str, set[str]]:
    """Options of each command, plugins included."""
    return dict(every_command(program.build_cli(load_host())))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_options_in_the_text_exist(page: Path, options: dict[str, set[str]]) -> None:
    known = set().union(*options.values()) | {"-m"}
    for code in inline_code(page):
        words = code.split()
        if words[0] in PROGRAMS or words[0] in ("pip", "mkdocs", "python", "cp"):
            continue
        if words[0].startswith("oolong") and words[0] != "oolong_align" and words[1:]:
            check_command(code, str(page))
        given = {flag for flag in re.findall(r"(?<![\w-])--?[a-z][\w-]*", code) if flag not in ("-ojf", "-rL", "-o")}
        assert {flag.replace("-", "_") for flag in given} <= {flag.replace("-", "_") for flag in known}, code


@pytest.mark.parametrize("command", ["transcribe", "diarize", "align", "vad", "edit", "speakers", "models", "plugins"])
def test_the_examples_in_the_help_are_valid(command: str, workplace: Path, run: Run) -> None:
    for line in run(f"oolong {command} --help")[0].splitlines():
        if line.startswith("  oolong "):
            check_command(line.strip(), f"oolong {command} --help")


def every_command(cli: click.Group) -> Iterator[tuple[str, set[str]]]:
    context = click.Context(cli, info_name="oolong")
    for name in cli.list_commands(context):
        _, command, _ = cli.resolve_command(context, [name])
        assert command
        yield name, flags_of(command)
        if isinstance(command, click.Group):
            for each in command.list_commands(context):
                _, inner, _ = command.resolve_command(context, [each])
                assert inner
                yield f"{name} {each}", flags_of(inner)


def flags_of(command: click.Command) -> set[str]:
    return {flag for each in command.params for flag in (*each.opts, *each.secondary_opts)} | {"--help", "-h"}


def check_command(command: str, where: str) -> None:
    """The command and its options exist, and so do the scripts and extras that it names."""
    words = shlex.split(command.replace("|", " "))
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    if words[0] == "python":
        assert (ROOT / words[1]).is_file(), f"{where}: {command}"
    if words[0].endswith("pip"):
        for word in words[2:]:
            extra = re.fullmatch(r"\.\[(\w+)\]", word)
            assert not extra or f"\n{extra[1]} = [" in project, f"{where}: {command}"
            assert not word.startswith("./") or (ROOT / word / "pyproject.toml").is_file(), f"{where}: {command}"
    if words[:4] == ["uvx", "--from", ".", "oolong-align"]:
        words = ["oolong", "transcribe", *words[4:]]
    if words[0] == "oolong":
        known = dict(every_command(program.build_cli(load_host())))
        name = " ".join(words[1:3]) if " ".join(words[1:3]) in known else words[1]
        assert name in known, f"{where}: {command}"
        given = {word.split("=")[0].replace("-", "_") for word in words[2:] if word.startswith("-") and word != "-"}
        assert given <= {flag.replace("-", "_") for flag in known[name]}, f"{where}: {command}"


def test_the_site_builds_without_warnings(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="mkdocs is not installed: pip install '.[docs]'")
    pytest.importorskip("mkdocstrings", reason="mkdocstrings is not installed: pip install '.[docs]'")
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--quiet",
        "--site-dir",
        tmp_path / "site",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    reference = (tmp_path / "site" / "reference" / "cli" / "index.html").read_text("utf-8")
    assert "oolong speakers enroll" in reference
    assert "--max_line_width" in reference


def test_the_fields_of_the_json_are_listed(workplace: Path, run: Run) -> None:
    assert run("oolong transcribe call.wav --json")[1] == 0
    real = json.loads((workplace / "call.json").read_text("utf-8"))
    text = (ROOT / "docs" / "reference" / "formats.md").read_text("utf-8")
    table = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE))
    assert list(table) == list(real)
    for field in ("segments", "word_segments", "speakers"):
        one = next(iter(real[field].values())) if isinstance(real[field], dict) else real[field][0]
        assert re.findall(r"`(\w+)`", table[field]) == list(one)


def test_the_formats_are_listed() -> None:
    text = (ROOT / "docs" / "reference" / "formats.md").read_text("utf-8")
    table = dict(re.findall(r"^\| `--(\w+)` \| `STEM(\S+)` \|", text, re.MULTILINE))
    assert table == {name: each.suffix for name, each in load_host(plugins=False).formats().items()}


def test_the_architecture_names_what_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    package = ROOT / "oolong_align"
    tree = text.partition("```text\n")[2].partition("```")[0]
    folders = {path.parent.name for path in package.glob("*/__init__.py")}
    assert folders == set(re.findall(r"(\w+)/ ", tree))
    for files, functions in re.findall(r"\| ((?:`[\w/]+\.py`)) \| ?(.*?) ?\|$", text, re.MULTILINE):
        source = (package / files.strip("`")).read_text("utf-8")
        for name in re.findall(r"`(\w+)\(\)`", functions):
            assert re.search(rf"^\s*def {name}\(", source, re.MULTILINE), f"{files} {name}"
    for name in re.findall(r"`([\w/]+\.py)`", text):
        assert any((folder / name).is_file() for folder in (package, ROOT)) or "NAME" in name, name
