"""The benchmarks run and their tables are consistent. The figures are not tested."""

from __future__ import annotations

import subprocess
import sys
import wave
from importlib.util import find_spec
from pathlib import Path

import pytest

from oolong_align.audio.recording import load_audio

RATE = 16_000
SECONDS = 16.5
HAS_SHERPA = find_spec("sherpa_onnx") is not None
Table = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def piece(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the start of the meeting, up to a pause, with its turns."""
    target = tmp_path_factory.mktemp("piece") / "piece.wav"
    with load_audio(repository / "examples" / "meeting.flac") as audio, wave.open(str(target), "wb") as wav:
        wav.setparams((1, 2, RATE, 0, "NONE", ""))
        wav.writeframes((audio.read(0, round(SECONDS * RATE)) * 32767).astype("<i2").tobytes())
    rows = (repository / "examples" / "meeting.rttm").read_text().splitlines(keepends=True)
    target.with_suffix(".rttm").write_text("".join(row for row in rows if float(row.split()[3]) < SECONDS))
    return target


def run(repository: Path, script: str, *arguments: str | Path) -> tuple[Table, str]:
    """Run a script; return the rows of its table by name (``SYSTEM: ROW`` for indented ones) and the whole output."""
    command = [sys.executable, repository / "tests" / "benchmarks" / script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    columns, *rows = [[cell.strip() for cell in line.strip("| \n").split(" | ")] for line in lines]
    table, system = {}, ""
    for line, cells in zip(lines[1:], rows, strict=True):
        part = line.startswith("|   ")
        system = system if part else cells[0]
        table[f"{system}: {cells[0]}" if part else system] = dict(zip(columns, cells, strict=False))
    return table, done.stdout


def test_diarization_is_compared_to_the_bare_cost(repository: Path, piece: Path) -> None:
    skipped = "unrefined,int8,exact,vad" + ",sherpa" * HAS_SHERPA
    table, output = run(repository, "diarization.py", piece, "--runs", "1", "--skip", skipped)

    bare, stages = table["bare cost"], [table["bare cost: segmentation"], table["bare cost: embedding"]]
    assert bare["/ bare"] == "1.00"
    assert sum(float(stage["s"]) for stage in stages) == pytest.approx(float(bare["s"]), abs=0.02)
    assert [stage["/ bare stage"] for stage in stages] == ["1.00", "1.00"]

    ours = table["ours"]
    assert float(ours["/ bare"]) == pytest.approx(float(ours["s"]) / float(bare["s"]), rel=0.05)
    assert float(ours["RTF"]) == pytest.approx(float(ours["s"]) / SECONDS, rel=0.05)
    assert float(ours["cold s"]) > float(ours["s"])
    assert 50 < float(ours["peak MB"]) < 4000
    parts = [float(ours[name]) for name in ("false alarm %", "missed %", "confusion %")]
    assert sum(parts) == pytest.approx(float(ours["DER %"]), abs=0.02)
    assert 0 < float(ours["DER %"]) < 40
    assert ours["speakers found/true"].endswith("/3")
    assert ("sherpa-onnx is not installed" in output) == (not HAS_SHERPA)


def test_recordings_are_joined_to_each_length(repository: Path, piece: Path) -> None:
    table, output = run(repository, "length.py", piece, "--hours", "0.003", "0.0075")

    long = table["0.0075 h"]
    shares = [float(long[name].rstrip("%")) for name in ("decoding", "segmentation", "embedding", "clustering")]
    assert 50 < sum(shares) < 150
    assert float(long["RTF"]) == pytest.approx(float(long["s"]) / 27, abs=0.002)
    assert long["speakers found/true"].endswith("/3")
    assert "time(0.0075 h) / time(0.003 h)" in output
    assert "length / length = 2.50" in output


def test_an_unknown_system_cannot_be_skipped(repository: Path, piece: Path) -> None:
    command = [sys.executable, repository / "tests" / "benchmarks" / "diarization.py", piece, "--skip", "bare,sherpa2"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "Cannot skip bare, sherpa2" in done.stderr
