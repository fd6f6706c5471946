# ruff: noqa: RUF001 - Chinese marks

from __future__ import annotations

from math import inf, isnan, nan
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from oolong_align import align
from oolong_align.errors import InputError
from oolong_align.interop import read_words
from oolong_align.types import Diarization, DiarizeSegment, SpeakerSegment, Word, Words, join_words

TWO_SPEAKERS = Diarization(
    segments=(SpeakerSegment(0.0, 1.0, 0), SpeakerSegment(1.0, 3.0, 1)),
    turns=(DiarizeSegment(0.0, 1.0, 0), DiarizeSegment(1.0, 3.0, 1)),
    speech=(),
    duration=3.0,
)
EXPECTED = (Word(0.0, 0.5, "Hello", 0.5), Word(0.5, 1.0, "there.", 0.5), Word(1.5, 2.0, "Hi.", 0.5))


def word_of(word: Word, /, **changes: Any) -> dict[str, Any]:
    fields = {"word": f" {word.text}", "start": word.start, "end": word.end, "probability": word.probability}
    return {name: value for name, value in (fields | changes).items() if value is not None}


def result_of(*segments: dict[str, Any], language: str = "en") -> dict[str, Any]:
    return {"segments": list(segments), "language": language}


def one_word(**changes: Any) -> dict[str, Any]:
    return result_of({"start": 0.0, "end": 1.0, "text": " Hello", "words": [word_of(EXPECTED[0], **changes)]})


SEGMENTS = [SimpleNamespace(start=0.0, end=2.0, text="", words=[SimpleNamespace(**word_of(w)) for w in EXPECTED])]
OF_WHISPER = result_of({"words": [word_of(w) for w in EXPECTED[:2]]}, {"words": [word_of(EXPECTED[2])]})
OF_WHISPERX = result_of({"words": [word_of(w, word=w.text, probability=None, score=0.5) for w in EXPECTED]})


@pytest.mark.parametrize(
    ("recognised", "language"),
    [
        (Words("en", EXPECTED), "en"),
        (list(EXPECTED), ""),
        (EXPECTED[:], ""),
        (SEGMENTS, ""),
        ((segment for segment in SEGMENTS), ""),
        ((iter(SEGMENTS), SimpleNamespace(language="de")), "de"),
        (OF_WHISPER, "en"),
        (OF_WHISPERX, "en"),
        ({"segments": OF_WHISPER["segments"], "language": None}, ""),
    ],
)
def test_words_of_many_recognisers(recognised: Any, language: str) -> None:
    transcript = align(recognised, TWO_SPEAKERS)
    assert transcript.language == language
    assert [(u.speaker, u.text) for u in transcript.utterances] == [
        ("SPEAKER_00", "Hello there."),
        ("SPEAKER_01", "Hi."),
    ]
    assert [(w.start, w.end, w.probability) for w in transcript.words] == [
        (w.start, w.end, w.probability) for w in EXPECTED
    ]


def test_faster_whispers_own_records() -> None:
    transcribe = pytest.importorskip("faster_whisper.transcribe")
    words = [transcribe.Word(np.float64(w.start), np.float32(w.end), f" {w.text}", np.float64(0.5)) for w in EXPECTED]
    segment = transcribe.Segment(1, 0, 0.0, 2.0, "", [], -0.1, 1.0, 0.1, words, 0.0)
    assert read_words([segment]).words == EXPECTED


def test_results_without_words() -> None:
    nothing: tuple[Any, ...] = ((), [], iter(()), {"segments": []}, result_of({"words": []}), result_of({"text": ""}))
    for recognised in (*nothing, result_of({"words": [{"word": " ", "start": 0, "end": 1}]})):
        assert align(recognised, TWO_SPEAKERS).words == ()


def test_words_without_times_are_kept() -> None:
    words = read_words(
        result_of(
            {
                "start": 0.0,
                "end": 3.0,
                "words": [{"word": "in"}, {"word": "1984", "start": None}, {"word": "we", "start": 2.0, "end": 2.2}],
            }
        )
    )
    assert [word.text for word in words.words] == ["in", "1984", "we"]
    assert [isnan(word.start) for word in words.words] == [True, True, False]
    timed = align(words, TWO_SPEAKERS).words
    assert 0 <= timed[0].start <= timed[1].start < timed[1].end <= timed[2].start


