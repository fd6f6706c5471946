from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oolong_align_metrics import normalise


def tokens(text: str, language: str = "en") -> list[str]:
    return [token for token, _ in normalise(text.split(), language)]


@pytest.mark.parametrize(
    ("written", "recognised"),
    [
        ("TWENTY BOOKS", "20 books."),
        ("twenty one", "Twenty-one"),
        ("NINETEEN EIGHTY FOUR", "1984"),
        ("I WON'T, IT'S MINE", "I will not; it is mine!"),
        ("um so uh yes", "So, yes."),
        ("my favourite colour", "My favorite color"),
        ("mister Smith", "Mr. Smith"),
        ("don\u2019t", "don't"),
        ("hello [laughs] there", "Hello there."),
    ],
)
def test_different_spellings_are_equal(written: str, recognised: str) -> None:
    assert tokens(written) == tokens(recognised)


def test_a_number_is_not_read_over_the_end_of_a_sentence() -> None:
    assert tokens("I have twenty. One is red.") != tokens("I have twenty one is red.")


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Um fünf Uhr, bitte!", "de", ["um", "fünf", "uhr", "bitte"]),
        ("你好\uff0c世界。", "zh", ["你", "好", "世", "界"]),
        ("iPhone手机", "zh", ["iphone", "手", "机"]),
        ("नमस्ते दुनिया!", "hi", ["नमस्ते", "दुनिया"]),
        ("नमस्ते, my friend", "en", ["नमस्ते", "my", "friend"]),
        ("สวัสดี", "th", ["ส", "วั", "ส", "ดี"]),
        ("السلام عليكم؟", "ar", ["السلام", "عليكم"]),
        ("ﬁn d'été", "fr", ["fin", "d", "été"]),
        ("NEVER mind", "", ["never", "mind"]),
    ],
)
def test_other_languages_keep_their_letters(text: str, language: str, expected: list[str]) -> None:
    assert tokens(text, language) == expected


def test_tokens_have_the_index_of_their_word() -> None:
    assert normalise(["It's", "twenty", "one", "-", "um", "now."], "en") == [
        ("it", 0),
        ("is", 0),
        ("21", 1),
        ("now", 5),
    ]


@given(st.lists(st.text(max_size=6) | st.sampled_from(["twenty", "one", "$5", "it's", "um", "(", "0.5"]), max_size=12))
def test_tokens_of_any_text_are_ordered_and_have_no_white_space(words: list[str]) -> None:
    for language in ("en", "zh"):
        found = normalise(words, language)
        assert all(token and len(token.split()) == 1 for token, _ in found)
        places = [index for _, index in found]
        assert places == sorted(places)
        assert not places or (places[0] >= 0 and places[-1] < len(words))
