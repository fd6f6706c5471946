"""Rename, merge and assign on examples worked by hand; the docstring of the package specifies the rules."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oolong_align.alignment.utterances import gather_utterances
from oolong_align.diarization.speaker_evidence import StoredEvidence
from oolong_align.editing import add_speaker, assign, merge, prune, rename
from oolong_align.errors import InputError
from oolong_align.formats import read_json, render_json, render_srt
from oolong_align.formats.embeddings import decode_embedding
from oolong_align.types import (
    Diarization,
    DiarizeSegment,
    Speaker,
    SpeakerSegment,
    SpeechRange,
    Transcript,
    Utterance,
    Word,
)

A, B, C = "SPEAKER_00", "SPEAKER_01", "SPEAKER_02"
AXES = np.eye(4, dtype=np.float32)


def talk() -> Transcript:
    """A and B say two words each; the first one of B is overlapped. C has a turn without words."""
    first = (Word(0.0, 0.5, "Hello,", 0.9, A, 0.8), Word(0.5, 1.0, "you.", 0.9, A, 0.7))
    second = (Word(1.0, 1.5, "Good", 0.9, B, 0.6, True), Word(2.0, 2.5, "day.", 0.9, B, 0.9))
    spans = [(0.0, 1.0, 0), (1.0, 3.0, 1), (3.0, 4.0, 2)]
    embeddings = {0: AXES[0], 1: AXES[1], 2: AXES[2]}
    return Transcript(
        language="en",
        duration=5.0,
        utterances=(Utterance(0.0, 1.0, A, first), Utterance(1.0, 2.6, B, second)),
        diarization=Diarization(
            segments=tuple(SpeakerSegment(*span) for span in spans),
            turns=tuple(DiarizeSegment(*span) for span in [(0.0, 1.25, 0), *spans[1:]]),
            speech=(SpeechRange(0.0, 4.0),),
            duration=5.0,
            embeddings=embeddings,
            pieces=tuple(DiarizeSegment(*span) for span in [spans[0], (1.0, 2.0, 1), (2.0, 3.0, 1), spans[2]]),
            voice=StoredEvidence([(0.0, 1.0), (1.0, 2.0), (2.0, 3.0), (3.0, 4.0)], AXES, embeddings),
        ),
        speakers={
            A: Speaker(label=A, seconds=1.0, words=2),
            B: Speaker(label=B, name="Bob", voice="v1", probability=0.75, seconds=2.0, words=2),
            C: Speaker(label=C, voice="v2", probability=0.5, seconds=1.0),
        },
    )


def document(transcript: Transcript) -> dict[str, Any]:
    text = render_json(transcript)
    assert render_json(read_json(text)) == text
    found: dict[str, Any] = json.loads(text)
    assert found["word_segments"] == [word for segment in found["segments"] for word in segment["words"]]
    return found


def spans(items: list[dict[str, Any]]) -> list[tuple[float, float, str]]:
    return [(item["start"], item["end"], item["speaker"]) for item in items]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Ada", "Ada"),
        ("  Ada\t Lovelace\n", "Ada Lovelace"),
        ("A\x1b[2Jda\x00\ufeff", "A[2Jda"),
        ("x\ud800", "x\ufffd"),
        ("[Ada]: <b>", "[Ada]: <b>"),
        ("x" * 200, "x" * 200),
        ("", None),
        (None, None),
        (" \n", None),
    ],
)
def test_rename_changes_only_the_name_and_keeps_it_on_one_line(given: str | None, kept: str | None) -> None:
    if given and not given.strip():
        with pytest.raises(InputError, match="no printable characters"):
            rename(talk(), B, given)
        return
    before, after = document(talk()), document(rename(talk(), B, given))
    assert after["speakers"][B] == {**before["speakers"][B], "name": kept}
    assert {**after, "speakers": None} == {**before, "speakers": None}
    assert list(after["speakers"]) == [A, B, C]


@pytest.mark.parametrize("name", ["\x00", "\u202e", "\u200b\u200c", "\ufeff"])
def test_name_without_printable_characters_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"Invalid name .*: no printable characters"):
        rename(talk(), A, name)


def test_name_cannot_be_the_label_of_a_later_speaker() -> None:
    with pytest.raises(InputError, match="Invalid name SPEAKER_07: it is a speaker label"):
        rename(talk(), A, "SPEAKER_07")
    assert rename(talk(), A, A).speakers[A].name == A


def test_name_cannot_be_the_label_of_another_speaker() -> None:
    with pytest.raises(InputError, match=f"Invalid name {A}: it is the label of another speaker.* --merge {B}={A}"):
        rename(talk(), B, A)
    assert rename(talk(), A, A).speakers[A].name == A
    assert rename(rename(talk(), A, "Ada"), B, "Ada").speakers[B].name == "Ada"


def test_merge_moves_everything_to_the_target() -> None:
    before, after = document(talk()), document(merge(talk(), B, A))
    assert spans(after["segments"]) == [(0.0, 2.6, A)]
    assert [segment["text"] for segment in after["segments"]] == ["Hello, you. Good day."]
    assert {word["speaker"] for word in after["word_segments"]} == {A}
    assert [word["speaker_confidence"] for word in after["word_segments"]] == [0.8, 0.7, 0.6, 0.9]
    assert spans(after["exclusive_diarization"]) == [(0.0, 1.0, A), (1.0, 3.0, A), (3.0, 4.0, C)]
    assert spans(after["pieces"]) == [(0.0, 1.0, A), (1.0, 2.0, A), (2.0, 3.0, A), (3.0, 4.0, C)]
    assert [piece["embedding"] for piece in after["pieces"]] == [piece["embedding"] for piece in before["pieces"]]
    assert spans(after["diarization"]) == [(0.0, 3.0, A), (3.0, 4.0, C)]
    assert after["speakers"] == {
        A: {"name": "Bob", "voice": "v1", "probability": 0.75, "seconds": 3.0, "words": 4},
        C: before["speakers"][C],
    }
    # 1 s of (1, 0) and 2 s of (0, 1)
    assert after["speaker_embeddings"] == {A: [0.447214, 0.894427, 0.0, 0.0], C: [0.0, 0.0, 1.0, 0.0]}
    assert not any(word["overlap"] for word in after["word_segments"])
    same = ("language", "duration", "speech", "model", "warnings", "source")
    assert {key: after[key] for key in same} == {key: before[key] for key in same}


def test_merge_keeps_overlaps_with_other_speakers() -> None:
    after = document(merge(talk(), C, A))
    assert [word["overlap"] for word in after["word_segments"]] == [False, False, True, False]
    assert spans(after["diarization"]) == [(0.0, 1.25, A), (1.0, 3.0, B), (3.0, 4.0, A)]
    assert after["speakers"][A] == {"name": None, "voice": "v2", "probability": 0.5, "seconds": 2.0, "words": 2}


@pytest.mark.parametrize(("source", "target", "voice"), [(C, B, "v1"), (B, C, "v1"), (A, C, "v2"), (A, B, "v1")])
def test_merge_prefers_a_name_to_a_voice_and_a_voice_to_neither(source: str, target: str, voice: str) -> None:
    assert merge(talk(), source, target).speakers[target].voice == voice


def test_merged_embedding_of_speakers_without_speech_and_of_opposite_embeddings() -> None:
    silent = {label: replace(speaker, seconds=0.0) for label, speaker in talk().speakers.items()}
    after = merge(replace(talk(), speakers=silent), A, B)
    np.testing.assert_allclose(after.diarization.embeddings[1], [0.707107, 0.707107, 0, 0])  # type: ignore[union-attr]
    opposite = replace(talk().diarization, embeddings={0: AXES[0], 1: -AXES[0]})  # type: ignore[type-var]
    after = merge(replace(talk(), speakers=silent, diarization=opposite), A, B)
    np.testing.assert_array_equal(after.diarization.embeddings[1], -AXES[0])  # type: ignore[union-attr]
    without = replace(talk().diarization, embeddings={0: AXES[0]})  # type: ignore[type-var]
    after = merge(replace(talk(), diarization=without), A, B)
    np.testing.assert_array_equal(after.diarization.embeddings[1], AXES[0])  # type: ignore[union-attr]


def test_merge_uses_embeddings_rounded_as_in_the_file() -> None:
    random = np.random.default_rng(0).normal(size=(2, 400)).astype(np.float32)
    embeddings = {number: row / np.linalg.norm(row) for number, row in enumerate(random)}
    exact = replace(talk(), diarization=replace(talk().diarization, embeddings=embeddings, voice=None))  # type: ignore[type-var]
    assert document(merge(exact, A, B)) == document(merge(read_json(render_json(exact)), A, B))


def utterances_of(*lines: tuple[str, str, float]) -> Transcript:
    """Utterances (speaker, text, start) of words that last 0.5 s each, without pauses."""
    utterances = []
    for speaker, text, start in lines:
        words = [Word(start + n / 2, start + (n + 1) / 2, word, 0.9, speaker) for n, word in enumerate(text.split())]
        utterances.append(Utterance(start, words[-1].end, speaker, tuple(words)))
    speakers = {label: Speaker(label=label) for label in (A, B, C)}
    return Transcript("en", 60.0, tuple(utterances), speakers=speakers)


@pytest.mark.parametrize("edit", [lambda t: merge(t, B, A), lambda t: assign(t, 1.0, 1.5, A)])
def test_utterance_split_at_a_wrong_change_of_speaker_is_joined(edit: Any) -> None:
    cut = utterances_of((A, "We should", 0.0), (B, "move", 1.0), (A, "the thing", 1.5), (C, "Yes.", 2.5))
    after = edit(cut)
    assert [utterance.text for utterance in after.utterances] == ["We should move the thing", "Yes."]
    assert after.utterances == gather_utterances(after.words)
    srt = render_srt(after)
    assert "We should move the thing" in srt and srt.count("-->") == 2


def test_reversed_assignment_restores_the_utterances() -> None:
    cut = utterances_of((A, "We should", 0.0), (B, "move", 1.0), (A, "the thing", 1.5))
    back = assign(assign(cut, 1.0, 1.5, A), 1.0, 1.5, B)
    assert [utterance.text for utterance in back.utterances] == [utterance.text for utterance in cut.utterances]


def test_reversed_assignment_restores_every_utterance_of_a_meeting(repository: Path) -> None:
    rows = [line.split() for line in (repository / "examples" / "meeting.ctm").read_text().splitlines()]
    labels = {name: f"SPEAKER_{number:02d}" for number, name in enumerate(dict.fromkeys(row[7] for row in rows))}
    words = [
        Word(float(row[2]), float(row[2]) + float(row[3]), row[4], 0.9, labels[row[7]], 1.0)
        for row in sorted(rows, key=lambda row: float(row[2]))
    ]
    speakers = {label: Speaker(label=label) for label in labels.values()}
    lines = gather_utterances(words)
    meeting = Transcript("en", 60.0, lines, speakers=speakers)
    inner = [(line.speaker, *line.words[1:3]) for line in lines if len(line.words) > 4]
    assert len(inner) > 5
    for label, first, last in inner:
        other = next(each for each in speakers if each != label)
        cut = assign(meeting, first.start, last.end, other)
        assert len(cut.utterances) == len(lines) + 2
        assert assign(cut, first.start, last.end, label).utterances == lines


def test_other_boundaries_of_utterances_stay() -> None:
    manual = utterances_of(
        (A, "We", 0.0), (A, "should", 0.5), (B, "move.", 1.0), (A, "Now", 2.5), (C, "go", 3.0), (C, "on", 3.5)
    )
    assert [each.text for each in merge(manual, B, A).utterances] == ["We", "should move.", "Now", "go", "on"]
    assert [each.text for each in merge(manual, C, A).utterances] == ["We", "should", "move.", "Now go", "on"]
    long = utterances_of((A, "word " * 21 + "end.", 0.0), (B, "Next", 11.0), (A, "one", 11.5))
    assert [len(each.words) for each in merge(long, B, A).utterances] == [22, 2]
    assert [len(each.words) for each in assign(long, 11.0, 11.5, A).utterances] == [22, 2]


def test_assignment_cuts_utterance_segments_and_turns() -> None:
    before, after = document(talk()), document(assign(talk(), 1.75, 2.75, A))
    assert [(*spans([each])[0], each["text"]) for each in after["segments"]] == [
        (0.0, 1.0, A, "Hello, you."),
        (1.0, 1.5, B, "Good"),
        (2.0, 2.5, A, "day."),
    ]
    assert [word["speaker_confidence"] for word in after["word_segments"]] == [0.8, 0.7, 0.6, 1.0]
    assert spans(after["exclusive_diarization"]) == [
        (0.0, 1.0, A),
        (1.0, 1.75, B),
        (1.75, 2.75, A),
        (2.75, 3.0, B),
        (3.0, 4.0, C),
    ]
    assert spans(after["pieces"]) == [
        (0.0, 1.0, A),
        (1.0, 1.75, B),
        (1.75, 2.0, A),
        (2.0, 2.75, A),
        (2.75, 3.0, B),
        (3.0, 4.0, C),
    ]
    sources = [decode_embedding(piece["embedding"]).argmax() for piece in after["pieces"]]
    assert sources == [0, 1, 1, 2, 2, 3]
    assert spans(after["diarization"]) == [
        (0.0, 1.25, A),
        (1.0, 1.75, B),
        (1.75, 2.75, A),
        (2.75, 3.0, B),
        (3.0, 4.0, C),
    ]
    assert {label: (each["seconds"], each["words"]) for label, each in after["speakers"].items()} == {
        A: (2.0, 3),
        B: (1.0, 1),
        C: (1.0, 0),
    }
    assert after["speaker_embeddings"] == before["speaker_embeddings"]


def test_completely_assigned_utterance_keeps_its_times_and_touching_turns_are_joined() -> None:
    after = document(prune(assign(talk(), 1.0, 3.0, A)))
    assert spans(after["segments"]) == [(0.0, 2.6, A)]
    assert spans(after["diarization"]) == [(0.0, 3.0, A), (3.0, 4.0, C)]
    assert list(after["speakers"]) == [A, C]
    assert list(after["speaker_embeddings"]) == [A, C]
    assert not any(word["overlap"] for word in after["word_segments"])


def test_new_speaker_gets_the_next_label() -> None:
    before, after = document(talk()), document(assign(talk(), 0.5, 1.0, "SPEAKER_03"))
    assert spans(after["segments"]) == [(0.0, 0.5, A), (0.5, 1.0, "SPEAKER_03"), (1.0, 2.6, B)]
    assert spans(after["exclusive_diarization"])[:2] == [(0.0, 0.5, A), (0.5, 1.0, "SPEAKER_03")]
    new = {"name": None, "voice": None, "probability": None, "seconds": 0.5, "words": 1}
    assert after["speakers"] == {
        **before["speakers"],
        A: {**before["speakers"][A], "seconds": 0.5, "words": 1},
        "SPEAKER_03": new,
    }
    assert after["speaker_embeddings"] == before["speaker_embeddings"]
    without_speakers = replace(talk(), speakers={}, diarization=None)
    assert list(assign(without_speakers, 0.0, 5.0, A).speakers) == [A]
    back = merge(assign(talk(), 0.5, 1.0, "SPEAKER_03"), "SPEAKER_03", A)
    assert [utterance.text for utterance in back.utterances] == [utterance.text for utterance in talk().utterances]


def test_word_belongs_to_the_range_that_contains_its_middle() -> None:
    assert [word.speaker for word in assign(talk(), 0.25, 0.75, B).words] == [B, A, B, B]
    assert [word.speaker for word in assign(talk(), 0.26, 0.75, B).words] == [A, A, B, B]
    assert [word.speaker for word in assign(talk(), 0.26, 0.76, B).words] == [A, B, B, B]


def test_assignment_to_the_same_speaker_changes_only_the_confidence() -> None:
    before, after = document(talk()), document(assign(talk(), 0.2, 0.9, A))
    assert [word["speaker_confidence"] for word in after["word_segments"]] == [1.0, 1.0, 0.6, 0.9]
    same = ("pieces", "diarization", "exclusive_diarization", "speakers", "speaker_embeddings")
    assert {key: after[key] for key in same} == {key: before[key] for key in same}
    assert spans(after["segments"]) == spans(before["segments"])


def test_last_of_overlapping_assignments_wins() -> None:
    after = assign(assign(talk(), 0.0, 3.0, C), 1.0, 5.0, A)
    assert [word.speaker for word in after.words] == [C, C, A, A]
    assert [word.speaker for word in assign(assign(talk(), 1.0, 5.0, A), 0.0, 3.0, C).words] == [C] * 4


def test_speaker_without_speech_stays_until_pruned() -> None:
    taken = assign(talk(), 0.0, 5.0, A)
    assert [(each.seconds, each.words) for each in taken.speakers.values()] == [(4.0, 4), (0.0, 0), (0.0, 0)]
    assert document(assign(taken, 1.0, 4.0, B))["speakers"][B]["name"] == "Bob"
    assert list(document(prune(taken))["speakers"]) == [A] == list(document(prune(taken))["speaker_embeddings"])
    assert document(prune(talk())) == document(talk())


def test_transcript_without_diarization_can_be_edited() -> None:
    bare = replace(talk(), diarization=None)
    after = prune(assign(merge(bare, B, A), 0.0, 0.5, C))
    assert [word.speaker for word in after.words] == [C, A, A, A]
    assert {label: each.words for label, each in after.speakers.items()} == {A: 3, C: 1}


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda t: rename(t, "Ada", "x"),
            r"Unknown speaker 'Ada'\. Available: SPEAKER_00, SPEAKER_01 \(Bob\), SPEAKER_02",
        ),
        (lambda t: rename(replace(t, speakers={}), A, "x"), r"Unknown speaker 'SPEAKER_00'\. Available: none"),
        (lambda t: merge(t, "SPEAKER_07", A), "Unknown speaker 'SPEAKER_07'"),
        (lambda t: merge(t, A, "SPEAKER_0"), "Unknown speaker 'SPEAKER_0'"),
        (lambda t: merge(t, A, A), "Cannot merge SPEAKER_00 with itself"),
        (
            lambda t: assign(t, 0.0, 1.0, "SPEAKER_04"),
            r"Available: .*\(Bob\), .*\. The label of a new speaker must be SPEAKER_03",
        ),
        (
            lambda t: assign(t, 0.0, 1.0, "Dora"),
            r"Unknown speaker 'Dora'.* The label of a new speaker must be SPEAKER_03",
        ),
        (lambda t: add_speaker(t, C), "label of a new speaker must be SPEAKER_03"),
        (lambda t: add_speaker(merge(t, B, A), B), "label of a new speaker must be SPEAKER_03"),
        (
            lambda t: assign(t, 2.0, 1.0, A),
            "Invalid time range 2-1: end must be after start",
        ),
        (lambda t: assign(t, 1.0, 1.0, A), "end must be after start"),
        (lambda t: assign(t, -1.0, 1.0, A), "Invalid time range -1-1: times must be finite and not negative"),
        (lambda t: assign(t, 0.0, float("inf"), A), "times must be finite and not negative"),
        (lambda t: assign(t, float("nan"), 1.0, A), "times must be finite and not negative"),
        (lambda t: assign(t, 5.0, 6.0, A), "Invalid time range 5-6: the recording ends at 5 s"),
    ],
)
def test_invalid_edits_are_refused(edit: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        edit(talk())


def test_label_of_another_form_can_be_named_but_has_no_turns() -> None:
    guest = replace(talk(), speakers={**talk().speakers, "guest": Speaker(label="guest")})
    assert rename(guest, "guest", "Gus").speakers["guest"].name == "Gus"
    assert "guest" not in merge(guest, "guest", A).speakers
    for edit in (lambda: merge(guest, A, "guest"), lambda: assign(guest, 0.0, 1.0, "guest")):
        with pytest.raises(InputError, match="guest cannot have turns"):
            edit()
