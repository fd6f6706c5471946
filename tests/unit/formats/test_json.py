from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fakes import FakeEvidence

from oolong_align.diarization.speaker_evidence import StoredEvidence
from oolong_align.errors import InputError, OutputError
from oolong_align.formats.embeddings import decode_embedding, encode_embedding
from oolong_align.formats.json import render_json
from oolong_align.formats.json_reader import read_json
from oolong_align.types import (
    Diarization,
    DiarizeSegment,
    ModelInfo,
    Speaker,
    SpeakerSegment,
    SpeechRange,
    Transcript,
    Utterance,
    Word,
)

AXES = np.eye(3, dtype=np.float32)


def small() -> Transcript:
    words = (
        Word(0.1, 0.4004, "Hello,", 0.98765, "SPEAKER_00", 0.9, True),
        Word(0.4004, 0.9, "Ada.", None, "SPEAKER_00", 0.8),
    )
    return Transcript(
        language="en",
        duration=3.25,
        utterances=(
            Utterance(0.1, 0.9, "SPEAKER_00", words),
            Utterance(2.0, 2.2, None, (Word(2.0, 2.2, "嗯", leading_space=False),)),
        ),
        diarization=Diarization(
            segments=(SpeakerSegment(0.0, 1.0, 0, True), SpeakerSegment(1.0, 1.5, 1)),
            turns=(DiarizeSegment(0.0, 1.0, 0), DiarizeSegment(0.75, 1.5, 1)),
            speech=(SpeechRange(0.0, 1.5),),
            duration=3.25,
            embeddings={0: AXES[0], 1: AXES[1]},
            model=ModelInfo(bundle="open", hashes={"plda": "ab", "embedding": "cd"}, dimension=3),
            voice=FakeEvidence(embed=lambda start, end: [start / 8, end / 8, 0.125 / 8]),
            warnings=("2 speakers were forced",),
        ),
        speakers={
            "SPEAKER_00": Speaker(
                label="SPEAKER_00", name="Grace", voice="voice_7", probability=0.5, seconds=1.0, words=2
            ),
            "SPEAKER_01": Speaker(label="SPEAKER_01", seconds=0.5),
        },
        source="call 1",
    )


def test_the_schema() -> None:
    document = json.loads(render_json(small()))
    assert list(document) == [
        "segments",
        "word_segments",
        "language",
        "duration",
        "source",
        "speakers",
        "speaker_embeddings",
        "pieces",
        "diarization",
        "exclusive_diarization",
        "speech",
        "model",
        "warnings",
    ]
    assert document["segments"][0] == {
        "start": 0.1,
        "end": 0.9,
        "text": "Hello, Ada.",
        "speaker": "SPEAKER_00",
        "words": document["word_segments"][:2],
    }
    assert document["word_segments"][0] == {
        "word": "Hello,",
        "start": 0.1,
        "end": 0.4,
        "score": 0.988,
        "speaker": "SPEAKER_00",
        "speaker_confidence": 0.9,
        "overlap": True,
    }
    assert document["word_segments"][2]["speaker"] is None
    assert document["speakers"]["SPEAKER_00"] == {
        "name": "Grace",
        "voice": "voice_7",
        "probability": 0.5,
        "seconds": 1.0,
        "words": 2,
    }
    assert document["speaker_embeddings"] == {"SPEAKER_00": [1.0, 0.0, 0.0], "SPEAKER_01": [0.0, 1.0, 0.0]}
    assert document["exclusive_diarization"][1] == {"start": 1.0, "end": 1.5, "speaker": "SPEAKER_01"}
    assert {key: document["pieces"][1][key] for key in ("start", "end", "speaker")} == document[
        "exclusive_diarization"
    ][1]
    np.testing.assert_array_equal(decode_embedding(document["pieces"][1]["embedding"]), [0.125, 0.1875, 0.015625])
    assert document["diarization"][1] == {"start": 0.75, "end": 1.5, "speaker": "SPEAKER_01"}
    assert document["speech"] == [{"start": 0.0, "end": 1.5}]
    assert document["model"] == {"bundle": "open", "hashes": {"embedding": "cd", "plda": "ab"}, "dimension": 3}


def test_reading_restores_everything() -> None:
    text = render_json(small())
    found = read_json(text)
    assert render_json(found) == text
    assert found.source == "call 1"
    assert found.speakers == small().speakers
    assert [word.leading_space for word in found.words] == [True, True, False]
    assert found.diarization is not None
    assert [segment.is_overlap for segment in found.diarization.segments] == [True, False]
    assert found.diarization.model == small().diarization.model  # type: ignore[union-attr]


def test_a_transcript_without_diarization_or_words() -> None:
    text = render_json(Transcript("", 0.0, ()))
    assert render_json(read_json(text)) == text
    assert json.loads(text)["pieces"] == []


def test_spaces_that_cannot_be_inferred_are_written() -> None:
    odd = (Word(0.0, 0.1, "one", leading_space=False), Word(0.1, 0.2, ""), Word(0.2, 0.3, " two "))
    transcript = Transcript("en", 1.0, (Utterance(0.0, 0.3, None, odd),))
    text = render_json(transcript)
    assert json.loads(text)["segments"][0]["words"][0]["leading_space"] is False
    assert read_json(text).words == odd
    assert "leading_space" not in render_json(small())


