"""Words of segments without word times are spread over speech and marked as estimated."""

from __future__ import annotations

import json
from itertools import pairwise
from math import isnan, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oolong_align import align
from oolong_align.errors import OolongWarning
from oolong_align.formats import read_json, render_json
from oolong_align.interop import read_words
from oolong_align.timing.timeline import Timeline
from oolong_align.types import Diarization, DiarizeSegment, SpeakerSegment, SpeechRange, Word, Words

PAUSE = Diarization(
    segments=(SpeakerSegment(1.0, 3.0, 0), SpeakerSegment(6.0, 8.0, 1)),
    turns=(DiarizeSegment(1.0, 3.0, 0), DiarizeSegment(6.0, 8.0, 1)),
    speech=(SpeechRange(1.0, 3.0), SpeechRange(6.0, 8.0)),
    duration=10.0,
)
SPEECH = Timeline([(1.0, 3.0), (6.0, 8.0)])


def said(text: str, start: float | None = 0.0, end: float | None = 10.0) -> dict[str, Any]:
    return {"segments": [{"start": start, "end": end, "text": text}]}


def test_words_are_spread_over_speech_by_length() -> None:
    words = read_words(said("aaaa bbbb cccc dddd"), speech=SPEECH).words
    assert [(word.start, word.end) for word in words] == [(1.0, 2.0), (2.0, 3.0), (6.0, 7.0), (7.0, 8.0)]
    assert all(word.estimated for word in words)


def test_a_word_across_a_pause_stays_on_one_side() -> None:
    words = read_words(said("aaaaaa bbbbbbbb cc"), speech=SPEECH).words
    assert [(word.start, word.end) for word in words] == [(1.0, 2.5), (6.0, 7.5), (7.5, 8.0)]


@pytest.mark.parametrize(("start", "end"), [(0.8, 6.3), (1.0, 3.0)])
def test_a_short_part_of_the_next_segments_speech_is_not_used(start: float, end: float) -> None:
    words = read_words(said("aaaa bbbb", start, end), speech=SPEECH).words
    assert (words[0].start, words[-1].end) == (1.0, 3.0)


@pytest.mark.parametrize("speech", [None, Timeline([]), Timeline([(4.0, 4.1)])])
def test_without_enough_speech_the_whole_segment_is_used(speech: Timeline | None) -> None:
    words = read_words(said("aaaa bbbb"), speech=speech).words
    assert [(word.start, word.end) for word in words] == [(0.0, 5.0), (5.0, 10.0)]


def test_a_segment_without_an_end_continues_to_the_next() -> None:
    document = {"segments": [{"start": 1.0, "text": "aaaa bbbb"}, {"start": 3.0, "end": None, "text": "cccc dddd"}]}
    words = read_words(document).words
    assert [word.start for word in words[:3]] == [1.0, 2.0, 3.0]
    assert isnan(words[3].start)


def test_alignment_warns_and_has_no_confidence() -> None:
    with pytest.warns(OolongWarning, match="^4 of 4 words have no timestamps"):
        transcript = align(said("aaaa bbbb cccc dddd"), PAUSE)
    assert [word.speaker for word in transcript.words] == ["SPEAKER_00"] * 2 + ["SPEAKER_01"] * 2
    assert all(word.estimated and word.speaker_confidence is None for word in transcript.words)
    text = render_json(transcript)
    assert json.loads(text)["word_segments"][0]["estimated"] is True
    assert render_json(read_json(text)) == text
    assert read_json(text).words[0].estimated


def test_a_single_word_without_times_is_marked_without_a_warning() -> None:
    transcript = align(Words("en", (Word(1.0, 1.5, "in"), Word(nan, nan, "1984"), Word(2.5, 2.8, "we"))), PAUSE)
    assert [word.estimated for word in transcript.words] == [False, True, False]
    assert [word.speaker_confidence is None for word in transcript.words] == [False, True, False]
    assert "estimated" not in json.loads(render_json(transcript))["word_segments"][0]


@given(
    text=st.text(alphabet="ab 你", min_size=1, max_size=40),
    spans=st.lists(st.tuples(st.floats(0, 20), st.floats(0, 20)), max_size=5),
    start=st.floats(0, 10),
    length=st.floats(0, 10),
)
def test_words_stay_in_order_and_inside_the_segment(
    text: str, spans: list[tuple[float, float]], start: float, length: float
) -> None:
    words = read_words(said(text, start, start + length), speech=Timeline(spans)).words
    times = [time for word in words for time in (word.start, word.end)]
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(times))
    assert all(start - 1e-9 <= time <= start + length + 1e-9 for time in times)


def test_a_long_segment_is_spread_quickly() -> None:
    """20,000 words over 10,000 speech ranges: the cost is linear, not their product."""
    speech = Timeline([(each, each + 0.5) for each in range(10_000)])
    words = read_words(said("word " * 20_000, 0.0, 10_000.0), speech=speech).words
    assert len(words) == 20_000
    assert words[-1].end == pytest.approx(9999.5)
