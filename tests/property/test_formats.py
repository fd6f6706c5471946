# ruff: noqa: RUF001 - the marks of other scripts look like Latin ones on purpose
from __future__ import annotations

import html
import json
import re
from itertools import pairwise

import numpy as np
import srt
from fakes import FakeEvidence
from hypothesis import example, given, settings
from hypothesis import strategies as st

from oolong_align.alignment.utterances import gather_utterances
from oolong_align.formats import (
    CueLayout,
    read_json,
    render_json,
    render_rttm,
    render_srt,
    render_tsv,
    render_txt,
    render_vtt,
)
from oolong_align.formats.names import spoken_text
from oolong_align.text.clean import clean_name, clean_text
from oolong_align.text.scripts import clusters, display_width
from oolong_align.types import (
    Diarization,
    DiarizeSegment,
    Speaker,
    SpeakerSegment,
    SpeechRange,
    Transcript,
    Word,
)

HOSTILE = [
    "-->",
    "--",
    ">",
    "<v Bob>",
    "</v>",
    "&lt;",
    "<u>",
    "1\n\n2\n00:00:01,000 --> 00:00:02,000\n",
    "a\tb",
    "x" * 120,
    "一" * 70,
    "नि" * 50,
    "…",
    "你好，",
    "[SPEAKER_09]: ",
    "\ud800",
    "\u2028",
    "\u3000",
    "-one",
]
TEXTS = st.sampled_from(["word", "Yes.", "longer,", *HOSTILE]) | st.text(max_size=12)
NAMES = st.none() | st.sampled_from(["Ada", "Ada ", "", "Ada]: ", *HOSTILE]) | st.text(max_size=20)
LAYOUTS = st.builds(
    CueLayout,
    max_line_width=st.sampled_from([1, 12, 20, 42]),
    max_line_count=st.integers(1, 3),
    highlight_words=st.booleans(),
    min_cue=st.sampled_from([0.0, 0.8]),
    max_cue=st.sampled_from([1.0, 7.0]),
)


EVIDENCE = FakeEvidence(embed=lambda start, end: [np.sin(start), np.cos(end), 0.5])


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    words: list[Word] = []
    now = 0.0
    for text in draw(st.lists(TEXTS, max_size=25)):
        start = now + draw(st.sampled_from([0.0, 0.0, 0.01, 0.3, 0.7, 2.0]))
        now = start + draw(st.sampled_from([0.0, 0.0004, 0.2, 0.5, 1.4]))
        speaker = draw(st.sampled_from([None, "SPEAKER_00", "SPEAKER_00", "SPEAKER_01"]))
        words.append(
            Word(
                start,
                now,
                text,
                draw(st.none() | st.floats(0, 1)),
                speaker,
                None if speaker is None else draw(st.floats(0, 1)),
                draw(st.booleans()),
                draw(st.booleans()),
            )
        )
    cuts = sorted(draw(st.lists(st.integers(0, 30_000), max_size=8, unique=True)))
    spans = [(a / 1000 + 0.0001, b / 1000, number % 3) for number, (a, b) in enumerate(pairwise(cuts))]
    return Transcript(
        language="en",
        duration=now,
        utterances=gather_utterances(words),
        diarization=Diarization(
            segments=tuple(SpeakerSegment(*span) for span in spans),
            turns=tuple(DiarizeSegment(*span) for span in spans),
            speech=tuple(SpeechRange(start, end) for start, end, _ in spans),
            duration=now,
            embeddings={0: np.array([draw(st.floats(-1, 1, width=32)), 1.0, 0.1], dtype=np.float32)},
            voice=draw(st.sampled_from([None, EVIDENCE])),
        ),
        speakers={
            label: Speaker(label=label, name=draw(NAMES), probability=draw(st.none() | st.floats(0, 1)))
            for label in ("SPEAKER_00", "SPEAKER_01")
        },
        source=draw(st.text(max_size=5)),
    )


def visible(text: str) -> str:
    """Text that layout must keep: all but white space, with the arrows that SRT replaces reduced to one form."""
    return re.sub(r"-*→|-*>", ">", "".join(text.split()))


def spoken(transcript: Transcript) -> str:
    return visible("".join(clean_text(word.text) for word in transcript.words))


def check_times(times: list[tuple[float, float]], transcript: Transcript) -> None:
    assert all(start < end for start, end in times)
    assert all(a[1] <= b[0] for a, b in pairwise(times))
    if times and transcript.duration * 1000 > 1000:
        assert times[-1][1] <= transcript.duration


@settings(max_examples=60)
@given(transcript=transcripts(), layout=LAYOUTS)
def test_srt_parses_back(transcript: Transcript, layout: CueLayout) -> None:
    text = render_srt(transcript, layout)
    cues = list(srt.parse(text))
    assert srt.compose(cues, reindex=False) == text
    assert [cue.index for cue in cues] == list(range(1, len(cues) + 1))
    check_times([(cue.start.total_seconds(), cue.end.total_seconds()) for cue in cues], transcript)
    text.encode()
    if layout.highlight_words:
        return
    names = {clean_name(speaker.display_name) or label for label, speaker in transcript.speakers.items()}
    prefixes = [f"[{name}]: " for name in (*names, *(f"{n} ({label})" for n in names for label in transcript.speakers))]
    bodies = []
    for cue in cues:
        lines = cue.content.split("\n")
        assert len(lines) <= layout.max_line_count
        prefix = next((prefix for prefix in prefixes if cue.content.startswith(prefix)), "")
        bodies.append(cue.content.removeprefix(prefix))
    assert visible("".join(bodies)) == spoken(transcript)


