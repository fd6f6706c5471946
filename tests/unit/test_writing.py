# ruff: noqa: RUF001 - the marks of other scripts look like Latin ones on purpose
from __future__ import annotations

import pytest

from oolong_align.writing import display_width, ends_clause, ends_sentence, touches


@pytest.mark.parametrize(
    "text", ["yes.", "No!", "why?", "“Never.”", "好。", "本当？」", "نعم؟", "ہے۔", "है।", "Այո։", "well…", "No."]
)
def test_sentence_ends_of_many_scripts(text: str) -> None:
    assert ends_sentence(text)


@pytest.mark.parametrize("text", ["yes", "Dr.", "U.S.", "J.", "3.5", "", "”", "well,", "不"])
def test_what_does_not_end_a_sentence(text: str) -> None:
    assert not ends_sentence(text)


@pytest.mark.parametrize("text", ["well,", "so:", "但是，", "و،", "that —"])
def test_clause_ends(text: str) -> None:
    assert ends_clause(text)


@pytest.mark.parametrize(
    ("previous", "text", "leading_space", "expected"),
    [
        ("twenty", "-one", False, True),
        ("twenty", "one", True, False),
        ("你", "好", False, False),
        ("你", "。", False, True),
        ("か", "っ", False, True),
        ("quoi", "?", True, True),
        ("版", "v2", False, False),
        ("", "one", False, False),
    ],
)
def test_words_that_touch(previous: str, text: str, leading_space: bool, expected: bool) -> None:
    assert touches(previous, text, leading_space=leading_space) is expected


def test_wide_characters_take_two_columns_and_no_text_is_narrower_than_its_length() -> None:
    assert display_width("abc") == 3
    assert display_width("你好!") == 5
    assert display_width("हिन्दी") == len("हिन्दी")
