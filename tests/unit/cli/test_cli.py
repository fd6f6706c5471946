from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from pathlib import Path

import click
import pytest

from oolong_align.cli.main import build_cli, transcribe_main
from oolong_align.errors import ModelError, OolongWarning, UsageError
from oolong_align.hookspecs import DiarizerEntry, TranscriberEntry, hookimpl
from oolong_align.options import DiarizerOptions
from oolong_align.plugin.registry import RESERVED
from oolong_align.testing import make_host
from oolong_align.types import Word, Words

Record = Callable[..., Path]
Capture = pytest.CaptureFixture[str]
TERMINAL = {"TERM": "xterm", "COLUMNS": "120", "NO_COLOR": "1"}
REPLAY = ["--diarizer", "replay", "--transcriber", "replay"]


Run = Callable[..., tuple[int, str, str]]


def test_subtitles_in_one_command(run: Run, record: Record, tmp_path: Path) -> None:
    code, out, err = run("transcribe", record(), "--srt", "-o", tmp_path / "out", *REPLAY)
    assert (code, out) == (0, "")
    assert (tmp_path / "out" / "meeting.srt").read_text().count("-->") == 2
    assert err == f"{record()}: 2 speakers, 2 words -> {tmp_path / 'out' / 'meeting.srt'}\n"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["meeting.srt"]


def test_without_a_format_json_is_written_here(
    run: Run, record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("transcribe", record(), "--quiet", *REPLAY) == (0, "", "")
    found = json.loads((tmp_path / "meeting.json").read_text())
    assert [segment["speaker"] for segment in found["segments"]] == ["SPEAKER_00", "SPEAKER_01"]


def test_results_go_to_stdout_on_request(run: Run, record: Record) -> None:
    code, out, err = run("transcribe", record(), "-o", "-", "--tsv", *REPLAY)
    assert (code, err) == (0, "")
    assert out.splitlines()[1].split("\t")[2:] == ["SPEAKER_00", "hello"]
    code, out, _ = run("transcribe", record(), "-o", "-", *REPLAY)
    assert json.loads(out)["language"] == "en"


@pytest.mark.parametrize("flags", [["-f", "srt,vtt"], ["-f", "srt", "--output-format", "vtt"], ["--srt", "--vtt"]])
def test_formats_by_name_or_by_flag(run: Run, record: Record, tmp_path: Path, flags: list[str]) -> None:
    assert run("transcribe", record(), *flags, "-o", tmp_path / "out", *REPLAY)[0] == 0
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".srt", ".vtt"]


def test_dashes_and_underscores_are_equivalent(run: Run, record: Record, tmp_path: Path) -> None:
    for flag in ("--max_speakers", "--max-speakers"):
        code, out, _ = run("diarize", record(), "-o", "-", flag, "1", "--diarizer", "replay", "--no-refine")
        assert code == 0
        assert {line.split()[7] for line in out.splitlines()} == {"SPEAKER_00"}


@pytest.mark.parametrize("program", ["oolong-transcribe", "oolong-align"])
def test_the_shortcuts_are_oolong_transcribe(
    replay: object, record: Record, tmp_path: Path, capsys: Capture, program: str
) -> None:
    arguments = [str(record()), "--srt", "-o", str(tmp_path / "out"), *REPLAY]
    assert transcribe_main(arguments, host=make_host(replay), program=program) == 0
    assert (tmp_path / "out" / "meeting.srt").exists()
    assert transcribe_main(["--help"], host=make_host(replay), program=program) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"Usage: {program} [OPTIONS] FILE...") and f"  {program} meeting.mp4 --srt\n" in out


def test_every_installed_command_runs(repository: Path) -> None:
    installed = {
        "oolong": "main",
        "oolong-transcribe": "transcribe_main",
        "oolong-align": "align_main",
    }
    text = (repository / "pyproject.toml").read_text()
    assert dict(re.findall(r'^(oolong\S*) = "oolong_align\.__main__:(\S+)"$', text, re.MULTILINE)) == installed
    for program, function in installed.items():
        script = f"import sys; from oolong_align.__main__ import {function}; sys.exit({function}())"
        done = subprocess.run([sys.executable, "-c", script, "--help"], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"Usage: {program} [OPTIONS] ")


