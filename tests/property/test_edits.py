"""Invariants of edits on random transcripts."""

from __future__ import annotations

import json
import math
import warnings
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from oolong_align.alignment.utterances import gather_utterances
from oolong_align.diarization.plda import Plda
from oolong_align.diarization.speaker_evidence import StoredEvidence
from oolong_align.editing import assign, merge, prune, recluster, rename
from oolong_align.errors import OolongWarning
from oolong_align.formats import read_json, render_json
from oolong_align.plugin.contract import validate_diarization, validate_transcript
from oolong_align.text.clean import clean_name
from oolong_align.timing.timeline import Timeline
from oolong_align.types import (
    Diarization,
    DiarizeSegment,
    Speaker,
    SpeakerSegment,
    Transcript,
    Word,
    speaker_label,
)

LABELS = [speaker_label(number) for number in range(4)]
NAMES = st.sampled_from(["", "Ada", "a\nb", "[x]: -->", "é\u0301", "\ud800"]) | st.text(max_size=5)
TIMES = st.lists(st.integers(0, 20_000), min_size=2, max_size=2, unique=True).map(sorted)
D = 6


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    """Transcripts from `read_json`: four speakers, segments, overlapping turns, pieces inside the segments."""
    words: list[Word] = []
    now = 0.0
    for text in draw(st.lists(st.sampled_from(["Yes.", "no", "你", "--"]), max_size=15)):
        start = now + draw(st.sampled_from([0.0, 0.3, 1.4]))
        now = start + draw(st.sampled_from([0.0, 0.2, 0.5]))
        speaker = draw(st.sampled_from([None, *LABELS]))
        words.append(Word(start, now, text, 0.5, speaker, None if speaker is None else 0.75, draw(st.booleans())))
    cuts = sorted(draw(st.lists(st.integers(0, 20_000), max_size=9, unique=True)))
    segments = [(a / 1000, b / 1000, draw(st.integers(0, 3))) for a, b in pairwise(cuts) if draw(st.booleans())]
    turns = [(start, min(end + draw(st.sampled_from([0.0, 0.7])), 20.0), who) for start, end, who in segments]
    pieces = [
        part
        for a, b, who in segments
        for part in ([(a, b, who)] if draw(st.booleans()) else [(a, (a + b) / 2, who), ((a + b) / 2, b, who)])
    ]
    random = np.random.default_rng(draw(st.integers(0, 99)))
    centres, vectors = np.eye(4, D), random.normal(0, 0.2, (len(pieces), D))
    vectors = (vectors + centres[[who for _, _, who in pieces]]).astype(np.float32) if pieces else np.zeros((0, D))
    seconds, counts = Counter[int](), Counter(word.speaker for word in words)
    for start, end, who in segments:
        seconds[who] += round(1000 * (end - start))
    embeddings = {who: random.normal(size=D).astype(np.float32) for who in {who for _, _, who in segments}}
    made = Transcript(
        language="en",
        duration=20.0,
        utterances=gather_utterances(words),
        diarization=Diarization(
            segments=tuple(SpeakerSegment(*each) for each in segments),
            turns=tuple(DiarizeSegment(*each) for each in turns),
            speech=(),
            duration=20.0,
            embeddings=embeddings,
            pieces=tuple(DiarizeSegment(*each) for each in pieces),
            voice=StoredEvidence([each[:2] for each in pieces], vectors, embeddings) if pieces else None,
        ),
        speakers={
            label: Speaker(
                label=label,
                name=draw(st.sampled_from([None, "Bob"])),
                voice=draw(st.sampled_from([None, "v1"])),
                seconds=seconds[number] / 1000,
                words=counts[label],
            )
            for number, label in enumerate(LABELS)
        },
    )
    return read_json(render_json(made))


def edited(draw: st.DrawFn, transcript: Transcript) -> Transcript:
    kind = draw(st.sampled_from(["rename", "merge", "assign", "prune"]))
    if kind == "prune" or len(transcript.speakers) < 2:
        return prune(transcript)
    label, other = draw(st.lists(st.sampled_from(list(transcript.speakers)), min_size=2, max_size=2, unique=True))
    if kind == "rename":
        return rename(transcript, label, draw(st.sampled_from(["Ada", "a\nb", "\ud800", None])))
    if kind == "merge":
        return merge(transcript, label, other)
    start, end = draw(TIMES)
    return assign(transcript, start / 1000, end / 1000, label)


