from __future__ import annotations

import json
import wave
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fakes import Replay
from known_people import Known

from oolong_align.cli.main import main
from oolong_align.testing import make_host

Run = Callable[..., tuple[int, str, str]]
Record = Callable[..., Path]
Speakers = dict[str, dict[str, object]]
Transcribed = Callable[..., Speakers]


@pytest.fixture
def replay() -> Replay:
    return Replay()


@pytest.fixture
def record(tmp_path: Path) -> Callable[..., Path]:
    """Write a silent WAV file; one nonzero sample makes its content unique."""

    def write(name: str = "meeting.wav", seconds: float = 3.0) -> Path:
        path = tmp_path / "in" / name
        path.parent.mkdir(exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            samples = np.zeros(round(seconds * 16_000), np.int16)
            samples[:1] = 1000 + zlib.crc32(name.encode()) % 100
            file.writeframes(samples.tobytes())
        return path

    return write


@pytest.fixture
def run(replay: Replay, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*arguments: object, plugins: tuple[object, ...] = ()) -> tuple[int, str, str]:
        code = main([str(each) for each in arguments], host=make_host(replay, *plugins))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def result(run: Run, record: Callable[..., Path], tmp_path: Path) -> Path:
    """JSON result with two speakers, until 1.25 s and from 1 s, who say one word each."""
    run("transcribe", record(), "--json", "-o", tmp_path / "out", "--diarizer", "replay", "--transcriber", "replay")
    return tmp_path / "out" / "meeting.json"


@pytest.fixture
def oolong(run: Run) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        diarizes = len(arguments) > 1 and arguments[1] in ("enroll", "identify", "threshold")
        return run(*arguments, *(("--diarizer", "known") if diarizes else ()), plugins=(Known(),))

    return call


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return tmp_path / "voices.db"


@pytest.fixture
def transcribed(
    oolong: Run, record: Record, library: Path, tmp_path: Path
) -> Callable[..., dict[str, dict[str, object]]]:
    def transcribe(name: str, *arguments: object, seconds: float = 20.0) -> dict[str, dict[str, object]]:
        path = record(f"{name}.wav", seconds)
        parts = ("--diarizer", "known", "--transcriber", "replay", "--speakers", library, "-o", tmp_path / "out")
        code, _, err = oolong("transcribe", path, *parts, *(arguments or ("--json",)))
        assert code == 0, err
        speakers: Speakers = json.loads((tmp_path / "out" / f"{name}.json").read_text())["speakers"]
        return speakers

    return transcribe
