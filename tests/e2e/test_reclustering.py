"""Correct a wrong number of speakers from the JSON file, compared with a diarization with the correct number."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from scoring import score

from oolong_align import Diarizer, OolongWarning, Transcript, Word, Words, align
from oolong_align.cli.main import main
from oolong_align.editing import find_plda, recluster, rename
from oolong_align.formats import read_json, render_json, render_rttm

WORD_S = 0.4


def transcribe(diarizer: Diarizer, recording: Path, num_speakers: int, length: float) -> Transcript:
    """Diarize and add one word every 0.4 s; words outside all turns have no speaker."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OolongWarning)
        diarization = diarizer(recording, num_speakers=num_speakers)
    words = tuple(Word(WORD_S * k, WORD_S * (k + 1), f"w{k}") for k in range(int(length / WORD_S)))
    return align(Words("en", words), diarization)


def correct(transcript: Transcript, num_speakers: int, models: Path | None) -> Transcript:
    assert transcript.diarization is not None
    plda = find_plda(transcript.diarization.model, model_dir=models)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OolongWarning)
        return recluster(read_json(render_json(transcript)), num_speakers, plda=plda)


def check_similar(found: Transcript, direct: Transcript, folder: Path) -> None:
    assert found.diarization is not None
    (folder / "exclusive.rttm").write_text(render_rttm(direct, exclusive=True))
    (folder / "overlapping.rttm").write_text(render_rttm(direct))
    exclusive = score(folder / "exclusive.rttm", found.diarization.segments).rate  # type: ignore[arg-type]
    overlapping = score(folder / "overlapping.rttm", found.diarization.turns).rate
    other = sum(mine.speaker != theirs.speaker for mine, theirs in zip(found.words, direct.words, strict=True))
    print(f"exclusive {exclusive:.4f}, turns {overlapping:.4f}, words {other} of {len(direct.words)}")
    assert exclusive <= 0.01
    # A file that merged two speakers contains no overlaps between them.
    assert overlapping <= 0.1
    assert other <= 0.03 * len(direct.words)


@pytest.mark.parametrize("wrong", [1, 2, 5])
def test_three_speakers_from_another_number(
    diarizer: Diarizer,
    three: Transcript,
    repository: Path,
    model_dir: Path | None,
    bundle: str,
    tmp_path: Path,
    wrong: int,
) -> None:
    found = correct(transcribe(diarizer, repository / "examples" / "meeting.flac", wrong, 60.0), 3, model_dir)
    assert list(found.speakers) == ["SPEAKER_00", "SPEAKER_01", "SPEAKER_02"]
    check_similar(found, three, tmp_path)


@pytest.fixture(scope="module")
def three(diarizer: Diarizer, repository: Path) -> Transcript:
    return transcribe(diarizer, repository / "examples" / "meeting.flac", 3, 60.0)


@pytest.mark.data
@pytest.mark.parametrize("wrong", [1, 4])
def test_two_speakers_on_the_telephone(
    diarizer: Diarizer, data_dir: Path, model_dir: Path | None, tmp_path: Path, wrong: int
) -> None:
    recording = data_dir / "real" / "sample.flac"
    direct = transcribe(diarizer, recording, 2, 30.0)
    found = correct(transcribe(diarizer, recording, wrong, 30.0), 2, model_dir)
    check_similar(found, direct, tmp_path)


def test_names_are_transferred(
    three: Transcript, model_dir: Path | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = three
    for label, name in zip(three.speakers, ("Nora", "Ralph", "Kai"), strict=True):
        named = rename(named, label, name)
    path = tmp_path / "meeting.json"
    path.write_text(render_json(named))
    parts = ["--no-plugins", *(["--model_dir", str(model_dir)] if model_dir else [])]
    assert main(["edit", str(path), "--num_speakers", "3", *parts]) == 0
    again = read_json(path.read_text())
    assert [speaker.name for speaker in again.speakers.values()] == ["Nora", "Ralph", "Kai"]
    assert main(["edit", str(path), "--num_speakers", "2", *parts]) == 0
    assert "VBx found 3 speakers, but num_speakers requires 2" in capsys.readouterr().err
    fewer = read_json(path.read_text())
    assert len(fewer.speakers) == 2
    assert {speaker.name for speaker in fewer.speakers.values()} < {"Nora", "Ralph", "Kai"}
    assert main(["edit", str(path), "--num_speakers", "99", *parts]) == 1
    assert "Cannot find num_speakers=99: the transcript has only" in capsys.readouterr().err
