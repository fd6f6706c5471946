"""The commands as users run them, on real speech with the real models, which are downloaded on first use."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from oolong_align.api.hosting import load_host

pytestmark = pytest.mark.data


def oolong(*arguments: object, program: str = "main") -> subprocess.CompletedProcess[str]:
    code = f"import sys; from oolong_align.cli.main import {program}; sys.exit({program}())"
    return subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)


def test_subtitles_of_a_telephone_call(data_dir: Path, tmp_path: Path) -> None:
    done = oolong(data_dir / "real" / "sample.flac", "--srt", "--json", "-o", tmp_path, program="transcribe_main")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sample.json", "sample.srt"]
    cues = (tmp_path / "sample.srt").read_text()
    assert {"SPEAKER_00", "SPEAKER_01"} == set(re.findall(r"^\[(.*?)\]: ", cues, re.MULTILINE))
    found = json.loads((tmp_path / "sample.json").read_text())
    assert found["language"] == "en"
    assert len(found["speakers"]) == 2
    assert all(word["start"] <= word["end"] for word in found["word_segments"])


def test_a_recording_without_speech_has_no_text(data_dir: Path, tmp_path: Path) -> None:
    done = oolong("transcribe", data_dir / "nonspeech" / "noise2.flac", "-f", "all", "-o", tmp_path, "--no-plugins")
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.iterdir())) == len(load_host(plugins=False).formats())
    found = json.loads((tmp_path / "noise2.json").read_text())
    assert (found["segments"], found["speakers"]) == ([], {})
    assert (tmp_path / "noise2.srt").read_text() == ""


def test_speech_ranges_go_to_stdout(data_dir: Path) -> None:
    done = oolong("vad", data_dir / "real" / "sample.flac", "-o", "-", "--timing")
    assert done.returncode == 0, done.stderr
    ranges = [tuple(map(float, line.split("\t"))) for line in done.stdout.splitlines()]
    assert ranges == sorted(ranges)
    assert 15 < sum(end - start for start, end in ranges) < 30
    header, row = (line.split("\t") for line in done.stderr.splitlines())
    assert header == ["file", "duration s", "time s", "RTF", "ranges", "speech %"]
    assert int(row[4]) == len(ranges)


def test_a_broken_file_does_not_stop_the_others(data_dir: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(b"no music")
    done = oolong("diarize", broken, data_dir / "real" / "sample.flac", "-o", tmp_path / "out", "--threads", 2)
    assert done.returncode == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["sample.rttm"]
    errors = [line for line in done.stderr.splitlines() if line.startswith("oolong: error: ")]
    assert len(errors) == 2
    assert "broken.mp3" in errors[0] and errors[1].endswith(f"1 of 2 recordings failed: {broken}")


def test_without_a_cuda_device_every_command_runs_on_the_cpu_with_a_warning(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    recording = data_dir / "real" / "sample.flac"
    words = tmp_path / "sample.json"
    words.write_text('{"segments": [{"words": [{"word": " hello", "start": 7.0, "end": 7.5}]}]}')
    cuda = ("--device", "cuda", "-o", tmp_path / "out")
    for command, engines in (
        (("diarize", recording), ["ONNX Runtime"]),
        (("align", words, recording, "--txt"), ["ONNX Runtime"]),
        (("transcribe", recording, "--model", "tiny.en"), ["ONNX Runtime", "CTranslate2"]),
        (("vad", recording), ["ONNX Runtime"]),
    ):
        done = oolong(*command, *cuda)
        assert done.returncode == 0, done.stderr
        warnings = [line for line in done.stderr.splitlines() if line.startswith("oolong: warning: ")]
        assert len(warnings) == len(engines), warnings
        for engine, warning in zip(engines, warnings, strict=True):
            assert engine in warning and "CPU" in warning
