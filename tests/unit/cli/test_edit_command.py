"""``oolong edit``: accepted inputs, written files, and errors."""

from __future__ import annotations

import json
import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oolong_align.cli.edit_command import _parse_time
from oolong_align.formats import read_json, render_json
from oolong_align.hookspecs import Config, OptionGroup, OutputFormat, hookimpl
from oolong_align.testing import make_host
from oolong_align.types import Transcript

Record = Callable[..., Path]
Run = Callable[..., tuple[int, str, str]]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_edit_replaces_the_result_and_keeps_a_backup(run: Run, result: Path) -> None:
    before = result.read_bytes()
    code, out, err = run("edit", result, "--rename", "SPEAKER_00=Ada", "--rename", "SPEAKER_01=Bob=Bo", "--srt")
    assert (code, out) == (0, "")
    assert err == f"{result}: 2 speakers, 2 words -> {result.with_suffix('.srt')}, {result}\n"
    assert names(result.parent) == ["meeting.json", "meeting.json.bak", "meeting.srt"]
    assert (result.parent / "meeting.json.bak").read_bytes() == before
    assert [each["name"] for each in json.loads(result.read_text())["speakers"].values()] == ["Ada", "Bob=Bo"]
    assert "[Ada]: hello" in result.with_suffix(".srt").read_text()
    renamed = result.read_bytes()
    assert run("edit", result, "--rename", "SPEAKER_00=", "-q") == (0, "", "")
    assert (result.parent / "meeting.json.bak").read_bytes() == renamed
    assert [each["name"] for each in json.loads(result.read_text())["speakers"].values()] == [None, "Bob=Bo"]


def test_an_output_folder_gets_the_requested_formats_and_the_result_stays(
    run: Run, result: Path, tmp_path: Path
) -> None:
    before = result.read_bytes()
    for flags, written in (([], ["meeting.json"]), (["--vtt", "-f", "txt"], ["meeting.txt", "meeting.vtt"])):
        folder = tmp_path / f"to {len(flags)}"
        assert run("edit", result, "--merge", "SPEAKER_01=SPEAKER_00", "-o", folder, *flags)[0] == 0
        assert names(folder) == written
    assert (folder / "meeting.txt").read_text() == "[SPEAKER_00]: hello there\n"
    assert result.read_bytes() == before
    assert names(result.parent) == ["meeting.json"]


def test_the_folder_of_the_result_as_output_folder_replaces_it(run: Run, result: Path) -> None:
    before = result.read_bytes()
    assert run("edit", result, "--rename", "SPEAKER_00=Ada", "-o", result.parent)[0] == 0
    assert names(result.parent) == ["meeting.json", "meeting.json.bak"]
    assert (result.parent / "meeting.json.bak").read_bytes() == before != result.read_bytes()