def test_diarize_writes_rttm_and_requested_formats(run: Run, record: Record, tmp_path: Path) -> None:
    replay = ("--diarizer", "replay")
    assert run("diarize", record(), "-o", tmp_path / "a", *replay)[0] == 0
    assert run("diarize", record(), "--json", "-o", tmp_path / "b", *replay)[0] == 0
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["meeting.rttm"]
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["meeting.json", "meeting.rttm"]
    found = json.loads((tmp_path / "b" / "meeting.json").read_text())
    assert found["segments"] == [] and len(found["exclusive_diarization"]) == 2
    code, out, _ = run("diarize", record(), "--json", "-o", "-", *replay)
    assert code == 0
    assert json.loads(out)["duration"] == 3.0


def test_exclusive_turns_do_not_overlap(run: Run, record: Record) -> None:
    for flags, seconds in (((), "1.250000"), (("--exclusive",), "1.000000")):
        code, out, _ = run("diarize", record(), *flags, "-o", "-", "--diarizer", "replay")
        assert code == 0
        assert out.splitlines()[0].split()[3:5] == ["0.000000", seconds]
        assert out.splitlines()[1].split()[3:5] == ["1.000000", "1.000000"]


def test_layout_options_apply_to_subtitles(run: Run, record: Record) -> None:
    class Talk:
        @hookimpl
        def oolong_transcribers(self) -> list[TranscriberEntry]:
            words = tuple(Word(index / 10, (index + 1) / 10, "word", 0.9) for index in range(10))
            return [TranscriberEntry("talk", "ten words", lambda _: lambda *_, **__: Words("en", words))]

    def cues(*flags: object) -> list[str]:
        talk = ("--diarizer", "replay", "--transcriber", "talk", "--max_line_width", 20)
        code, out, _ = run("transcribe", record(), "--srt", "-o", "-", *talk, *flags, plugins=(Talk(),))
        assert code == 0
        assert all(len(line) <= 32 for line in out.splitlines())
        assert ("<u>word</u>" in out) == ("--highlight_words" in flags)
        return out.strip().split("\n\n")

    longest = [max(len(cue.splitlines()) - 2 for cue in cues("--max_line_count", count)) for count in (1, 2, 3)]
    assert longest == [1, 2, 3]
    assert len(cues("--highlight_words")) >= 10
    assert max(cue.count("word") for cue in cues("--min_cue", 0.1, "--max-cue", 0.25)) == 2


def test_timing_prints_seconds_and_rtf_of_each_stage(run: Run, record: Record, tmp_path: Path) -> None:
    code, out, err = run("transcribe", record(), "--timing", "-o", tmp_path, *REPLAY)
    assert (code, out) == (0, "")
    lines = [line.split("\t") for line in err.splitlines()]
    assert lines[1] == ["meeting.wav: 3.0 s, 2 speakers, 2 segments"]
    assert lines[2] == ["stage", "seconds", "RTF"]
    table = {stage: (float(seconds), float(rtf)) for stage, seconds, rtf in lines[3:]}
    assert table["segmentation"] == (0.001, 0.0003)
    assert table["diarization"] == (0.006, 0.002)
    assert {"decoding", "embedding", "clustering", "transcription", "alignment", "loading models", "total"} <= set(
        table
    )
    code, out, err = run("diarize", record(), "--timing", "-q", "-o", "-", "--diarizer", "replay")
    assert "transcription" not in err
    assert out.startswith("SPEAKER")


def test_a_failed_file_is_named_and_does_not_stop_the_others(run: Run, record: Record, tmp_path: Path) -> None:
    files = [record("a.wav"), record("broken.wav"), record("b.wav")]
    code, _, err = run("transcribe", *files, "--srt", "-o", tmp_path / "out", *REPLAY)
    assert code == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.srt", "b.srt"]
    lines = err.splitlines()
    assert lines[1] == f"oolong: error: {files[1]} is broken"
    assert lines[-1] == f"oolong: error: 1 of 3 recordings failed: {files[1]}"


