# ruff: noqa: RUF001 - marks of other scripts that look like Latin ones
from __future__ import annotations

import pytest

from oolong_align.text.scripts import (
    Gap,
    clusters,
    continuation,
    display_width,
    ends_clause,
    ends_sentence,
    find_gap,
    opens,
    touches,
)


@pytest.mark.parametrize(
    "text",
    [
        *("yes.", "No!", "why?", "ok?!", "“Never.”", "„Ja.“", "»Ja!«", "well…", "No.", "(Yes.)"),
        *(
            "好。",
            "本当？」",
            "是.",
            "네.",
            "نعم؟",
            "ہے۔",
            "جيد.\u200f",
            "है।",
            "है|",
            "॥",
            "Այո։",
            "Այո:",
            "τι;",
            "τι\u037e",
        ),
        *("በለ።", "በለ፡፡", "ဟုတ်။", "ទេ។", "བཟང་།", "จบ๚"),
    ],
)
def test_sentence_ends_of_many_scripts(text: str) -> None:
    assert ends_sentence(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "yes",
            "Dr.",
            "(Dr.",
            "Mrs.”",
            "U.S.",
            "e.g.",
            "z.B.",
            "т.е.",
            "д.",
            "डॉ.",
            "J.",
            "3.5",
            "",
            "”",
            "well,",
            "不",
        ),
        *("one:", "one;", "a|", "β:", "በ፡", "Ինչպե՞ս"),
    ],
)
def test_other_words_do_not_end_a_sentence(text: str) -> None:
    assert not ends_sentence(text)


@pytest.mark.parametrize(
    ("text", "following", "expected"),
    [
        ("etc.", "and", False),
        ("etc.", "And", True),
        ("well…", "“maybe", False),
        ("well...", "Maybe", True),
        ("21.", "října", False),
        ("again.", "here", True),
        ("No.", "5", False),
        ("No.", "Never", True),
        ("25.", "5", True),
        ("What?", "he", True),
        ("はい。", "a", True),
    ],
)
def test_the_next_word_decides_about_a_full_stop(text: str, following: str, expected: bool) -> None:
    assert ends_sentence(text, following) is expected


@pytest.mark.parametrize(
    "text", ["well,", "so:", "但是，", "と、", "و،", "that —", "wait..", "τι·", "ա՝", "ቤት፣", "ខ្ញុំ៖", "ခု၊"]
)
def test_clause_ends(text: str) -> None:
    assert ends_clause(text)


@pytest.mark.parametrize("text", ["well", "Dr.", "U.S.", "በ፡", "好", ""])
def test_other_words_do_not_end_a_clause(text: str) -> None:
    assert not ends_clause(text)


@pytest.mark.parametrize(
    ("previous", "text", "leading_space", "expected"),
    [
        ("twenty", "-one", False, True),
        ("twenty", "one", True, False),
        ("你", "好", False, False),
        ("你", "。", False, True),
        ("你", "，好", False, True),
        ("你", "！」", False, True),
        ("天", "……", False, True),
        ("三", "％", False, True),
        ("「", "你", False, True),
        ("か", "っ", False, True),
        ("quoi", "?", True, True),
        ("dit", "“yes", True, False),
        ("版", "v2", False, False),
        ("ไทย", "ๆ", False, True),
        ("ก", "า", False, True),
        ("เ", "ด็ก", False, True),
        ("มา", "ก", False, False),
        ("မြ", "န်", False, True),
        ("", "one", False, False),
    ],
)
def test_words_that_touch(previous: str, text: str, leading_space: bool, expected: bool) -> None:
    assert touches(previous, text, leading_space=leading_space) is expected


@pytest.mark.parametrize(
    ("previous", "text", "leading_space", "expected"),
    [
        ("3.", "5", False, Gap.TOUCHING),
        ("well", "then", True, Gap.WORD),
        ("well,", "then", True, Gap.CLAUSE),
        ("well...", "then", True, Gap.CLAUSE),
        ("well.", "Then", True, Gap.SENTENCE),
        ("ครับ", "วัน", False, Gap.WORD),
        ("ครับ", "วัน", True, Gap.CLAUSE),
        ("吃饭。", "好", False, Gap.SENTENCE),
    ],
)
def test_gaps_between_words(previous: str, text: str, leading_space: bool, expected: Gap) -> None:
    assert find_gap(previous, text, leading_space=leading_space) == expected


@pytest.mark.parametrize(
    ("previous", "mark", "text", "expected"),
    [
        ("他、", "“", "好", True),
        ("好", "”", "他", False),
        ("", "「", "はい", True),
        ("Ja", "“", " und", False),
        ("for", " $", "5", True),
        ("5", " €", " and", False),
        ("well", "...", " no", False),
        ("です", " ？", "はい", False),
        ("end", " (", "", False),
    ],
)
def test_opening_marks(previous: str, mark: str, text: str, expected: bool) -> None:
    assert opens(previous, mark, text) is expected


@pytest.mark.parametrize(
    ("previous", "text", "expected"),
    [
        ("ท", "ี่ย", 2),
        ("ก", "ำ", 1),
        ("ក", "្រុម", 3),
        ("က", "ာ", 1),
        ("e", "\u0301t", 1),
        ("👍", "🏽 yes", 1),
        ("👨\u200d", "👩\u200d👧!", 3),
        ("🇩", "🇪🇫🇷", 1),
        ("🇩🇪", "🇫🇷", 0),
        ("ᄒ", "ᅡᆫ글", 2),
        ("word", "\u200b", 1),
        ("a", "b", 0),
        ("", "\u0301", 0),
    ],
)
def test_characters_that_continue_the_previous_text(previous: str, text: str, expected: int) -> None:
    assert continuation(previous, text) == expected


def test_clusters_are_perceived_characters() -> None:
    assert clusters("क्षि🇩🇪👨‍👩‍👧éနိုင်") == ["क्षि", "🇩🇪", "👨‍👩‍👧", "é", "နို", "င်"]


def test_wide_characters_need_two_columns_and_all_others_one() -> None:
    assert display_width("abc") == 3
    assert display_width("你好!") == 5
    assert display_width("हिन्दी") == len("हिन्दी")