def test_formats_without_edits_do_not_change_the_result(run: Run, result: Path) -> None:
    before = result.stat()
    assert run("edit", result, "--rttm", "--exclusive", "--srt", "--max_line_width", "3")[0] == 0
    assert names(result.parent) == ["meeting.json", "meeting.rttm", "meeting.srt"]
    assert result.with_suffix(".rttm").read_text().splitlines()[0].split()[3:5] == ["0.000000", "1.000000"]
    assert (result.stat().st_ino, result.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_exported_formats_equal_those_of_transcribe(run: Run, record: Record, result: Path, tmp_path: Path) -> None:
    replay = ("--diarizer", "replay", "--transcriber", "replay")
    formats = ("-f", "all", "--highlight_words", "--max_line_count", "1")
    without_audio = ("--html_audio", "none")
    assert run("transcribe", record(), *formats, *without_audio, "-o", tmp_path / "direct", *replay)[0] == 0
    assert run("edit", result, *formats, "-o", tmp_path / "later")[0] == 0
    assert names(tmp_path / "direct") == names(tmp_path / "later")
    assert len(names(tmp_path / "later")) == len(make_host().formats())
    for name in names(tmp_path / "later"):
        assert (tmp_path / "later" / name).read_bytes() == (tmp_path / "direct" / name).read_bytes()


def test_stdout_takes_one_format(run: Run, result: Path) -> None:
    code, out, err = run("edit", result, "--rename", "SPEAKER_01=Zoë", "-o", "-")
    assert (code, err) == (0, "")
    assert json.loads(out)["speakers"]["SPEAKER_01"]["name"] == "Zoë"
    assert run("edit", result, "--txt", "-o", "-")[1] == "[SPEAKER_00]: hello\n[SPEAKER_01]: there\n"
    assert names(result.parent) == ["meeting.json"]


def test_edits_apply_in_a_fixed_order_and_the_last_one_wins(run: Run, result: Path) -> None:
    merging = ("--merge", "SPEAKER_01=SPEAKER_00", "--assign", "0-1=SPEAKER_01", "--rename", "SPEAKER_01=Bob")
    code, out, _ = run("edit", result, *merging, "--rename", "SPEAKER_01=Ben", "--txt", "-o", "-")
    assert (code, out) == (0, "[Ben]: hello there\n")
    assigning = ("--assign", "0-3=SPEAKER_01", "--assign", ".9-2.0=SPEAKER_00", "--assign", "0-1.=SPEAKER_00")
    code, out, _ = run("edit", result, *assigning, "-o", "-")
    document = json.loads(out)
    assert [word["speaker"] for word in document["word_segments"]] == ["SPEAKER_00", "SPEAKER_00"]
    assert [word["speaker_confidence"] for word in document["word_segments"]] == [1.0, 1.0]
    assert list(document["speakers"]) == ["SPEAKER_00"]


def test_edits_that_may_be_mistakes_cause_a_warning(run: Run, result: Path) -> None:
    naming = ("--rename", "SPEAKER_00=Ada", "--rename", "SPEAKER_01=Ada", "-o", "-", "--txt")
    code, out, err = run("edit", result, *naming)
    assert (code, out) == (0, "[Ada]: hello\n[Ada]: there\n")
    both = "SPEAKER_00 and SPEAKER_01 have the same name Ada"
    assert err == f"oolong: warning: {both}. If they are the same person, add --merge SPEAKER_01=SPEAKER_00\n"
    assert run("edit", result, *naming, "--merge", "SPEAKER_01=SPEAKER_00")[2] == ""
    assert run("edit", result, "--rename", "SPEAKER_00=", "-o", "-")[2] == ""
    code, _, err = run("edit", result, "--assign", "2.1-3=SPEAKER_00", "-o", "-")
    no_change = "No change. No other speaker speaks in this time range."
    assert (code, err) == (0, f"oolong: warning: --assign 2.1-3=SPEAKER_00: {no_change}\n")
    for kept in ("0-0.9=SPEAKER_00", "0-0.9=SPEAKER_01"):  # confirming a speaker changes the confidence
        assert run("edit", result, "--assign", kept, "-o", "-")[2] == ""


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "Nothing to do. Give an edit such as --rename SPEAKER_00=Ada, or a format such as --srt"),
        (["-o", "-", "--srt", "--vtt"], "Option -o - accepts one format, not 2. Give a folder instead."),
        (["--rename", "Ada"], "--rename Ada: Missing '='. Write LABEL=NAME, such as SPEAKER_00=Ada"),
        (["--assign", "1-2"], "--assign 1-2: Missing '='. Write START-END=LABEL, such as 12.3-15=SPEAKER_01"),
        (["--merge", "SPEAKER_01"], "Missing '='. Write LABEL=LABEL"),
        (["--rename", "SPEAKER_07=Ada"], "Unknown speaker 'SPEAKER_07'. Available: SPEAKER_00, SPEAKER_01"),
        (["--rename", "SPEAKER_00=\x1b\u202e"], "no printable characters"),
        (["--rename", "SPEAKER_00= SPEAKER_01"], "Invalid name SPEAKER_01: it is the label of another speaker"),
        (["--rename", "SPEAKER_00=SPEAKER_01"], "To combine both speakers, use --merge SPEAKER_00=SPEAKER_01"),
        (["--merge", "SPEAKER_01=Ada"], "--merge SPEAKER_01=Ada: Unknown speaker 'Ada'. Available:"),
        (["--merge", "SPEAKER_01=SPEAKER_01"], "Cannot merge SPEAKER_01 with itself"),
        (["--merge", "SPEAKER_01=SPEAKER_00", "--merge", "SPEAKER_01=SPEAKER_00"], "Available: SPEAKER_00"),
        (
            ["--assign", "12=SPEAKER_00"],
            "Invalid time range '12'. Give start and end in seconds or m:ss, such as 12.3-15",
        ),
        (["--assign", "-1-2=SPEAKER_00"], "Invalid time range '-1-2'"),
        (["--assign", "1e3-nan=SPEAKER_00"], "Invalid time range '1e3-nan'"),
        (["--assign", "2-1=SPEAKER_00"], "end must be after start"),
        (["--assign", "9-10=SPEAKER_00"], "Invalid time range 9-10: the recording ends at 3 s"),
        (["--assign", f"0-{'9' * 400}=SPEAKER_00"], "Invalid time range"),
        (
            ["--assign", "0-1=SPEAKER_03"],
            "Available: SPEAKER_00, SPEAKER_01. The label of a new speaker must be SPEAKER_02",
        ),
        (
            ["--assign", "0-1=Dora"],
            "Unknown speaker 'Dora'. Available: SPEAKER_00, SPEAKER_01. The label of a new",
        ),
        (["--rename", "SPEAKER_02=Dora"], "Unknown speaker 'SPEAKER_02'"),
        (["--num_speakers", "0"], "0. Use a whole number of at least 1."),
        (["--rename", "SPEAKER_00=Ada", "-f", "docx"], "Unknown output format 'docx'"),
        (["--srt", "--min_cue", "9"], "min_cue 9 exceeds max_cue 7"),
    ],
)
def test_wrong_usage_is_one_line_and_changes_nothing(run: Run, result: Path, flags: list[str], message: str) -> None:
    before = result.read_bytes()
    code, out, err = run("edit", result, *flags)
    assert (code, out) == (2, "")
    assert err.startswith("oolong: error: ") and message in err
    assert err.count("\n") == 1 and "\x1b" not in err
    assert result.read_bytes() == before
    assert names(result.parent) == ["meeting.json"]


