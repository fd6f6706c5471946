"""Speakers and times of words on real speech, with real models."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from oolong_align_metrics import WordErrors, read_stm, word_errors
from scoring import align_words

from oolong_align import Diarizer, DiarizerOptions, align
from oolong_align.audio.recording import load_audio
from oolong_align.cli.main import transcribe_main
from oolong_align.transcription.whisper import WhisperTranscriber
from oolong_align.types import Diarization, Transcript, Word, Words

Recording = tuple[Words, Diarization, Diarization]


def recognise(recording: Path) -> Recording:
    """Return the words, and the diarizations of both methods."""
    with load_audio(recording) as audio:
        pieces = Diarizer.from_pretrained()(audio)
        windows = Diarizer.from_pretrained(options=DiarizerOptions(method="windows"))(audio)
        return WhisperTranscriber.from_pretrained("base")(audio, pieces.speech), pieces, windows


@pytest.fixture(scope="module")
def meeting(repository: Path) -> Recording:
    return recognise(repository / "examples" / "meeting.flac")


def errors(stm: Path, transcript: Transcript) -> WordErrors:
    (turns,) = read_stm(stm).values()
    return word_errors(turns, transcript.words, language=transcript.language)


def test_words_of_a_telephone_call_have_the_right_speakers(data_dir: Path) -> None:
    recording = data_dir / "real" / "sample.flac"
    words, turns, windows = recognise(recording)
    found = errors(recording.with_suffix(".stm"), align(words, turns))
    assert (found.wrong_speaker, found.no_speaker) == (0, 0)
    assert errors(recording.with_suffix(".stm"), align(words, windows, rule="overlap")).wrong_speaker > 1


def test_the_default_rule_beats_overlap_with_the_same_words(repository: Path, meeting: Recording) -> None:
    words, pieces, windows = meeting
    stm = repository / "examples" / "meeting.stm"
    for turns in (pieces, windows):
        ours, theirs = errors(stm, align(words, turns)), errors(stm, align(words, turns, rule="overlap"))
        assert ours.wrong_speaker <= 1 < theirs.wrong_speaker


def test_confidence_is_higher_with_speaker_evidence(meeting: Recording) -> None:
    words, pieces, _ = meeting
    with_evidence, without = (
        np.mean([word.speaker_confidence or 0.0 for word in align(words, turns).words])
        for turns in (pieces, replace(pieces, voice=None))
    )
    assert 0.9 < with_evidence < 1.0
    assert without < with_evidence


def test_word_times(repository: Path, meeting: Recording) -> None:
    rows = [line.split() for line in (repository / "examples" / "meeting.ctm").read_text().splitlines()]
    truth = [Word(float(row[2]), float(row[2]) + float(row[3]), row[4]) for row in rows]
    words, pieces, _ = meeting
    starts, ends = np.abs(differences(truth, align(words, pieces).words)).T
    print(f"start {1e3 * starts.mean():.0f} ms, end {1e3 * ends.mean():.0f} ms")
    assert starts.mean() < 0.07
    assert ends.mean() < 0.08


def differences(truth: Sequence[Word], found: Sequence[Word]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    def spell(words: Sequence[Word]) -> list[str]:
        return [re.sub(r"\W", "", word.text).lower() for word in words]

    expected, recognised = spell(truth), spell(found)
    pairs = [(i, j) for i, j in align_words(expected, recognised) if i is not None and j is not None]
    same = [(truth[i], found[j]) for i, j in pairs if expected[i] == recognised[j]]
    assert len(same) > 0.9 * len(truth)
    return np.array([(b.start - a.start, b.end - a.end) for a, b in same])


def test_the_command_supports_the_overlap_rule(repository: Path, tmp_path: Path) -> None:
    recording = repository / "examples" / "meeting.flac"
    code = transcribe_main([str(recording), "-o", str(tmp_path), "--quiet", "--json", "--align_rule", "overlap"])
    assert code == 0
    words = json.loads((tmp_path / "meeting.json").read_text())["word_segments"]
    assert {word["speaker_confidence"] for word in words} == {None}
    assert sum(word["speaker"] is not None for word in words) > 0.95 * len(words)
