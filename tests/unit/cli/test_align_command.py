"""``oolong align``: words from a file, turns from a diarizer or another file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oolong_align.hookspecs import OptionGroup, hookimpl
from oolong_align.testing import make_host
from oolong_align.types import Transcript

Record = Callable[..., Path]
Run = Callable[..., tuple[int, str, str]]
RTTM = "SPEAKER x 1 0 1 <NA> <NA> Ada <NA> <NA>\nSPEAKER x 1 1 1 <NA> <NA> Bob <NA> <NA>\n"


@pytest.fixture
def words(tmp_path: Path) -> Callable[..., Path]:
    """Write the words of the fake transcriber as openai-whisper does."""

    def write(name: str = "talk.json", **segment: Any) -> Path:
        said = [{"word": " hello", "start": 0.2, "end": 0.8}, {"word": " there", "start": 1.2, "end": 1.8}]
        path = tmp_path / name
        path.write_text(json.dumps({"language": "en", "segments": [segment or {"words": said}]}))
        return path

    return write


@pytest.fixture
def rttm(tmp_path: Path) -> Path:
    path = tmp_path / "theirs.rttm"
    path.write_text(RTTM)
    return path


@pytest.fixture
def run_align(run: Run, tmp_path: Path) -> Run:
    return lambda *given, **more: run("align", *given, "--diarizer", "replay", "-o", tmp_path / "out", **more)


def test_words_from_a_file_and_turns_from_the_diarizer(
    run_align: Run, replay: Any, words: Callable[..., Path], record: Record, tmp_path: Path
) -> None:
    code, out, err = run_align(words(), record(), "--txt", "--json")
    assert (code, out) == (0, "")
    assert replay.calls == ["build diarizer", "diarize meeting"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["talk.json", "talk.txt"]
    assert (tmp_path / "out" / "talk.txt").read_text() == "[SPEAKER_00]: hello\n[SPEAKER_01]: there\n"
    assert json.loads((tmp_path / "out" / "talk.json").read_text())["source"] == "meeting"
    assert err.splitlines()[0] == f"{tmp_path / 'talk.json'}: 2 words from Whisper"
    assert "2 speakers, 2 words" in err.splitlines()[1]


def test_turns_from_a_file_need_no_recording(
    run_align: Run, replay: Any, words: Callable[..., Path], rttm: Path, tmp_path: Path
) -> None:
    code, _, err = run_align(words(), "--turns", rttm, "--txt", "--rttm", "--timing")
    assert code == 0
    assert replay.calls == []
    assert (tmp_path / "out" / "talk.txt").read_text() == "[Ada]: hello\n[Bob]: there\n"
    assert "SPEAKER talk 1 0.000000 1.000000 <NA> <NA> Ada" in (tmp_path / "out" / "talk.rttm").read_text()
    assert "alignment" in err


def test_words_after_the_last_turn_keep_their_times(
    run_align: Run, words: Callable[..., Path], rttm: Path, tmp_path: Path
) -> None:
    said = [{"word": f" {place}", "start": place, "end": place + 0.5} for place in (0, 1, 5, 6)]
    assert run_align(words(words=said), "--turns", rttm, "--json")[0] == 0
    document = json.loads((tmp_path / "out" / "talk.json").read_text())
    assert [each["start"] for each in document["word_segments"]] == [0, 1, 5, 6]
    assert [each["speaker"] for each in document["word_segments"]][2:] == [None, None]
    assert document["duration"] >= 6.5


def test_turns_are_cut_at_the_end_of_the_recording(
    run_align: Run, words: Callable[..., Path], record: Record, rttm: Path, tmp_path: Path
) -> None:
    rttm.write_text(RTTM + "SPEAKER x 1 2 9 <NA> <NA> Ada <NA> <NA>\n")
    assert run_align(words(), record(), "--turns", rttm, "--json")[0] == 0
    document = json.loads((tmp_path / "out" / "talk.json").read_text())
    assert (document["duration"], document["diarization"][-1]["end"]) == (3.0, 3.0)
    assert document["speakers"]["SPEAKER_00"]["name"] == "Ada"


def test_words_without_times_are_flagged_on_the_terminal(
    run_align: Run, words: Callable[..., Path], record: Record, tmp_path: Path
) -> None:
    path = words(start=0.0, end=2.0, text="hello there")
    code, _, err = run_align(path, record())
    assert code == 0
    assert "oolong: warning: 2 of 2 words have no timestamps" in err
    found = json.loads((tmp_path / "out" / "talk.json").read_text())["word_segments"]
    assert [word["estimated"] for word in found] == [True, True]
    assert "warning" not in run_align(path, record(), "--quiet")[2]


def test_subtitles_do_not_replace_the_json_next_to_them(
    run: Run, words: Callable[..., Path], rttm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    original = words("talk.json").read_bytes()
    (tmp_path / "talk.srt").write_text("1\n00:00:00,200 --> 00:00:01,800\nhello there\n")
    code, _, err = run("align", "talk.srt", "--turns", rttm)
    assert code == 2 and "talk.json: File exists. If the recogniser wrote it, its times are better" in err
    assert (tmp_path / "talk.json").read_bytes() == original
    assert run("align", "talk.srt", "--turns", rttm, "-o", "out")[0] == 0
    code, _, err = run("align", "talk.srt", "--turns", rttm, "--json")
    assert code == 0 and "use a recogniser's JSON with word timestamps" in err
    assert (tmp_path / "talk.json").read_bytes() != original


def test_to_stdout(run: Run, words: Callable[..., Path], rttm: Path) -> None:
    code, out, _ = run("align", words(), "--turns", rttm, "--txt", "-o", "-")
    assert (code, out) == (0, "[Ada]: hello\n[Bob]: there\n")


def test_the_input_is_never_replaced(run: Run, replay: Any, words: Callable[..., Path], record: Record) -> None:
    path = words()
    before = path.read_bytes()
    code, _, err = run("align", path, record(), "--diarizer", "replay", "-o", path.parent)
    assert (code, replay.calls, path.read_bytes()) == (1, [], before)
    assert (
        err.splitlines()[-1]
        == f"oolong: error: {path}: This output would replace an input. Choose another --output_dir."
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "Missing argument 'TRANSCRIPT'"),
        (["WORDS"], 2, "No recording given. Add it after the transcript, or give --turns"),
        (["WORDS", "--turns", "RTTM", "--num_speakers", "2"], 2, "Options --num_speakers and --turns"),
        (["WORDS", "AUDIO", "--model", "base"], 2, "No such option '--model'"),
        (["NONE", "AUDIO"], 1, "none: No such file"),
        (["RTTM", "AUDIO"], 1, "not valid JSON"),
        (["WORDS", "--turns", "WORDS"], 1, "line 1: "),
        (["WORDS", "--turns", "NONE"], 1, "none: No such file"),
        (["WORDS", "RTTM"], 1, "theirs.rttm"),
    ],
)
def test_invalid_input_is_one_line(
    run_align: Run,
    replay: Any,
    words: Callable[..., Path],
    record: Record,
    rttm: Path,
    tmp_path: Path,
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    places = {"WORDS": words(), "AUDIO": record(), "RTTM": rttm, "NONE": tmp_path / "none"}
    found, out, err = run_align(*(places.get(each, each) for each in arguments))
    assert (found, out, replay.calls) == (code, "", [])
    lines = [each for each in err.splitlines() if not each.endswith("words from Whisper")]
    assert len(lines) == 1 and lines[0].startswith("oolong: error: ") and message in lines[0]
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True


def test_plugins_add_options_and_wrap_the_alignment(
    run_align: Run, words: Callable[..., Path], rttm: Path, tmp_path: Path
) -> None:
    class Mask:
        @hookimpl
        def oolong_add_options(self, options: OptionGroup) -> None:
            options.add("--mask", default="***")

        @hookimpl(wrapper=True)
        def oolong_align(self, config: Any) -> Any:
            transcript: Transcript = yield
            assert config.command == "align"
            assert config.options["mask"] == "###"
            return transcript

    code, _, err = run_align(words(), "--turns", rttm, "--mask", "###", "--txt", plugins=(Mask(),))
    assert (code, "error" in err) == (0, False)


def test_a_plugin_cannot_redefine_an_option_of_the_command(run: Run) -> None:
    class Turns:
        name = "turns"

        @hookimpl
        def oolong_add_options(self, options: OptionGroup) -> None:
            options.add("--turns", commands=("align",))

    code, _, err = run("align", os.devnull, plugins=(Turns(),))
    assert code == 3
    assert "option of align '--turns' belongs to both" in err


def test_files_of_all_other_tools_are_accepted(run: Run, repository: Path, tmp_path: Path) -> None:
    turns = repository / "examples" / "meeting.rttm"
    for path in sorted((repository / "tests" / "data" / "foreign").glob("*.json")):
        code, _, err = run("align", path, "--turns", turns, "-f", "all", "-o", tmp_path)
        assert code == 0, err
        assert len(list(tmp_path.glob(f"{path.stem}.*"))) == len(make_host().formats())
        assert (tmp_path / f"{path.stem}.srt").read_text().startswith("1\n")


def test_words_after_the_end_of_the_recording_are_reported(
    run_align: Run, words: Callable[..., Path], record: Record
) -> None:
    late = [{"word": " hello", "start": 1.0, "end": 2.0}, {"word": " there", "start": 500.0, "end": 501.0}]
    code, _, err = run_align(words(words=late), record(seconds=3))
    assert code == 0
    assert "1 of 2 words start after the end of the recording at 3.0 s. Check that the transcript" in err
    rounded = [{"word": " hello", "start": 1.0, "end": 2.0}, {"word": " there", "start": 3.5, "end": 4.0}]
    assert "warning" not in run_align(words("rounded.json", words=rounded), record(seconds=3))[2]