WORD = {"word": "hi", "start": 0.0, "end": 1.0}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"text": "hi", "language": "en", "segments": [{"id": 0, "start": 0.0, "end": 1.0, "text": "hi"}]}),
        json.dumps({"segments": [{"start": 0.0, "end": 1.0, "text": "hi", "words": [WORD]}], "language": "en"}),
        json.dumps({"transcription": [{"offsets": {"from": 0, "to": 1000}, "text": "hi"}]}),
        json.dumps({"text": "hi", "chunks": [{"timestamp": [0.0, 1.0], "text": "hi"}]}),
        "[]",
        "{",
        "",
        "WEBVTT\n",
        '{"segments": ' * 5000,
    ],
)
def test_files_of_other_tools_are_refused(run: Run, tmp_path: Path, text: str) -> None:
    path = tmp_path / "theirs.json"
    path.write_text(text)
    code, _, err = run("edit", path, "--rename", "SPEAKER_00=Ada")
    assert code == 1
    assert err.startswith(f"oolong: error: {path}: Invalid transcript JSON: ")
    assert "Use a JSON file written by oolong, or read files of other tools with `oolong align`." in err
    assert err.count("\n") == 1
    assert path.read_text() == text and names(tmp_path) == ["theirs.json"]


def test_a_missing_file_and_a_binary_file_are_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "b.json").write_bytes(b"\xff\xfe{")
    for path, message in (
        (tmp_path / "a.json", "Could not read the file (No such file"),
        (tmp_path, "Could not read the file (Is a directory"),
        (tmp_path / "b.json", "Not UTF-8 text"),
    ):
        code, _, err = run("edit", path, "--rename", "SPEAKER_00=Ada")
        assert code == 1
        assert err.startswith(f"oolong: error: {path}: {message}") and err.count("\n") == 1