def test_surrogates_are_replaced() -> None:
    word = Word(0.0, 0.1, "a\ud83d")
    text = render_json(Transcript("en", 1.0, (Utterance(0.0, 0.1, None, (word,)),)))
    assert text.encode()
    assert render_json(read_json(text)) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_non_finite_numbers_are_refused(value: float) -> None:
    with pytest.raises(OutputError, match="finite"):
        render_json(Transcript("en", value, ()))


def test_stored_evidence_scores_its_pieces_and_mixtures_of_them() -> None:
    voice = StoredEvidence([(0.0, 1.0), (1.0, 3.0)], AXES[:2], {0: AXES[0], 1: AXES[1]})
    np.testing.assert_array_equal(voice.embed(0.0, 1.0), AXES[0])
    np.testing.assert_allclose(voice.embed(0.5, 1.5), [0.5**0.5, 0.5**0.5, 0], rtol=1e-6)
    assert voice.scores(1.0, 3.0) == {0: 0.0, 1: 1.0}
    assert voice.scores(5.0, 6.0) == {}
    assert not voice.embed(5.0, 6.0).any()


def test_embeddings_are_half_precision_little_endian() -> None:
    assert encode_embedding(np.array([1.0, -2.0], dtype=np.float32)) == "ADwAwA=="


def change(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Set the value at a path such as ``segments.0.start``."""

    def apply(document: dict[str, Any]) -> None:
        target: Any = document
        *way, last = key.split(".")
        for step in way:
            target = target[int(step) if isinstance(target, list) else step]
        target[int(last) if isinstance(target, list) else last] = value

    return apply


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda document: document.pop("speech"), "required field speech is missing"),
        (lambda document: document["segments"][0].pop("words"), r"required field segments\[0\].words is missing"),
        (change("segments", {}), r"segments must be a list, but is {}"),
        (change("segments.0.start", "0"), r'segments\[0\].start must be a number, but is "0"'),
        (change("segments.0.start", True), r"segments\[0\].start must be a number, but is true"),
        (change("segments.0.end", 0.0), r"segments\[0\].end is 0.0, but must be at least start \(0.1\)"),
        (
            change("segments.0.words.1.start", 0.0),
            r"segments\[0\].words\[1\].start is 0.0, but the previous word starts at",
        ),
        (change("segments.0.words.1.score", 1.5), r"segments\[0\].words\[1\].score must be a number from 0 to 1"),
        (change("segments.0.words.0.overlap", None), r"overlap must be true or false, but is null"),
        (change("segments.0.text", "Goodbye."), r"segments\[0\].text differs from the text of its words"),
        (change("segments.1.speaker", 7), r"segments\[1\].speaker must be a string, but is 7"),
        (change("duration", -1), "duration must be a number of seconds from 0 to 1000000000, but is -1"),
        (change("duration", 10**400), "duration must be a finite number"),
        (change("segments.0.end", 1e308), r"segments\[0\].end must be a number of seconds from 0 to 1000000000"),
        (
            change("speakers.SPEAKER_01.words", 1.5),
            r"speakers.SPEAKER_01.words must be a non-negative integer, but is 1.5",
        ),
        (change("diarization.0.speaker", "Ada"), r"diarization\[0\].speaker has invalid label 'Ada'"),
        (change("diarization.0.speaker", "SPEAKER_0"), r"has invalid label 'SPEAKER_0'"),
        (change("pieces.0.embedding", "#"), r"pieces\[0\].embedding is not a valid embedding: not Base64"),
        (change("pieces.0.embedding", "AAAA"), r"3 bytes are not a sequence of float16 numbers"),
        (change("pieces.0.embedding", "AHw="), r"not finite"),
        (
            change("pieces.1.embedding", "ADwAwA=="),
            r"pieces\[1\].embedding has 2 numbers, but pieces\[0\].embedding has 3",
        ),
        (change("speaker_embeddings.SPEAKER_00", [1.0]), "speaker_embeddings must have 3 numbers per speaker"),
        (change("model", []), "model.bundle|model must be an object"),
        (change("warnings", "none"), "warnings must be a list"),
    ],
)
def test_errors_name_the_invalid_field(damage: Callable[[dict[str, Any]], object], message: str) -> None:
    document = json.loads(render_json(small()))
    damage(document)
    with pytest.raises(InputError, match=message) as refused:
        read_json(json.dumps(document))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not valid JSON"),
        ("[]", "top level must be an object"),
        ('{"duration": NaN}', "NaN is not a JSON number"),
        ("[" * 200_000, "nested too deeply|not valid JSON"),
        ('{"text": "", "segments": []}', "required field (language|duration) is missing"),
    ],
)
def test_other_documents_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_json(text)


def test_names_with_special_characters_survive() -> None:
    transcript = small()
    speakers = {**transcript.speakers, "SPEAKER_01": replace(transcript.speakers["SPEAKER_01"], name='A"]\n\u202e')}
    assert read_json(render_json(replace(transcript, speakers=speakers))).speakers == speakers
