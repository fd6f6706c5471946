"""The main command on real speech, with real models."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import srt
from oolong_align_metrics import read_stm, score_files

from oolong_align.cli.main import transcribe_main


@pytest.fixture
def models(model_dir: Path | None) -> list[str]:
    """Options that select the models; empty for the default models."""
    return [] if model_dir is None else ["--model_dir", str(model_dir)]


def run(recording: Path, folder: Path, *options: str) -> dict[str, Any]:
    code = transcribe_main([str(recording), "--output_dir", str(folder), "--quiet", "--json", *options])
    assert code == 0
    result: dict[str, Any] = json.loads((folder / f"{recording.stem}.json").read_text())
    return result


def test_telephone_conversation(data_dir: Path, tmp_path: Path, models: list[str]) -> None:
    recording = data_dir / "real" / "sample.flac"
    result = run(recording, tmp_path, "--srt", *models)
    assert sorted(result["speakers"]) == ["SPEAKER_00", "SPEAKER_01"]
    (truth,) = read_stm(recording.with_suffix(".stm")).values()
    mapping: Counter[tuple[str, str]] = Counter()
    votes = []
    for turn in truth:
        middles = [(word["speaker"], (word["start"] + word["end"]) / 2) for word in result["word_segments"]]
        inside = [speaker for speaker, middle in middles if speaker and turn.start <= middle < turn.end]
        if inside:
            votes.append((turn.speaker, Counter(inside).most_common(1)[0][0]))
            mapping[votes[-1]] += 1
    assert len(votes) >= len(truth) - 2
    (first, most), (second, more) = mapping.most_common(2)
    assert first[0] != second[0] and first[1] != second[1], mapping
    assert len(votes) == most + more, mapping
    cues = list(srt.parse((tmp_path / "sample.srt").read_text()))
    assert all(cue.content.startswith(("[SPEAKER_00]: ", "[SPEAKER_01]: ")) for cue in cues)


def test_the_example_meeting(repository: Path, tmp_path: Path, models: list[str]) -> None:
    recording = repository / "examples" / "meeting.flac"
    result = run(recording, tmp_path, *models)
    errors = score_files(recording.with_suffix(".stm"), tmp_path / "meeting.json")
    print(f"meeting: {errors}")
    assert len(result["speakers"]) == 3
    assert errors.word_error_rate <= 0.15
    assert errors.wrong_speaker <= 0.05 * errors.recognised
    silence = (31.53, 39.53)
    strays = [w for w in result["word_segments"] if w["end"] > silence[0] + 0.5 and w["start"] < silence[1] - 0.5]
    assert not strays


@pytest.mark.parametrize("model", ["base"])
def test_noise_and_music_have_no_words(data_dir: Path, tmp_path: Path, models: list[str], model: str) -> None:
    recordings = sorted((data_dir / "nonspeech").glob("*.flac"))
    options = ["-o", str(tmp_path), "--json", "--srt", "--model", model, "--quiet", *models]
    code = transcribe_main([*map(str, recordings), *options])
    assert code == 0
    for recording in recordings:
        result = json.loads((tmp_path / f"{recording.stem}.json").read_text())
        assert (result["segments"], result["diarization"], result["speakers"]) == ([], [], {}), recording
        assert (tmp_path / f"{recording.stem}.srt").read_text() == ""


def test_the_same_input_produces_the_same_bytes(repository: Path, tmp_path: Path, models: list[str]) -> None:
    recording = repository / "examples" / "meeting.flac"
    for name in ("one", "two"):
        run(recording, tmp_path / name, "--srt", "--rttm", "--model", "tiny.en", *models)
    written = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert written == ["meeting.json", "meeting.rttm", "meeting.srt"]
    for name in written:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