def test_a_byte_order_mark_is_ignored(run: Run, result: Path) -> None:
    result.write_bytes(b"\xef\xbb\xbf" + result.read_bytes())
    assert run("edit", result, "--rename", "SPEAKER_00=Ada")[0] == 0
    assert read_json(result.read_text("utf-8")).speakers["SPEAKER_00"].name == "Ada"


def test_clustering_again_needs_embeddings_and_models(run: Run, result: Path, tmp_path: Path) -> None:
    before = result.read_bytes()
    code, _, err = run("edit", result, "--num_speakers", 2)
    assert code == 1
    assert "the transcript does not name its models" in err and err.startswith(f"oolong: error: {result}: ")
    document: dict[str, Any] = json.loads(before)
    document["model"] = {"bundle": "my own", "hashes": {"plda": "ab", "embedding": "cd"}, "dimension": 3}
    (tmp_path / "own.json").write_text(render_json(read_json(json.dumps(document))))
    code, _, err = run("edit", tmp_path / "own.json", "--num_speakers", 2)
    assert code == 1
    assert "Could not find the PLDA of the models 'my own'" in err
    document["model"]["hashes"]["plda"] = find_hash()
    (tmp_path / "own.json").write_text(render_json(read_json(json.dumps(document))))
    code, _, err = run("edit", tmp_path / "own.json", "--num_speakers", 2)
    assert code == 1
    assert "the transcript contains no embeddings" in err
    assert result.read_bytes() == before


