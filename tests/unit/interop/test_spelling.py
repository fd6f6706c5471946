# ruff: noqa: RUF001 - marks of other scripts
"""The words of a text, and the spaces and punctuation around them."""

from __future__ import annotations

from math import isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oolong_align.interop.spelling import are_words, fit_to_text, split_text, with_spaces
from oolong_align.types import Word, join_words


def words(*texts: str) -> list[Word]:
    return [Word(float(number), number + 0.5, text) for number, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("given_words", "text", "expected"),
    [
        (["Hello", "world"], "Hello, world.", ["Hello,", "world."]),
        (["its", "5", "now"], "«its» $5... now!", ["«its»", "$5...", "now!"]),
        (["你", "好", "世界"], "你好，“世界”。", ["你", "好，", "“世界”。"]),
        (["twenty", "one"], "twenty-one", ["twenty-", "one"]),
        (["Well", "yes"], "- Well - yes …", ["-", "Well", "-", "yes", "…"]),
        (["O'Neill's", "idea"], "O'Neill's idea", ["O'Neill's", "idea"]),
        (["مرحبا", "بكم"], "مرحبا، بكم؟", ["مرحبا،", "بكم؟"]),
        (["नमस्ते"], "नमस्ते।", ["नमस्ते।"]),
        ([], "…", ["…"]),
    ],
)
def test_punctuation_is_restored_from_the_text(given_words: list[str], text: str, expected: list[str]) -> None:
    found = fit_to_text(words(*given_words), text)
    assert found is not None
    assert [word.text for word in found] == expected
    assert join_words(tuple(found)) == text
    assert [isnan(word.start) for word in found] == [not any(map(str.isalnum, each)) for each in expected]


@pytest.mark.parametrize(
    ("given_words", "text"),
    [(["Hello"], "Hello world"), (["world"], "Hello world"), (["he"], "the he"), (["b", "a"], "a b"), (["a"], "")],
)
def test_a_text_with_other_words_is_not_used(given_words: list[str], text: str) -> None:
    assert fit_to_text(words(*given_words), text) is None


def test_the_text_determines_missing_spaces() -> None:
    spaced = with_spaces(words("twenty", "-one", "café", "au", "lait"), " twenty-one café au lait")
    assert [word.leading_space for word in spaced] == [True, False, True, True, True]
    assert join_words(tuple(with_spaces(words("twenty", "one"), "something else"))) == "twenty one"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([" Hello", " world."], True),
        ([" Hello world."], False),
        (["你", "好，", "世界"], True),
        (["今日はとても天気がいいので、", "公園へ行きましょう。"], False),
        ([], True),
    ],
)
def test_words_and_phrases_are_distinguished(texts: list[str], expected: bool) -> None:
    assert are_words(texts) is expected


@given(st.text(alphabet="ab1你ก,.-“”« \n", max_size=30))
def test_words_of_a_text_fit_the_text(text: str) -> None:
    parts = [word for word in split_text(text) if any(map(str.isalnum, word.text))]
    bare = [Word(0.0, 1.0, word.text.strip().strip(",.-“”«")) for word in parts]
    found = fit_to_text(bare, text)
    if found is not None:
        assert "".join(word.text for word in found) == "".join(text.split())
        assert all(isnan(word.start) or word.start == 0.0 for word in found)
    else:
        assert any(not word.text.isalnum() for word in bare) or not bare


def test_a_word_of_white_space_is_a_space() -> None:
    assert fit_to_text([Word(nan, nan, " "), *words("a")], "a") == [Word(0.0, 0.5, "a")]
