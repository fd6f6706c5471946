from __future__ import annotations

from math import nan

import numpy as np
import pytest
from fakes import FakeEvidence
from hypothesis import given, settings
from hypothesis import strategies as st

from oolong_align import align
from oolong_align.alignment.word_times import longest_plausible_s
from oolong_align.types import Diarization, DiarizeSegment, SpeakerSegment, SpeechRange, Word, Words

TIMES = st.floats(-2, 40) | st.just(nan) | st.integers(0, 40).map(float)
TEXTS = st.sampled_from(["yes.", "no", "well,", "1984", "你好", "。", "", "-one", "tā", "नमस्ते।"]) | st.text(max_size=6)
WORDS = st.lists(
    st.builds(
        Word,
        start=TIMES,
        end=TIMES,
        text=TEXTS,
        probability=st.none() | st.floats(0, 1) | st.just(nan),
        leading_space=st.booleans(),
    ),
    max_size=40,
)


EVIDENCE = FakeEvidence(lambda middle: {speaker: float(np.cos(middle * 7 + speaker)) for speaker in range(5)})


@st.composite
def diarizations(draw: st.DrawFn) -> Diarization:
    spans = st.tuples(st.floats(0, 30), st.floats(0, 8), st.integers(0, 3))
    turns = sorted((start, start + length, speaker) for start, length, speaker in draw(st.lists(spans, max_size=12)))
    exclusive: list[tuple[float, float, int]] = []
    for start, end, speaker in turns:
        first = max(start, exclusive[-1][1]) if exclusive else start
        if first < end:
            exclusive.append((first, end, speaker))
    return Diarization(
        segments=tuple(SpeakerSegment(*turn) for turn in exclusive),
        turns=tuple(DiarizeSegment(*turn) for turn in turns),
        speech=tuple(SpeechRange(start, end) for start, end, _ in exclusive),
        duration=draw(st.sampled_from([0.0, 20.0, 40.0])),
        voice=draw(st.sampled_from([None, EVIDENCE])),
    )


@settings(max_examples=60)
@given(words=WORDS, diarization=diarizations())
def test_alignment_keeps_words_and_orders_times(words: list[Word], diarization: Diarization) -> None:
    given_words = Words("en", tuple(words))
    transcript = align(given_words, diarization)
    found = transcript.words

    assert [(word.text, word.leading_space) for word in found] == [(word.text, word.leading_space) for word in words]
    edges = [time for word in found for time in (word.start, word.end)]
    assert edges == sorted(edges)
    assert all(0 <= time <= (diarization.duration or np.inf) for time in edges)
    assert all(word.end - word.start <= longest_plausible_s(word.text) + 1e-6 for word in found)
    assert transcript == align(given_words, diarization)


@settings(max_examples=60)
@given(words=WORDS, diarization=diarizations())
def test_speakers_exist_are_near_and_have_a_confidence(words: list[Word], diarization: Diarization) -> None:
    transcript = align(Words("en", tuple(words)), diarization)
    for word in transcript.words:
        distances = [
            max(turn.start - word.end, word.start - turn.end) for turn in diarization.turns if turn.start < turn.end
        ]
        is_far = min(distances, default=np.inf) > 1.5
        assert (word.speaker is None) == is_far
        assert (word.speaker_confidence is None) == (is_far or word.estimated)
        assert is_far or word.estimated or 0 <= word.speaker_confidence <= 1  # type: ignore[operator]
        assert word.speaker is None or word.speaker in transcript.speakers
    assert sum(speaker.words for speaker in transcript.speakers.values()) == sum(
        word.speaker is not None for word in transcript.words
    )


@settings(max_examples=40)
@given(words=WORDS, diarization=diarizations())
def test_rules_differ_in_speakers_only(words: list[Word], diarization: Diarization) -> None:
    given_words = Words("en", tuple(words))
    plain, default = (align(given_words, diarization, rule=rule).words for rule in ("overlap", "voice"))
    assert [(word.start, word.end, word.text, word.overlap) for word in plain] == [
        (word.start, word.end, word.text, word.overlap) for word in default
    ]
    for word in plain:
        overlaps = {
            f"SPEAKER_{turn.speaker_id:02d}": min(turn.end, word.end) - max(turn.start, word.start)
            for turn in sorted(
                diarization.turns, key=lambda turn: min(turn.end, word.end) - max(turn.start, word.start)
            )
        }
        assert word.speaker is None or overlaps[word.speaker] > -1e-9
        assert word.speaker is not None or max(overlaps.values(), default=0.0) < 1e-9


@pytest.mark.filterwarnings("ignore:.* have no timestamps")
@settings(max_examples=40)
@given(words=WORDS, diarization=diarizations())
def test_aligning_twice_changes_nothing(words: list[Word], diarization: Diarization) -> None:
    once = align(Words("en", tuple(words)), diarization)
    twice = align(Words("en", once.words), diarization)
    before, after = ([time for word in t.words for time in (word.start, word.end)] for t in (once, twice))
    np.testing.assert_allclose(before, after, atol=1e-9)


@settings(max_examples=40)
@given(words=WORDS, diarization=diarizations())
def test_utterances_have_one_speaker_and_the_times_of_their_words(words: list[Word], diarization: Diarization) -> None:
    for utterance in align(Words("en", tuple(words)), diarization).utterances:
        assert {word.speaker for word in utterance.words} == {utterance.speaker}
        assert (utterance.start, utterance.end) == (utterance.words[0].start, utterance.words[-1].end)
