from __future__ import annotations

import json
import wave
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from known_people import Known

from oolong_align.audio.recording import Audio
from oolong_align.cli.main import main
from oolong_align.errors import AudioError
from oolong_align.hookspecs import Config, DiarizerEntry, TranscriberEntry, hookimpl
from oolong_align.testing import make_host
from oolong_align.types import (
    Diarization,
    DiarizeSegment,
    DiarizeTiming,
    SpeakerSegment,
    SpeechRange,
    Word,
    Words,
)

Run = Callable[..., tuple[int, str, str]]
Record = Callable[..., Path]
Speakers = dict[str, dict[str, object]]
Transcribed = Callable[..., Speakers]


class Replay:
    """A diarizer and a transcriber without models: two speakers, one second each with some overlap, one word each."""

    name = "replay"

    def __init__(self) -> None:
        self.calls: list[str] = []

    @hookimpl
    def oolong_diarizers(self) -> list[DiarizerEntry]:
        return [DiarizerEntry("replay", "two turns", self._build_diarizer)]

    @hookimpl
    def oolong_transcribers(self) -> list[TranscriberEntry]:
        return [TranscriberEntry("replay", "two words", self._build_transcriber)]

    def _build_diarizer(self, config: Config) -> Callable[..., Diarization]:
        self.calls.append("build diarizer")
        return self._diarize

    def _build_transcriber(self, config: Config) -> Callable[..., Words]:
        self.calls.append("build transcriber")
        return self._transcribe

    def _diarize(
        self,
        audio: Audio,
        *,
        num_speakers: int | None = None,
        min_speakers: int | None = None,
        max_speakers: int | None = None,
        progress: object = None,
    ) -> Diarization:
        self.calls.append(f"diarize {audio.stem}")
        if "broken" in audio.stem:
            raise AudioError(f"{audio.path} is broken")
        if audio.duration < 2:
            return Diarization(segments=(), turns=(), speech=(), duration=audio.duration)
        second = 0 if max_speakers == 1 else 1
        return Diarization(
            segments=(SpeakerSegment(0.0, 1.0, 0), SpeakerSegment(1.0, 2.0, second)),
            turns=(DiarizeSegment(0.0, 1.25 if second else 1.0, 0), DiarizeSegment(1.0, 2.0, second)),
            speech=(SpeechRange(0.0, 2.0),),
            duration=audio.duration,
            timing=DiarizeTiming(1.0, 2.0, 3.0, 6.0),
        )

    def _transcribe(self, audio: Audio, speech: object, *, progress: object = None) -> Words:
        self.calls.append(f"transcribe {audio.stem}")
        if not speech:
            return Words("en", ())
        return Words("en", (Word(0.2, 0.8, "hello", 0.9), Word(1.2, 1.8, "there", 0.8)))


REPLAY = ("--diarizer", "replay", "--transcriber", "replay")


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
