from __future__ import annotations

import pytest

from oolong_align.formats.names import printed_names
from oolong_align.text.clean import clean_name, clean_text
from oolong_align.types import Speaker, Transcript, Utterance, Word


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Ada", "Ada"),
        ("  Ada \t Lovelace\n", "Ada Lovelace"),
        ("Ada]: forged\r\n\r\n2\n", "Ada): forged 2"),
        ("\x00A\x1bd\x7fa\x85", "Ada"),
        ("Ada\u2028Lovelace\u2029", "Ada Lovelace"),
        ("\u202eadA\u2069\u200b\ufeff", "adA"),
        ("00:00 --> 00:01", "00:00 → 00:01"),
        ("--->", "→"),
        ("\ud800", "\ufffd"),
        ("नमस्\u200dते", "नमस्\u200dते"),
        ("\u200d", ""),
        ("x" * 100, "x" * 59 + "…"),
        ("أدا", "أدا"),
    ],
)
def test_names_are_cleaned(name: str, expected: str) -> None:
    assert clean_name(name) == expected


def test_a_text_is_one_line_without_control_characters() -> None:
    assert clean_text(" a\tb\r\nc\x00\x0b\u2028 d ") == "a b c d"


def transcript(**names: str | None) -> Transcript:
    return Transcript("en", 1.0, (), speakers={label: Speaker(label=label, name=name) for label, name in names.items()})


def test_a_name_that_is_empty_after_cleaning_is_replaced_by_the_label() -> None:
    assert printed_names(transcript(SPEAKER_00="\n", SPEAKER_01=None, SPEAKER_02="")) == {
        "SPEAKER_00": "SPEAKER_00",
        "SPEAKER_01": "SPEAKER_01",
        "SPEAKER_02": "SPEAKER_02",
    }


def test_different_names_that_look_the_same_get_their_labels() -> None:
    assert printed_names(transcript(SPEAKER_00="Ada", SPEAKER_01="A\u200bda", SPEAKER_02="Bob")) == {
        "SPEAKER_00": "Ada (SPEAKER_00)",
        "SPEAKER_01": "Ada (SPEAKER_01)",
        "SPEAKER_02": "Bob",
    }
    assert printed_names(transcript(SPEAKER_00="Ada B", SPEAKER_01="Ada_B"), space="_") == {
        "SPEAKER_00": "Ada_B_(SPEAKER_00)",
        "SPEAKER_01": "Ada_B_(SPEAKER_01)",
    }


def test_two_labels_may_share_one_name() -> None:
    assert set(printed_names(transcript(SPEAKER_00="Ada", SPEAKER_01="Ada")).values()) == {"Ada"}


def test_a_label_that_only_an_utterance_has_is_cleaned() -> None:
    utterance = Utterance(0.0, 1.0, "guest]\n", (Word(0.0, 1.0, "hi"),))
    assert printed_names(Transcript("en", 1.0, (utterance,))) == {"guest]\n": "guest)"}