class Raising:
    """A diarizer that raises a given error when it is built."""

    name = "raising"

    def __init__(self, error: BaseException) -> None:
        self.error = error

    @hookimpl
    def oolong_diarizers(self) -> list[DiarizerEntry]:
        return [DiarizerEntry("raising", "raises", self._build)]

    def _build(self, config: object) -> object:
        raise self.error


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ModelError("no\nmodel"), 1, "oolong: error: no model"),
        (UsageError("no"), 2, "oolong: error: no"),
        (ZeroDivisionError("no"), 3, "oolong: error: Plugin 'raising' failed in diarizer 'raising': ZeroDivisionError"),
        (KeyboardInterrupt(), 130, "oolong: interrupted"),
    ],
)
def test_every_error_has_one_line_and_its_exit_code(
    run: Run, record: Record, tmp_path: Path, error: BaseException, code: int, line: str
) -> None:
    command = ("diarize", record(), "--diarizer", "raising", "-o", tmp_path)
    found, out, err = run(*command, plugins=(Raising(error),))
    assert (found, out) == (code, "")
    assert err.strip().startswith(line)
    assert len(err.strip().splitlines()) == 1


def test_debug_shows_the_traceback(run: Run, record: Record, tmp_path: Path) -> None:
    command = ("diarize", record(), "--diarizer", "raising", "-o", tmp_path, "--debug")
    code, _, err = run(*command, plugins=(Raising(OSError("disk")),))
    assert code == 3
    assert "Traceback" in err and "raise self.error" in err and "OSError: disk" in err
    assert err.splitlines()[-1].startswith("oolong: error: Plugin 'raising'")


def test_warnings_are_one_line_each_and_quiet_hides_them(run: Run, record: Record, tmp_path: Path) -> None:
    class Warns:
        @hookimpl
        def oolong_finish(self) -> None:
            warnings.warn("look\nhere", OolongWarning, stacklevel=1)
            warnings.warn("not for users", DeprecationWarning, stacklevel=1)

    command = ("diarize", record(), "--diarizer", "replay", "-o", tmp_path)
    assert run(*command, plugins=(Warns(),))[2].splitlines()[-1] == "oolong: warning: look here"
    assert "not for users" not in run(*command, plugins=(Warns(),))[2]
    assert run(*command, "-q", plugins=(Warns(),))[2] == ""


def test_plugins_are_listed_plainly_when_piped(run: Run) -> None:
    code, out, _ = run("plugins")
    assert code == 0
    rows = [line.split("\t") for line in out.splitlines()]
    assert rows[0] == ["name", "version", "distribution", "hooks", "wrappers"]
    assert rows[1][0] == "core" and "diarize" in rows[1][3].split()
    assert rows[2] == ["replay", "", "", "diarizers transcribers", ""]


def test_commands_of_plugins_run(run: Run) -> None:
    class Hello:
        @hookimpl
        def oolong_commands(self, cli: click.Group) -> None:
            @cli.command("hello")
            def hello() -> None:
                """Say hello."""
                click.echo("hello")

    assert run("hello", plugins=(Hello(),)) == (0, "hello\n", "")
    assert "Say hello." in run("--help", plugins=(Hello(),))[1]

    class Taken:
        @hookimpl
        def oolong_commands(self, cli: click.Group) -> None:
            cli.add_command(click.Command("vad"))

    code, _, err = run("plugins", plugins=(Taken(),))
    assert code == 3
    assert "The command 'vad' belongs to both plugin 'core'" in err


def test_defaults_of_the_diarizer_are_those_of_its_options() -> None:
    options = make_host().complete("diarize", {})
    for field in fields(DiarizerOptions):
        if field.name != "providers":
            assert options[field.name] == field.default, field.name


