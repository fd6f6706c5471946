from __future__ import annotations

import os
import shutil
import subprocess
import sys
import wave
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

REPLAY = '''
"""Two turns and two words for any recording, so that no model is needed."""

from oolong_align.hookspecs import DiarizerEntry, TranscriberEntry, hookimpl
from oolong_align.types import Diarization, DiarizeSegment, SpeakerSegment, SpeechRange, Word, Words


def diarize(audio, **_):
    return Diarization(
        segments=(SpeakerSegment(0.0, 1.0, 0), SpeakerSegment(1.0, 2.0, 1)),
        turns=(DiarizeSegment(0.0, 1.0, 0), DiarizeSegment(1.0, 2.0, 1)),
        speech=(SpeechRange(0.0, 2.0),),
        duration=audio.duration,
    )


def transcribe(audio, speech, **_):
    return Words("en", (Word(0.2, 0.8, "hello"), Word(1.2, 1.8, "there")))


@hookimpl
def oolong_diarizers():
    return [DiarizerEntry("replay", "two turns", lambda config: diarize)]


@hookimpl
def oolong_transcribers():
    return [TranscriberEntry("replay", "two words", lambda config: transcribe)]
'''


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Folder for the packages of an environment, with a plugin that needs no models."""
    folder = tmp_path / "site"
    info = folder / "replay_for_tests-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "replay_for_tests.py").write_text(REPLAY)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: replay-for-tests\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[oolong_align]\nreplay = replay_for_tests\n")
    return folder


@pytest.fixture
def bare_site(site: Path) -> Path:
    """The same folder without the plugin."""
    shutil.rmtree(site / "replay_for_tests-1.0.dist-info")
    return site


@pytest.fixture
def install(site: Path, tmp_path: Path) -> Callable[[Path], Path]:
    """Build the wheel of a distribution, install it and return its path."""

    def build(project: Path) -> Path:
        wheels = tmp_path / "wheels"
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        options = ["--no-deps", "--no-build-isolation", "--quiet"]
        subprocess.run([*pip, "wheel", *options, "--wheel-dir", str(wheels), str(project)], check=True)
        (wheel,) = wheels.glob(f"{project.name.replace('-', '_')}-*.whl")
        subprocess.run([*pip, "install", "--no-deps", "--quiet", "--target", str(site), str(wheel)], check=True)
        return wheel

    return build


@pytest.fixture
def oolong(site: Path, repository: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command of ``oolong`` with the plugins in the folder."""

    def run(*arguments: object, code: str = "from oolong_align.cli.main import main; sys.exit(main())") -> object:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(site), str(repository)])}
        command: Sequence[str] = [sys.executable, "-c", f"import sys; {code}", *map(str, arguments)]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)

    return run


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "meeting.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 16_000 * 3))
    return path
