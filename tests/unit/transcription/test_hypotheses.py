from __future__ import annotations

from types import SimpleNamespace

import pytest

from oolong_align.transcription.clips import Clip
from oolong_align.transcription.hypotheses import (
    Hypothesis,
    Token,
    left_out,
    make_hypothesis,
    to_words,
    without_overlap,
)
from oolong_align.types import Word, join_words

S = 16000
MINUTE = Clip(((0, 60 * S),))


def tokens(*texts: str) -> list[Token]:
    return [Token(float(second), second + 0.8, text, 0.9) for second, text in enumerate(texts)]


def texts_of(*texts: str, joined: bool = False) -> list[tuple[bool, str]]:
    return [(word.leading_space, word.text) for word in to_words(MINUTE, tokens(*texts), joined=joined)]


def test_white_space_before_a_word_becomes_a_flag() -> None:
    assert texts_of(" Hello", " world.") == [(True, "Hello"), (True, "world.")]
    assert texts_of("你", "好", "。") == [(False, "你"), (False, "好。")]


def test_marks_belong_to_the_previous_word() -> None:
    assert texts_of(" 5", " %", " of", " -", " it", "...") == [(True, "5 %"), (True, "of -"), (True, "it...")]
    assert texts_of("...", " -", " So") == [(True, "So")]
    assert texts_of(" ♪", " ...", " ") == []


def test_opening_marks_belong_to_the_next_word() -> None:
    assert texts_of("他", "、", "“", "好", "”", "。") == [(False, "他、"), (False, "“好”。")]
    assert texts_of("「", "はい", "」") == [(False, "「はい」")]
    assert texts_of(" for", " $", "5", " (", "x", ")") == [(True, "for"), (True, "$5"), (True, "(x)")]
    assert texts_of(" „", "Ja", "“", " und") == [(True, "„Ja“"), (True, "und")]
    assert texts_of(" dit", " «", " oui", " »") == [(True, "dit"), (True, "« oui »")]
    assert texts_of(" open", " (") == [(True, "open (")]


def test_isolated_white_space_precedes_the_next_word() -> None:
    assert texts_of(" คร", "ั", "บ", " ", "ว", "ั", "น", " ") == [
        (True, "ครั"),
        (False, "บ"),
        (True, "วั"),
        (False, "น"),
    ]


def test_a_mark_does_not_lengthen_its_word() -> None:
    (alone,) = to_words(MINUTE, tokens(" Yes"), joined=False)
    (word,) = to_words(MINUTE, tokens(" Yes", "."), joined=False)
    assert (word.start, word.end) == (alone.start, alone.end)


def test_a_word_is_extended_but_not_into_the_next_word_or_removed_silence() -> None:
    clip = Clip(((0, 2 * S), (5 * S, 6 * S)))
    found = [Token(0.0, 0.5, " one", 0.9), Token(0.6, 1.0, " two", 0.9), Token(1.5, 1.9, " three", 0.9)]
    found += [Token(2.1, 2.5, " four", 0.9)]
    words = to_words(clip, found, joined=False)
    assert [word.start for word in words] == pytest.approx([0.0, 0.6, 1.5, 5.1])
    assert [word.end for word in words] == pytest.approx([0.6, 1.15, 2.0, 5.65])


def test_foreign_words_in_a_script_without_spaces_are_joined() -> None:
    assert texts_of("我", "在", " Hal", "lel", "u", "jah", "里", "35", "7") == [
        (False, "我"),
        (False, "在"),
        (True, "Hallelujah"),
        (False, "里"),
        (False, "357"),
    ]
    assert texts_of(" twenty", "-one") == [(True, "twenty"), (False, "-one")]


def test_translated_words_are_joined() -> None:
    found = texts_of("I", " don", "'t", " know", ".", joined=True)
    assert found == [(False, "I"), (True, "don't"), (True, "know.")]


def test_broken_characters_are_dropped() -> None:
    assert texts_of(" na\ufffdme", "\ufffd", " x") == [(True, "name"), (True, "x")]


def test_the_text_of_whisper_is_kept() -> None:
    for text in (" Well, 5 % of it - that's all!", "それは、いいですね。"):
        texts = [" " + word for word in text.split()] if " " in text else list(text)
        assert join_words(tuple(to_words(MINUTE, tokens(*texts), joined=False))) == text.strip()


def test_speech_without_words_is_found() -> None:
    clip = Clip(((10 * S, 20 * S), (30 * S, 40 * S)))
    tokens_of_clip = [Token(2.0, 3.0, " a", 1.0), Token(4.4, 5.0, " b", 1.0), Token(8.5, 12.0, " c", 1.0)]
    assert [part.parts for part in left_out(clip, tokens_of_clip)] == [
        ((10 * S, 12 * S),),
        ((15 * S, round(18.5 * S)),),
        ((32 * S, 40 * S),),
    ]
    assert left_out(clip, []) == [clip]
    assert left_out(clip, [Token(0.0, 25.0, " long", 1.0)]) == []


def test_words_recognised_twice_do_not_overlap_and_are_sorted() -> None:
    words = [Word(2.0, 3.0, "b"), Word(0.0, 1.5, "a"), Word(1.25, 1.5, "x")]
    assert [(w.start, w.end, w.text) for w in without_overlap(words)] == [
        (0.0, 1.25, "a"),
        (1.25, 1.5, "x"),
        (2.0, 3.0, "b"),
    ]
    assert without_overlap([]) == ()


def segment(text: str, *, log_probability: float = -0.3, no_speech: float = 0.1, compression: float = 1.0) -> object:
    words = [
        SimpleNamespace(start=30 + at, end=30.5 + at, word=f" {word}", probability=1.1)
        for at, word in enumerate(text.split())
    ]
    return SimpleNamespace(
        text=f" {text}",
        words=words,
        avg_logprob=log_probability,
        no_speech_prob=no_speech,
        compression_ratio=compression,
    )


def test_segments_are_combined_with_times_in_the_clip() -> None:
    hypothesis = make_hypothesis([segment("We know"), segment("it.")], 30)
    assert [(token.start, token.text) for token in hypothesis.tokens] == [(0, " We"), (1, " know"), (0, " it.")]
    assert {token.probability for token in hypothesis.tokens} == {1.0}
    assert hypothesis.is_likely
    assert not (hypothesis.is_repetitive or hypothesis.is_silence)
    assert make_hypothesis([], 30) == Hypothesis()


@pytest.mark.parametrize(
    "segments",
    [[segment("no " * 60)], [segment("No.") for _ in range(60)], [segment("Well"), segment("7", compression=4)]],
)
def test_repetition_is_detected_in_and_across_segments(segments: list[object]) -> None:
    assert make_hypothesis(segments, 30).is_repetitive


@pytest.mark.parametrize(
    ("log_probability", "no_speech", "silence"), [(-1.2, 0.7, True), (-0.9, 0.9, False), (-1.2, 0.5, False)]
)
def test_silence_by_whispers_own_rule(log_probability: float, no_speech: float, silence: bool) -> None:
    assert (
        make_hypothesis([segment("Hm", log_probability=log_probability, no_speech=no_speech)], 30).is_silence is silence
    )
