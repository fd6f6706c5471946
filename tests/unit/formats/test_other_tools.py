"""Fields that the clients of WhisperX and OpenAI expect in a file."""

from __future__ import annotations

import json
from dataclasses import replace
from math import nan
from typing import Any

import pytest

from oolong_align.errors import OutputError
from oolong_align.formats import render_diarized_json, render_verbose_json, render_whisperx
from oolong_align.types import Speaker, Transcript, Utterance, Word


def utterance(start: float, text: str, speaker: str | None, probability: float | None = 0.5) -> Utterance:
    words = tuple(
        Word(start + n / 4, start + n / 4 + 0.2, word, probability, speaker) for n, word in enumerate(text.split())
    )
    return Utterance(start, words[-1].end, speaker, words)


def transcript(*utterances: Utterance, **names: str) -> Transcript:
    labels = {each.speaker for each in utterances if each.speaker} | set(names)
    speakers = {label: Speaker(label=label, name=names.get(label)) for label in sorted(labels)}
    return Transcript("de", 9.0, utterances, speakers=speakers)


TALK = transcript(
    utterance(0.0, "Guten Tag.", "SPEAKER_01"),
    utterance(1.0, "Hallo!", "SPEAKER_00", None),
    utterance(2.0, "Ja?", None),
    SPEAKER_01="Ada",
)


def parse(text: str) -> dict[str, Any]:
    assert text.endswith("}\n")
    document: dict[str, Any] = json.loads(text)
    return document


def test_whisperx() -> None:
    document = parse(render_whisperx(TALK))
    assert list(document) == ["segments", "word_segments", "language"]
    first, second, third = document["segments"]
    assert first["words"][0] == {"word": "Guten", "start": 0.0, "end": 0.2, "score": 0.5, "speaker": "Ada"}
    assert (first["speaker"], second["speaker"]) == ("Ada", "SPEAKER_00")
    # WhisperX omits unknown fields, and its writers read them with get().
    assert "speaker" not in third and "score" not in second["words"][0]
    assert document["word_segments"] == [word for each in document["segments"] for word in each["words"]]


def test_verbose_json_has_every_field_of_the_schema() -> None:
    document = parse(render_verbose_json(TALK))
    assert (document["task"], document["language"], document["duration"]) == ("transcribe", "german", 9.0)
    assert document["text"] == "Guten Tag. Hallo! Ja?"
    fields = {"id", "seek", "start", "end", "text", "tokens", "temperature"}
    fields |= {"avg_logprob", "compression_ratio", "no_speech_prob"}
    assert all(set(each) == fields for each in document["segments"])
    assert [each["id"] for each in document["segments"]] == [0, 1, 2]
    assert [each["avg_logprob"] for each in document["segments"]] == [-0.693, 0.0, -0.693]
    assert document["words"][1] == {"word": "Tag.", "start": 0.25, "end": 0.45}


def test_diarized_json_has_every_field_of_the_schema() -> None:
    document = parse(render_diarized_json(TALK))
    assert list(document) == ["task", "duration", "text", "segments"]
    assert document["segments"][0] == {
        "type": "transcript.text.segment",
        "id": "seg_0",
        "start": 0.0,
        "end": 0.45,
        "text": "Guten Tag.",
        "speaker": "Ada",
    }
    assert [each["speaker"] for each in document["segments"]] == ["Ada", "A", "unknown"]


def test_letters_continue_after_z_and_skip_names() -> None:
    many = [utterance(each / 10, "Ja", f"SPEAKER_{each:02d}") for each in range(30)]
    speakers = [each["speaker"] for each in parse(render_diarized_json(transcript(*many)))["segments"]]
    assert speakers[:2] + speakers[25:] == ["A", "B", "Z", "AA", "AB", "AC", "AD"]
    named = transcript(utterance(0, "Ja", "SPEAKER_00"), utterance(1, "Ja", "SPEAKER_01"), SPEAKER_01="A")
    assert [each["speaker"] for each in parse(render_diarized_json(named))["segments"]] == ["B", "A"]


@pytest.mark.parametrize("render", [render_whisperx, render_verbose_json, render_diarized_json])
def test_a_transcript_without_words_renders_and_non_finite_numbers_are_errors(render: Any) -> None:
    assert parse(render(Transcript("", 0.0, ())))["segments"] == []
    wrong = replace(TALK, utterances=(replace(TALK.utterances[0], start=nan),))
    with pytest.raises(OutputError, match="Cannot write nan as JSON"):
        render(wrong)


@pytest.mark.parametrize("render", [render_whisperx, render_verbose_json, render_diarized_json])
def test_special_characters_stay_text(render: Any) -> None:
    text = '"},\u2028</script>\ud800\x00'
    rendered = render(transcript(Utterance(0.0, 1.0, None, (Word(0.0, 1.0, text),))))
    rendered.encode("utf-8")
    assert parse(rendered)["segments"][0]["text"].strip(" ") == text.replace("\ud800", "\ufffd")