def test_words_of_a_segment_without_word_times_are_spread() -> None:
    for segment in (
        {"text": " We are here"},
        {"text": "We are here", "words": None},
        {"text": "We are here", "words": []},
        {"words": [{"word": " We"}, {"word": " are"}, {"word": " here"}]},
    ):
        words = read_words(result_of({"start": 1.0, "end": 2.8} | segment)).words
        assert [(word.text, word.leading_space) for word in words] == [("We", True), ("are", True), ("here", True)]
        assert [word.start for word in words] == pytest.approx([1.0, 1.4, 2.0])
        assert words[-1].end == pytest.approx(2.8)
    assert all(isnan(word.start) for word in read_words(result_of({"text": "We are"})).words)
    assert all(isnan(word.start) for word in read_words(result_of({"start": 2, "end": 1, "text": "We are"})).words)


@pytest.mark.parametrize(
    ("texts", "flags"),
    [
        ([" twenty", "-one", " it"], [True, False, True]),
        (["twenty", "one", "."], [True, True, False]),
        (["你", "好", "Anna", "吗", "？"], [False] * 5),
        (["안녕", "하세요"], [True, True]),
        ([" สวัสดี", "ครับ", " ", "ขอบคุณ", " "], [True, False, True]),
    ],
)
def test_spaces_come_from_the_text_or_the_script(texts: list[str], flags: list[bool]) -> None:
    words = read_words(result_of({"words": [{"word": text, "start": 1, "end": 2} for text in texts]})).words
    assert [word.leading_space for word in words] == flags


def test_words_with_and_without_white_space_in_one_result() -> None:
    words = read_words(result_of({"text": " Oh, yes."}, {"words": [{"word": "It"}, {"word": "is."}]})).words
    assert join_words(words) == "Oh, yes. It is."


@pytest.mark.parametrize(
    "text", ["你好，世界。", "用Python写「代码」吗？", "สวัสดีครับ ขอบคุณ", "Well, it - is.", "Quoi ? « Oui »"]
)
def test_text_is_split_without_a_change(text: str) -> None:
    words = read_words(result_of({"start": 0, "end": 5, "text": text})).words
    assert len(words) > 1
    assert join_words(words) == text
    assert sum(word.end - word.start for word in words) == pytest.approx(5)


@pytest.mark.parametrize("time", [nan, inf, -0.1, "1.0", True, [1], 10**400, 1j])
def test_invalid_times_and_probabilities(time: Any) -> None:
    for field in ("start", "end", "probability", "score"):
        with pytest.raises(InputError, match=f"Invalid '{field}': expected a finite number from 0"):
            read_words(one_word(**({"probability": None} | {field: time})))
    with pytest.raises(InputError, match="Invalid 'end': expected a finite number"):
        read_words(result_of({"start": 0, "end": time, "text": "Hello"}))


@pytest.mark.parametrize(
    "recognised",
    [
        *(None, 5, "hello", b"hello", [5], ["hello"], np.zeros(3), {}, {"text": "hello"}),
        *({"segments": None}, {"segments": {}}, {"segments": "hello"}, {"segments": [[]]}, [{"start": 0, "end": 1}]),
        *({"segments": [], "language": 5}, result_of({"words": "hello"}), result_of({"words": 5})),
        *(result_of({"words": [{"start": 0}]}), result_of({"words": ["hello"]}), one_word(word=5)),
        *([EXPECTED[0], OF_WHISPER["segments"][0]], Words("en", ("hello",)), Words("en", 5)),  # type: ignore[arg-type]
        result_of({"words": [EXPECTED[0]]}),
    ],
)
def test_other_values_are_an_error(recognised: Any) -> None:
    with pytest.raises(InputError, match="Pass Words, a sequence of Word, a faster-whisper result, or a dict with"):
        align(recognised, TWO_SPEAKERS)


def test_word_records_can_lack_times_but_not_have_strings() -> None:
    own = Words("en", (Word(nan, -1.0, "Hello"), Word(None, None, "there")))  # type: ignore[arg-type]
    assert read_words(own) == own
    for field in ({"start": "1.0"}, {"end": [1]}, {"probability": "high"}):
        word = Word(**({"start": 0.0, "end": 1.0, "text": "Hello"} | field))  # type: ignore[arg-type]
        with pytest.raises(InputError, match="Invalid word 'Hello': times and probability must be numbers"):
            align([word], TWO_SPEAKERS)


def test_messages_are_one_short_line() -> None:
    with pytest.raises(InputError) as caught:
        read_words(result_of({"start": 0, "end": 1, "tokens": ["a\nb" * 1000] * 1000}))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
