# ruff: noqa: RUF001 - Chinese marks
"""Any document is read as words or is a one-line error."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oolong_align import align
from oolong_align.alignment.utterances import gather_utterances
from oolong_align.errors import InputError
from oolong_align.formats import render_json, render_verbose_json, render_whisperx
from oolong_align.interop import read_words
from oolong_align.interop.files import read_transcript
from oolong_align.types import Diarization, DiarizeSegment, SpeakerSegment, SpeechRange, Transcript, Word

pytestmark = pytest.mark.filterwarnings("ignore:.* have no timestamps")

DIARIZATION = Diarization(
    segments=(SpeakerSegment(0.0, 4.0, 0), SpeakerSegment(5.0, 9.0, 1)),
    turns=(DiarizeSegment(0.0, 4.0, 0), DiarizeSegment(5.0, 9.0, 1)),
    speech=(SpeechRange(0.0, 4.0), SpeechRange(5.0, 9.0)),
    duration=10.0,
)
TIMES = st.none() | st.integers(0, 12) | st.floats(0, 12) | st.sampled_from([float("nan"), -1, "1", True, 10**400, []])
TEXTS = st.text(max_size=8) | st.sampled_from(
    [" hello", "你好，世界", "สวัสดี", "-one", "[_BEG_]", "\udce0\udcb8", "\ud800", " "]
)
KEYS = (
    *("segments", "words", "word_segments", "chunks", "transcription", "text", "word", "start", "end", "probability"),
    *("score", "timestamp", "offsets", "from", "to", "tokens", "p", "language", "result", "info", "type"),
)


def objects(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(KEYS), values, max_size=5)


VALUES = st.recursive(
    st.none() | st.booleans() | TIMES | TEXTS, lambda inner: st.lists(inner, max_size=3) | objects(inner), max_leaves=8
)


def records(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(st.fixed_dictionaries({}, optional=fields), max_size=4)


WORDS = records(word=TEXTS, start=TIMES, end=TIMES, probability=TIMES, score=TIMES)
SPAN = st.fixed_dictionaries({}, optional={"from": TIMES, "to": TIMES})
DOCUMENTS = st.one_of(
    VALUES,
    st.fixed_dictionaries({"segments": records(text=TEXTS, start=TIMES, end=TIMES, words=WORDS)}),
    st.fixed_dictionaries({"text": TEXTS, "words": WORDS, "segments": records(text=TEXTS)}),
    st.fixed_dictionaries({"chunks": records(text=TEXTS, timestamp=st.lists(TIMES, min_size=2, max_size=2))}),
    st.fixed_dictionaries(
        {"transcription": records(text=TEXTS, offsets=SPAN, tokens=records(text=TEXTS, offsets=SPAN, p=TIMES))}
    ),
)


@settings(max_examples=300)
@given(document=DOCUMENTS)
def test_a_document_has_words_in_order_or_is_an_error(document: Any) -> None:
    try:
        transcript = align(document, DIARIZATION)
    except InputError as error:
        assert "\n" not in str(error) and len(str(error)) < 500
        return
    times = [time for word in transcript.words for time in (word.start, word.end)]
    assert all(0 <= earlier <= later <= 10 for earlier, later in pairwise(times))
    assert all(word.text and word.text == word.text.strip() for word in transcript.words)
    render_json(transcript).encode()


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.binary(max_size=60) | DOCUMENTS.map(lambda value: json.dumps(value).encode()))
def test_a_file_has_words_or_is_an_error(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "any.json"
    path.write_bytes(data)
    try:
        read_transcript(path)
    except InputError as error:
        assert str(error).startswith(f"Could not read {path}: ")


SPOKEN = st.text(alphabet="abzñß你好ก7'-", min_size=1, max_size=6).filter(lambda text: any(map(str.isalnum, text)))


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    texts = draw(st.lists(SPOKEN, max_size=8))
    words = [
        Word(each / 2, each / 2 + 0.4, text, 0.5, draw(st.sampled_from(["SPEAKER_00", "SPEAKER_01", None])))
        for each, text in enumerate(texts)
    ]
    return Transcript("en", 10.0, gather_utterances(words))


@settings(max_examples=100)
@given(transcript=transcripts())
def test_written_results_can_be_read(transcript: Transcript) -> None:
    for render in (render_json, render_whisperx, render_verbose_json):
        found = read_words(json.loads(render(transcript))).words
        assert [(word.text, word.start, word.end) for word in found] == [
            (word.text, word.start, word.end) for word in transcript.words
        ]