def find_hash() -> str:
    from oolong_align.weights import find_bundle

    return find_bundle("open", parts=("plda",)).hashes["plda"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root can write everywhere")
def test_a_read_only_folder_is_named(run: Run, result: Path) -> None:
    result.parent.chmod(0o500)
    code, _, err = run("edit", result, "--rename", "SPEAKER_00=Ada")
    result.parent.chmod(0o700)
    assert code == 1 and "Could not write to this folder (Permission denied)" in err


def test_a_folder_that_cannot_be_written_is_named(run: Run, result: Path) -> None:
    code, _, err = run("edit", result, "--rename", "SPEAKER_00=Ada", "-o", "/proc/nothing")
    assert code == 1
    assert "/proc/nothing: Could not write to this folder" in err and err.count("\n") == 1


class Vanish:
    """A format whose rendering deletes the edited file."""

    name = "vanish"

    def __init__(self, path: Path) -> None:
        self._path = path

    @hookimpl
    def oolong_formats(self) -> list[OutputFormat]:
        return [OutputFormat("vanish", ".gone", "nothing", self._render)]

    def _render(self, transcript: Transcript) -> str:
        self._path.unlink(missing_ok=True)
        return "gone"


def test_a_result_that_was_deleted_is_written_again(run: Run, result: Path) -> None:
    assert run("edit", result, "--rename", "SPEAKER_00=Ada", "--vanish", plugins=(Vanish(result),))[0] == 0
    assert names(result.parent) == ["meeting.gone", "meeting.json"]
    assert read_json(result.read_text()).speakers["SPEAKER_00"].name == "Ada"


def test_a_failed_write_leaves_the_result_and_its_backup(
    run: Run, result: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("edit", result, "--rename", "SPEAKER_00=Ada")
    before = {path.name: path.read_bytes() for path in result.parent.iterdir()}
    replace_file = Path.replace

    def fail(path: Path, target: Path) -> Path:
        if Path(target) == result and path.suffix == ".part":
            raise PermissionError(13, "Permission denied", str(target))
        return replace_file(path, target)

    monkeypatch.setattr(Path, "replace", fail)
    code, _, err = run("edit", result, "--rename", "SPEAKER_00=Bob", "--srt")
    assert code == 1 and "Permission denied" in err
    assert {path.name: path.read_bytes() for path in result.parent.iterdir()} == before


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_a_private_result_stays_private(run: Run, result: Path) -> None:
    result.chmod(0o600)
    assert run("edit", result, "--rename", "SPEAKER_00=Ada")[0] == 0
    for path in (result, result.with_name("meeting.json.bak")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_plugins_can_add_options_to_edit(run: Run, result: Path) -> None:
    class Shout:
        name = "shout"
        mark = ""

        @hookimpl
        def oolong_add_options(self, options: OptionGroup) -> None:
            options.add("--mark", commands=("edit",), default="!")

        @hookimpl
        def oolong_configure(self, config: Config) -> None:
            assert config.command == "edit"
            self.mark = config.options["mark"]

        @hookimpl
        def oolong_formats(self) -> list[OutputFormat]:
            return [OutputFormat("shout", ".shout", "loud", lambda t: t.utterances[0].text.upper() + self.mark)]

    assert run("edit", result, "--shout", "--mark", "?", "-o", "-", plugins=(Shout(),)) == (0, "HELLO?", "")


def test_names_replace_labels_and_clock_times_replace_seconds(run: Run, result: Path) -> None:
    named = ("--rename", "SPEAKER_00=Ada", "--assign", "0:00-0:00:01=SPEAKER_01", "--merge", "SPEAKER_01=Ada")
    code, out, err = run("edit", result, *named, "--txt", "-o", "-")
    assert (code, out, err) == (0, "[Ada]: hello there\n", "")
    twice = ("--rename", "SPEAKER_00=Ada", "--rename", "SPEAKER_01=Ada", "--assign", "0-1=Ada")
    code, _, err = run("edit", result, *twice)
    assert code == 2 and "Ambiguous name 'Ada': SPEAKER_00 and SPEAKER_01 have it. Use a label" in err


@pytest.mark.parametrize(("time", "seconds"), [("1:02-1:03.5", (62.0, 63.5)), ("1:02:03-2:00:00", (3723.0, 7200.0))])
def test_clock_times_are_parsed(time: str, seconds: tuple[float, float]) -> None:
    assert _parse_time(time) == seconds


def test_an_edit_that_changes_nothing_keeps_the_backup(run: Run, result: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = result.read_bytes()
    monkeypatch.chdir(result.parent)
    for _ in range(2):
        code, _, err = run("edit", result.name, "--rename", "SPEAKER_00=Ada")
        assert (code, err) == (0, "meeting.json: 2 speakers, 2 words -> meeting.json\n")
    assert result.with_name("meeting.json.bak").read_bytes() == before


@pytest.mark.skipif(os.name == "nt", reason="needs SIGTERM")
def test_sigterm_leaves_nothing_half_written(run: Run, result: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, write, begun = result.read_bytes(), Path.write_bytes, []

    def stopped(path: Path, data: bytes) -> int:
        begun.append(write(path, data[:9]))
        if len(begun) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return write(path, data)

    handler = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(Path, "write_bytes", stopped)
            code, _, err = run("edit", result, "--rename", "SPEAKER_00=Ada", "--srt", "--vtt")
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert (code, err.strip(), len(begun)) == (130, "oolong: interrupted", 2)
    assert result.read_bytes() == before
    assert names(result.parent) == ["meeting.json"]


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need a privilege")
def test_the_target_of_a_symbolic_link_is_edited(run: Run, result: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(result)
    assert run("edit", link, "--rename", "SPEAKER_00=Ada")[0] == 0
    assert link.is_symlink()
    assert read_json(result.read_text()).speakers["SPEAKER_00"].name == "Ada"
    assert names(result.parent) == ["meeting.json", "meeting.json.bak"]


def test_a_page_keeps_its_recording_only_if_it_is_given(run: Run, record: Record, result: Path) -> None:
    page, recording = result.with_suffix(".html"), record()
    assert run("edit", result, "--html", "--audio", recording)[0] == 0
    assert '"audio":"embed"' in page.read_text()
    assert "warning" not in run("edit", result, "--html", "--audio", recording, "--html_audio", "link")[2]
    assert '"audio":"link"' in page.read_text()
    assert f"warning: {page}: The previous page had the recording" in run("edit", result, "--html")[2]
    assert "warning" not in run("edit", result, "--html")[2]
    code, _, err = run("edit", result, "--srt", "--audio", recording)
    assert code == 2 and "has no effect: no format uses the recording" in err