def recognised(transcript: Transcript) -> list[tuple[object, ...]]:
    return [(word.start, word.end, word.text, word.probability, word.leading_space) for word in transcript.words]


def check(transcript: Transcript, before: Transcript) -> None:
    text = render_json(transcript)
    assert render_json(read_json(text)) == text
    assert recognised(transcript) == recognised(before)
    validate_transcript(transcript)
    assert transcript.diarization is not None
    assert before.diarization is not None
    validate_diarization(transcript.diarization)
    for kind in ("segments", "turns", "pieces"):
        now = Timeline((each.start, each.end) for each in getattr(transcript.diarization, kind))
        was = Timeline((each.start, each.end) for each in getattr(before.diarization, kind))
        np.testing.assert_allclose(now.starts, was.starts)
        np.testing.assert_allclose(now.ends, was.ends)
    counts = Counter(word.speaker for word in transcript.words)
    seconds = Counter[str]()
    for segment in transcript.diarization.segments:
        seconds[speaker_label(segment.speaker_id)] += segment.end - segment.start
    for label, speaker in transcript.speakers.items():
        assert speaker.words == counts[label]
        assert abs(speaker.seconds - seconds[label]) < 1e-6


@settings(max_examples=150)
@given(data=st.data(), transcript=transcripts())
def test_edits_keep_words_and_times_and_survive_writing(data: st.DataObject, transcript: Transcript) -> None:
    before = render_json(transcript)
    now = transcript
    for _ in range(data.draw(st.integers(1, 4))):
        now = edited(data.draw, now)
        check(now, transcript)
    assert render_json(transcript) == before


def merge_written(document: dict[str, Any], source: str, target: str) -> None:
    """Independent implementation of a merge on the JSON document, as in another program."""
    people, embeddings = document["speakers"], document["speaker_embeddings"]
    gone, kept = people.pop(source), people[target]
    lines: list[dict[str, Any]] = []
    for segment in document["segments"]:
        before = lines[-1] if lines else {"words": []}
        edge = [*before["words"][-1:], *segment["words"][:1]]
        if {word["speaker"] for word in edge} == {source, target} and split_reason(before, segment) is None:
            both = [{**word, "leading_space": True} for word in before["words"] + segment["words"]]
            text = f"{before['text']} {segment['text']}"
            lines[-1] = {**before, "end": segment["end"], "text": text, "words": both}
        else:
            lines.append(segment)
    document["segments"] = lines
    words = [word for segment in document["segments"] for word in segment["words"]]
    for item in (*document["segments"], *words, *document["pieces"], *document["exclusive_diarization"]):
        item["speaker"] = target if item["speaker"] == source else item["speaker"]
    own = sorted((t["start"], t["end"]) for t in document["diarization"] if t["speaker"] in (source, target))
    joined: list[list[float]] = []
    for start, end in own:
        if joined and start <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([start, end])
    turns = [turn for turn in document["diarization"] if turn["speaker"] not in (source, target)]
    turns += [{"start": start, "end": end, "speaker": target} for start, end in joined]
    document["diarization"] = sorted(turns, key=lambda turn: (turn["start"], turn["speaker"], turn["end"]))
    for word in words:
        there = {turn["speaker"] for turn in turns if turn["start"] < word["end"] and turn["end"] > word["start"]}
        word["overlap"] = word["overlap"] and len(there) > 1
    if source in embeddings:
        weights = [kept["seconds"], gone["seconds"]] if kept["seconds"] or gone["seconds"] else [1.0, 1.0]
        target_embedding = embeddings.get(target, embeddings[source])
        total = [weights[0] * x + weights[1] * y for x, y in zip(target_embedding, embeddings.pop(source), strict=True)]
        length = math.sqrt(sum(x * x for x in total))
        embeddings[target] = [round(x / length, 6) for x in total] if length else target_embedding
    if source_rank(gone) > source_rank(kept):
        kept.update({key: gone[key] for key in ("name", "voice", "probability")})
    kept["seconds"] = round(kept["seconds"] + gone["seconds"], 3)
    kept["words"] += gone["words"]


def split_reason(before: dict[str, Any], segment: dict[str, Any]) -> str | None:
    """Why two segments are split apart from their speakers; only the cases possible in these transcripts."""
    last, first = before["words"][-1], segment["words"][0]
    if first["start"] - last["end"] >= 1.0:
        return "pause"
    long = last["end"] - before["words"][0]["start"] >= 10.0
    return "length" if long and last["word"] == "Yes." and first["word"] != "--" else None


