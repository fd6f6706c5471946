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
def test_hostile_names(name: str, expected: str) -> None:
    assert clean_name(name) == expected


def test_a_text_is_one_line_without_control_characters() -> None:
    assert clean_text(" a\tb\r\nc\x00\x0b\u2028 d ") == "a b c d"


def transcript(**names: str | None) -> Transcript:
    return Transcript("en", 1.0, (), speakers={label: Speaker(label=label, name=name) for label, name in names.items()})


def test_a_name_of_which_nothing_is_left_gives_way_to_the_label() -> None:
    assert printed_names(transcript(SPEAKER_00="\n", SPEAKER_01=None, SPEAKER_02="")) == {
        "SPEAKER_00": "SPEAKER_00",
        "SPEAKER_01": "SPEAKER_01",
        "SPEAKER_02": "SPEAKER_02",
    }


def test_different_names_that_look_the_same_are_told_apart() -> None:
    assert printed_names(transcript(SPEAKER_00="Ada", SPEAKER_01="A\u200bda", SPEAKER_02="Bob")) == {
        "SPEAKER_00": "Ada (SPEAKER_00)",
        "SPEAKER_01": "Ada (SPEAKER_01)",
        "SPEAKER_02": "Bob",
    }
    assert printed_names(transcript(SPEAKER_00="Ada B", SPEAKER_01="Ada_B"), space="_") == {
        "SPEAKER_00": "Ada_B_(SPEAKER_00)",
        "SPEAKER_01": "Ada_B_(SPEAKER_01)",
    }


def test_one_name_for_two_labels_is_what_the_user_wants() -> None:
    assert set(printed_names(transcript(SPEAKER_00="Ada", SPEAKER_01="Ada")).values()) == {"Ada"}


def test_a_label_that_only_an_utterance_knows_is_cleaned_as_well() -> None:
    utterance = Utterance(0.0, 1.0, "guest]\n", (Word(0.0, 1.0, "hi"),))
    assert printed_names(Transcript("en", 1.0, (utterance,))) == {"guest]\n": "guest)"}