@settings(max_examples=60)
@given(transcript=transcripts(), layout=LAYOUTS)
def test_vtt_parses_back(transcript: Transcript, layout: CueLayout) -> None:
    text = render_vtt(transcript, layout)
    header, *blocks = text.rstrip("\n").split("\n\n")
    assert header == "WEBVTT"
    assert text.count("-->") == len(blocks)
    times, bodies = [], []
    for block in blocks:
        timing, *lines = block.split("\n")
        matched = re.fullmatch(r"(\d\d):(\d\d):(\d\d\.\d{3}) --> (\d\d):(\d\d):(\d\d\.\d{3})", timing)
        assert matched
        h, m, s, h2, m2, s2 = map(float, matched.groups())
        times.append((3600 * h + 60 * m + s, 3600 * h2 + 60 * m2 + s2))
        assert 1 <= len(lines) <= layout.max_line_count
        assert all(lines)
        content = "\n".join(lines)
        voice = re.match(r"<v ([^<>]+)>", content)
        body = content[voice.end() :] if voice else content
        if layout.highlight_words:
            assert body.count("<u>") == body.count("</u>") <= 1
            body = body.replace("<u>", "").replace("</u>", "")
        assert "<" not in body
        assert ">" not in body
        bodies.append(html.unescape(body))
    check_times(times, transcript)
    if not layout.highlight_words:
        assert visible("".join(bodies)) == spoken(transcript)


@settings(max_examples=60)
@given(transcript=transcripts(), layout=LAYOUTS)
def test_lines_are_within_the_width_unless_a_single_word_exceeds_it(transcript: Transcript, layout: CueLayout) -> None:
    if layout.highlight_words:
        return
    longest = max((display_width(clean_text(word.text)) for word in transcript.words), default=0)
    # A grapheme cluster is never split, and may start in one word and end in the next.
    written = (clusters(spoken_text(utterance.words)) for utterance in transcript.utterances)
    widest = max((display_width(character) for characters in written for character in characters), default=0)
    widths = [
        display_width(html.unescape(re.sub(r"^<v [^>]*>", "", line)))
        for block in render_vtt(transcript, layout).split("\n\n")[1:]
        for line in block.rstrip("\n").split("\n")[1:]
    ]
    assert max(widths, default=0) <= max(layout.max_line_width, longest + widest)
    assert max(widths, default=0) <= max(widest, layout.max_line_width * layout.max_line_count)


@settings(max_examples=40)
@given(transcript=transcripts())
def test_a_cue_never_holds_two_speakers(transcript: Transcript) -> None:
    cues = render_vtt(transcript).split("\n\n")[1:]
    spoken_by: list[tuple[str | None, str]] = []
    for cue in cues:
        content = cue.rstrip("\n").split("\n", 1)[1]
        matched = re.match(r"<v ([^<>]+)>", content)
        body = content[matched.end() :] if matched else content
        spoken_by.append((matched.group(1) if matched else None, visible(html.unescape(body))))
    merged: list[tuple[str | None, str]] = []
    for name, text in spoken_by:
        if merged and merged[-1][0] == name:
            merged[-1] = (name, merged[-1][1] + text)
        else:
            merged.append((name, text))
    expected: list[tuple[str | None, str]] = []
    for utterance in transcript.utterances:
        text = visible("".join(clean_text(word.text) for word in utterance.words))
        if not text:
            continue
        if expected and expected[-1][0] == utterance.speaker:
            expected[-1] = (utterance.speaker, expected[-1][1] + text)
        else:
            expected.append((utterance.speaker, text))
    names = {speaker.display_name for speaker in transcript.speakers.values()}
    if len({clean_name(name) for name in names}) == 2:
        assert [text for _, text in merged] == [text for _, text in expected]


@settings(max_examples=60)
@given(transcript=transcripts())
def test_plain_formats_keep_their_lines_and_columns(transcript: Transcript) -> None:
    txt, tsv, rttm = render_txt(transcript), render_tsv(transcript), render_rttm(transcript)
    rows = [row.split("\t") for row in tsv.splitlines()]
    assert len(rows) == 1 + len(transcript.utterances)
    assert {len(row) for row in rows} == {4}
    assert visible("".join(row[3] for row in rows[1:])) == spoken(transcript)
    assert all(int(row[0]) <= int(row[1]) for row in rows[1:])
    assert len(txt.splitlines()) == sum(bool(row[3]) for row in rows[1:])
    for line in rttm.splitlines():
        assert re.fullmatch(r"SPEAKER \S+ 1 \d+\.\d{6} \d+\.\d{6} <NA> <NA> \S+ <NA> <NA>", line)
    for text in (txt, tsv, rttm):
        text.encode()


@settings(max_examples=60)
@given(transcript=transcripts())
@example(Transcript("", 0.0, ()))
def test_json_round_trip(transcript: Transcript) -> None:
    text = render_json(transcript)
    found = read_json(text)
    assert render_json(found) == text
    assert [word.leading_space for word in found.words] == [word.leading_space for word in transcript.words]
    document = json.loads(text)
    spans = [*document["segments"], *document["word_segments"], *document["pieces"], *document["diarization"]]
    assert all(span["start"] <= span["end"] for span in spans)
    starts = [word["start"] for word in document["word_segments"]]
    assert starts == sorted(starts)
    assert [word["word"] for word in document["word_segments"]] == [
        re.sub("[\ud800-\udfff]", "\ufffd", word.text) for word in transcript.words
    ]