def source_rank(speaker: dict[str, Any]) -> int:
    return 2 if speaker["name"] else 1 if speaker["voice"] is not None else 0


@settings(max_examples=100)
@given(data=st.data(), transcript=transcripts())
def test_merge_in_the_file_gives_the_same_transcript(data: st.DataObject, transcript: Transcript) -> None:
    document = json.loads(render_json(transcript))
    for _ in range(2):
        source, target = data.draw(st.permutations(list(transcript.speakers)))[:2]
        transcript = merge(transcript, source, target)
        merge_written(document, source, target)
        assert render_json(read_json(json.dumps(document))) == render_json(transcript)


@settings(max_examples=60)
@given(data=st.data(), transcript=transcripts())
def test_edits_after_rereading_are_equal(data: st.DataObject, transcript: Transcript) -> None:
    source, target, label = data.draw(st.permutations(LABELS))[:3]
    start, end = data.draw(TIMES)
    kept = assign(merge(transcript, source, target), start / 1000, end / 1000, label)
    reread = read_json(render_json(merge(read_json(render_json(transcript)), source, target)))
    assert render_json(assign(reread, start / 1000, end / 1000, label)) == render_json(kept)


@settings(max_examples=100)
@given(data=st.data(), transcript=transcripts(), names=st.tuples(NAMES, NAMES))
def test_the_order_of_independent_edits_does_not_matter(
    data: st.DataObject, transcript: Transcript, names: tuple[str, str]
) -> None:
    assume(all(not name or clean_name(name) for name in names))
    a, b, c, d = data.draw(st.permutations(LABELS))
    (s1, e1), (s2, e2) = np.reshape(
        sorted(data.draw(st.lists(st.integers(0, 19_999), min_size=4, max_size=4, unique=True))), (2, 2)
    ).tolist()
    pairs = [
        (lambda t: rename(t, a, names[0]), lambda t: rename(t, b, names[1])),
        (lambda t: rename(t, a, names[0]), lambda t: merge(t, b, c)),
        (lambda t: rename(t, a, names[0]), lambda t: assign(t, s1 / 1000, e1 / 1000, b)),
        (lambda t: merge(t, a, b), lambda t: merge(t, c, d)),
        (lambda t: assign(t, s1 / 1000, e1 / 1000, a), lambda t: assign(t, s2 / 1000, e2 / 1000, b)),
    ]
    for first, second in pairs:
        assert render_json(second(first(transcript))) == render_json(first(second(transcript)))


@settings(max_examples=100)
@given(transcript=transcripts(), time=TIMES, label=st.sampled_from(LABELS))
def test_assignment_changes_only_its_time_range(transcript: Transcript, time: list[int], label: str) -> None:
    start, end = time[0] / 1000, time[1] / 1000
    assume(start < 20)
    after = assign(transcript, start, end, label)
    for old, new in zip(transcript.words, after.words, strict=True):
        inside = start <= (old.start + old.end) / 2 < end
        assert (new.speaker, new.speaker_confidence) == (
            (label, 1.0) if inside else (old.speaker, old.speaker_confidence)
        )
    assert after.diarization is not None
    for turn in (*after.diarization.turns, *after.diarization.segments, *after.diarization.pieces):
        assert speaker_label(turn.speaker_id) == label or turn.end <= start or turn.start >= end
    assert render_json(assign(after, start, end, label)) == render_json(after)


def plda() -> Plda:
    return Plda(
        mean1=np.zeros(D), lda=np.eye(D), mean2=np.zeros(D), mu=np.zeros(D), tr=np.eye(D), phi=np.linspace(4, 1, D)
    )


@settings(max_examples=100)
@given(transcript=transcripts(), number=st.integers(1, 4))
def test_recluster_keeps_words_and_times(transcript: Transcript, number: int) -> None:
    assert transcript.diarization is not None
    assume(len(transcript.diarization.pieces) >= number)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OolongWarning)
        after = recluster(transcript, number, plda=plda())
        again = recluster(read_json(render_json(transcript)), number, plda=plda())
    check(after, transcript)
    assert render_json(again) == render_json(after)
    assert 1 <= len(after.speakers) <= number
    assert list(after.speakers) == LABELS[: len(after.speakers)]
    named = [speaker.name for speaker in after.speakers.values() if speaker.name]
    assert len(named) <= sum(bool(speaker.name) for speaker in transcript.speakers.values())
