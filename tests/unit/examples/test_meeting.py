from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from oolong_align.audio.recording import load_audio

RATE = 16_000
Row = list[str]


@pytest.fixture(scope="module")
def examples(repository: Path) -> Path:
    return repository / "examples"


@pytest.fixture(scope="module")
def read(examples: Path) -> Callable[[str], list[Row]]:
    return lambda suffix: [line.split() for line in (examples / f"meeting.{suffix}").read_text().splitlines()]


def test_the_meeting_has_three_people_silence_and_overlap(examples: Path, read: Callable[[str], list[Row]]) -> None:
    utterances = [(row[2], float(row[3]), float(row[4]), row[5:]) for row in read("stm")]
    gaps = [later[1] - earlier[2] for earlier, later in pairwise(utterances)]
    assert {name for name, *_ in utterances} == {"Nora", "Ralph", "Kai"}
    assert max(gaps) == pytest.approx(8.0, abs=0.01)
    assert sum(gap < 0 for gap in gaps) >= 3
    assert {"Yes.", "No.", "Right."} <= {words[0] for *_, words in utterances if len(words) == 1}
    with load_audio(examples / "meeting.flac") as audio:
        assert 50 < audio.duration < 70
        assert np.abs(audio.read(0, audio.num_samples)).max() < 0.99
    assert (examples / "meeting.flac").stat().st_size < 1_000_000


def test_the_true_turns_agree_with_the_sound(examples: Path, read: Callable[[str], list[Row]]) -> None:
    with load_audio(examples / "meeting.flac") as audio:
        samples = audio.read(0, audio.num_samples)
    spoken = np.zeros(len(samples), dtype=bool)
    for row in read("rttm"):
        start, length = float(row[3]), float(row[4])
        spoken[round(start * RATE) : round((start + length) * RATE)] = True
    assert np.sqrt(np.mean(samples[spoken] ** 2)) > 30 * np.sqrt(np.mean(samples[~spoken] ** 2))


def test_turns_utterances_and_words_agree(read: Callable[[str], list[Row]]) -> None:
    turns = [(row[7], float(row[3]), float(row[3]) + float(row[4])) for row in read("rttm")]
    utterances = [(row[2], float(row[3]), float(row[4])) for row in read("stm")]
    assert [name for name, *_ in turns] == [name for name, *_ in utterances]
    np.testing.assert_allclose([t[1:] for t in turns], [u[1:] for u in utterances], atol=0.0015)

    timed = [(row[7], float(row[2]), float(row[2]) + float(row[3]), row[4]) for row in read("ctm")]
    assert [word for *_, word in timed] == [word for row in read("stm") for word in row[5:]]
    place = 0
    for (name, start, end), row in zip(utterances, read("stm"), strict=True):
        words = timed[place : place + len(row[5:])]
        place += len(words)
        assert all(word[0] == name for word in words)
        edges = np.array([word[1:3] for word in words]).ravel()
        assert np.all(np.diff(edges) > -0.0015)
        np.testing.assert_allclose(edges[[0, -1]], [start, end], atol=0.0015)


def make(examples: Path, out: Path, path: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, examples / "make_meeting.py", out]
    return subprocess.run(command, env=os.environ | {"PATH": path}, capture_output=True, text=True)


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_the_script_generates_the_meeting(examples: Path, tmp_path: Path) -> None:
    made = make(examples, tmp_path, os.environ["PATH"])
    assert made.returncode == 0, made.stderr
    for suffix in ("rttm", "stm", "ctm"):
        name = f"meeting.{suffix}"
        assert (tmp_path / name).read_text() == (examples / name).read_text()
    with load_audio(tmp_path / "meeting.flac") as new, load_audio(examples / "meeting.flac") as old:
        np.testing.assert_allclose(new.read(0, new.num_samples), old.read(0, old.num_samples), atol=1e-3)


def test_without_flite_the_script_says_what_to_install(examples: Path, tmp_path: Path) -> None:
    made = make(examples, tmp_path, str(tmp_path))
    assert made.returncode == 1
    assert made.stderr.strip() == "flite is not on the PATH. Install it (Debian and Ubuntu: apt-get install flite)."
    assert not list(tmp_path.iterdir())
