"""The scripts in examples/, run with the real models."""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from oolong_align.weights import find_whisper

Run = Callable[..., list[str]]
FIRST = "Good morning, everybody. Shall we begin with the budget?"


@pytest.fixture
def run(repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(name: str, *arguments: object) -> list[str]:
        script = str(repository / "examples" / f"{name}.py")
        monkeypatch.setattr(sys, "argv", [script, *map(str, arguments)])
        runpy.run_path(script, run_name="__main__")
        return capsys.readouterr().out.splitlines()

    return call


@pytest.fixture
def meeting(repository: Path) -> Path:
    return repository / "examples" / "meeting.flac"


@pytest.fixture
def foreign(repository: Path) -> Path:
    return repository / "tests" / "data" / "foreign"


def test_with_faster_whisper(run: Run, meeting: Path) -> None:
    lines = run("with_faster_whisper", meeting, find_whisper("tiny.en"))
    # Whether tiny.en writes capitals and punctuation depends on the preceding audio.
    first = lines[0].lower().replace(",", "").replace(".", "")
    assert "speaker_00: good morning everybody shall we begin" in first
    assert len({line.split()[1] for line in lines}) == 3


def test_with_openai_whisper(run: Run, meeting: Path, foreign: Path) -> None:
    lines = run("with_openai_whisper", foreign / "openai-whisper.json", meeting)
    assert lines[0].endswith(f"SPEAKER_00: {FIRST}")
    assert lines[1].endswith("SPEAKER_01: Yes.")


def test_with_whisperx(run: Run, meeting: Path, foreign: Path) -> None:
    result = json.loads("\n".join(run("with_whisperx", foreign / "whisperx.json", meeting)))
    assert (result["segments"][0]["text"], result["segments"][0]["speaker"]) == (FIRST, "SPEAKER_00")
    assert all({"word", "start", "end", "speaker"} <= set(word) for word in result["word_segments"])


def test_with_whisper_cpp(run: Run, meeting: Path, foreign: Path) -> None:
    lines = run("with_whisper_cpp", foreign / "whisper-cpp.json", meeting)
    assert lines[2:4] == ["[SPEAKER_00]: Good morning, everybody.", "Shall we begin with the budget?"]


def test_diarize_only(run: Run, meeting: Path) -> None:
    lines = run("diarize_only", meeting)
    assert lines[0].endswith("SPEAKER_00") and 0 < float(lines[0].split()[0]) < 1
    assert [label for label, _ in eval(lines[-1])] == ["SPEAKER_00", "SPEAKER_02", "SPEAKER_01"]


def test_vad_gate(run: Run, meeting: Path) -> None:
    seconds = [tuple(map(float, line.split()[:2])) for line in run("vad_gate", meeting)]
    assert len(seconds) > 5
    assert 35 < sum(end - start for start, end in seconds) < 50


def test_across_recordings(run: Run, meeting: Path, tmp_path: Path) -> None:
    first = run("across_recordings", tmp_path / "voices.db", meeting)
    assert [line.split()[1:3] for line in first] == [[f"SPEAKER_0{n}", f"voice_{n + 1}"] for n in range(3)]
    again = run("across_recordings", tmp_path / "voices.db", meeting)
    assert [line.split()[2] for line in again] == ["voice_1", "voice_2", "voice_3"]


def test_every_script_is_short_and_has_a_test(repository: Path) -> None:
    scripts = {path.stem: path for path in (repository / "examples").glob("*.py") if path.stem != "make_meeting"}
    assert {f"test_{name}" for name in scripts} <= set(globals())
    for path in scripts.values():
        lines = [line for line in path.read_text("utf-8").splitlines()[1:] if line]
        assert len(lines) <= 12, path