def test_languages_and_numeric_types_are_those_of_the_engine() -> None:
    import ctranslate2
    from faster_whisper import available_models
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    from oolong_align.builtin.options import COMPUTE_TYPES
    from oolong_align.text.languages import LANGUAGES
    from oolong_align.transcription.whisper_model import SIZES

    assert set(_LANGUAGE_CODES) == LANGUAGES
    assert set(available_models()) <= set(SIZES)
    assert ctranslate2.get_supported_compute_types("cpu") <= set(COMPUTE_TYPES)


def test_options_of_the_command_line_are_reserved(replay: object) -> None:
    host = make_host(replay)
    declared = {str(each.option.name) for each in host.add_options()}
    cli = build_cli(host)
    with click.Context(cli) as context:
        for name in ("transcribe", "diarize", "vad", "edit"):
            command = cli.resolve_command(context, [name])[1]
            assert command is not None
            own = {str(parameter.name) for parameter in command.params} - declared
            assert own <= RESERVED


def test_a_closed_pipe_is_no_traceback(record: Record) -> None:
    script = "import sys\nfrom oolong_align.cli.main import main\nsys.exit(main(['transcribe', '--help']))"
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert process.wait() in (0, 1)
    assert error == b""


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("module", ["click", "numpy"])
def test_an_interrupt_during_the_imports_is_no_traceback(repository: Path, module: str) -> None:
    scripts = re.findall(r'^oolong\S* = "(\S+):(\S+)"$', (repository / "pyproject.toml").read_text(), re.MULTILINE)
    assert len(scripts) == 3
    for home, function in scripts:
        program = (
            "import signal, sys\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # background jobs may ignore SIGINT
            "class Interrupts:\n"
            "    def find_spec(self, name, *_):\n"
            f"        if name == {module!r}:\n"
            "            signal.raise_signal(signal.SIGINT)\n"
            "sys.meta_path.insert(0, Interrupts())\n"
            f"from {home} import {function}\n"
            f"sys.exit({function}())\n"
        )
        done = subprocess.run([sys.executable, "-c", program, "--help"], capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", "oolong: interrupted")


def test_an_interrupted_import_of_a_native_module_is_an_interrupt(
    run: Run, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_audio(*_: object, **__: object) -> None:
        raise ImportError("initialization failed") from KeyboardInterrupt()

    monkeypatch.setattr("oolong_align.audio.recording.load_audio", load_audio)
    code, _, err = run("diarize", record("a.wav"), record("b.wav"), "--diarizer", "replay")
    assert (code, err) == (130, "oolong: interrupted\n")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX terminal")
def test_progress_is_shown_on_a_terminal_only_and_not_if_quiet() -> None:
    import pty

    script = (
        "import sys, time\n"
        "from oolong_align.cli.terminal import Terminal\n"
        "terminal = Terminal(quiet='-q' in sys.argv)\n"
        "with terminal.progress() as progress:\n"
        "    for stage in ('segmentation', 'embedding') if progress else ():\n"
        "        progress(stage, 1, 2)\n"
        "    terminal.info('done')\n"
    )

    def show(*arguments: str, tty: bool) -> str:
        ours, theirs = pty.openpty()
        stderr = theirs if tty else subprocess.PIPE
        process = subprocess.Popen(
            [sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE, stderr=stderr, env=os.environ | TERMINAL
        )
        os.close(theirs)
        out, err = process.communicate()
        if tty:
            err = b""
            with suppress(OSError):  # the terminal closes when its process ends
                while chunk := os.read(ours, 65536):
                    err += chunk
        os.close(ours)
        assert (out, process.returncode) == (b"", 0)
        return err.decode()

    shown = show(tty=True)
    assert "segmentation" in shown and "embedding" in shown and "50%" in shown and "done" in shown
    assert show("-q", tty=True) == ""
    assert show(tty=False) == "done\n"


def test_a_missing_file_is_one_failed_recording(run: Run, replay: object, record: Record, tmp_path: Path) -> None:
    code, _, err = run("transcribe", "nowhere.wav", record(), "--srt", "-o", tmp_path / "out", *REPLAY)
    assert code == 1
    assert "nowhere.wav: No such file" in err
    assert [path.suffix for path in (tmp_path / "out").iterdir()] == [".srt"]
