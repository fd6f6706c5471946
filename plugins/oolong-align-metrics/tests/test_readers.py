from __future__ import annotations

import json
from math import isnan
from pathlib import Path

import pytest
from oolong_align_metrics import Turn, read_hypothesis, read_rttm, read_stm, read_uem

from oolong_align.errors import InputError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file"


def test_an_rttm_file_with_several_recordings(file: Path) -> None:
    file.write_text(
        ";; comment\nSPKR-INFO a 1 <NA> <NA> <NA> unknown X <NA>\n"
        "SPEAKER a 1 1.5 2 <NA> <NA> X <NA> <NA>\nSPEAKER b 1 0 1 <NA> <NA> X <NA> <NA>\n"
        "SPEAKER a 1 2 0.5 <NA> <NA> Y <NA> <NA>\nSPEAKER a 1 9 0 <NA> <NA> Y <NA> <NA>\n",
        encoding="utf-8-sig",
    )
    assert read_rttm(file) == {"a": (Turn(1.5, 3.5, "X"), Turn(2, 2.5, "Y")), "b": (Turn(0, 1, "X"),)}


def test_two_people_with_the_same_first_name(file: Path) -> None:
    file.write_text("SPEAKER a 1 0 1 <NA> <NA> Ada A <NA> <NA>\nSPEAKER a 1 1 1 <NA> <NA> Ada B <NA> <NA>\n")
    assert read_rttm(file) == {"a": (Turn(0, 1, "Ada A"), Turn(1, 2, "Ada B"))}


def test_an_stm_file_with_comments_labels_and_unscored_ranges(file: Path) -> None:
    file.write_text(
        ';; CATEGORY "0" "" ""\nrec 1 B 3 4 <o,f0,male> Good day\nrec 1 A 0.5 2 Hello  there\n\n'
        "rec 1 B 5 6 IGNORE_TIME_SEGMENT_IN_SCORING\nrec 1 A 7 8\n"
    )
    (turns,) = read_stm(file).values()
    assert turns == (
        Turn(0.5, 2, "A", "Hello  there"),
        Turn(3, 4, "B", "Good day"),
        Turn(5, 6, "B", "IGNORE_TIME_SEGMENT_IN_SCORING"),
        Turn(7, 8, "A", ""),
    )
    assert [turn.is_scored for turn in turns] == [True, True, False, True]


def test_a_uem_file_lists_ranges(file: Path) -> None:
    file.write_text("a 1 0.0 12.5\nb 1 0 1\na 1 20 30\n")
    assert read_uem(file) == {"a": ((0, 12.5), (20, 30)), "b": ((0, 1),)}


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (read_rttm, "SPEAKER a 1 0 1 <NA> <NA>", ":1: Expected 8 fields, found 7"),
        (read_rttm, "\nSPEAKER a 1 0 -1 <NA> <NA> X", ":2: Invalid time '-1'"),
        (read_rttm, "SPEAKER a 1 nan 1 <NA> <NA> X", "Invalid time 'nan'"),
        (read_rttm, "SPEAKER a 1 0 1e999 <NA> <NA> X", "Invalid time '1e999'"),
        (read_stm, "rec 1 A 0", ":1: Expected 5 fields, found 4"),
        (read_stm, "rec 1 A 2 1 hello", ":1: Invalid time range 2 to 1"),
        (read_stm, "rec 1 A one two hello", "Invalid time 'one'"),
        (read_uem, "rec 1 5", "Expected 4 fields, found 3"),
        (read_hypothesis, "", "not valid JSON"),
        (read_hypothesis, "[" * 100_000, "nested too deeply"),
        (read_hypothesis, "[]", "top level must be an object"),
        (read_hypothesis, '{"text": "hello"}', "No list 'segments'"),
        (read_hypothesis, '{"segments": {"words": []}}', "No list 'segments'"),
        (read_hypothesis, '{"segments": [1]}', "expected words or text"),
        (read_hypothesis, '{"segments": [{"words": [{"word": 5}]}]}', "expected a string 'word'"),
        (read_hypothesis, '{"segments": [{"words": [{"word": "a", "start": NaN}]}]}', "NaN is not a JSON number"),
        (
            read_hypothesis,
            '{"segments": [{"words": [{"word": "a", "start": -1}]}]}',
            "Invalid 'start': expected a finite number",
        ),
        (read_hypothesis, '{"segments": [{"words": [{"word": "a", "speaker": 5}]}]}', "Invalid speaker 5"),
        (read_hypothesis, '{"segments": [{"speaker": ["A"], "text": "a"}]}', "Invalid speaker ['A']"),
    ],
)
def test_invalid_files_are_rejected_with_one_line(file: Path, read: object, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        read(file)  # type: ignore[operator]
    assert message in str(caught.value)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("read", [read_rttm, read_stm, read_uem, read_hypothesis])
def test_binary_files_are_rejected(file: Path, read: object) -> None:
    file.write_bytes(b"\xff\xfe\x00\x01" * 100)
    with pytest.raises(InputError, match="not UTF-8"):
        read(file)  # type: ignore[operator]
    with pytest.raises(InputError, match="Could not read"):
        read(file.parent)  # type: ignore[operator]


def test_whisperx_words_without_times_have_the_speaker_of_their_segment(file: Path) -> None:
    """WhisperX omits unknown fields; ``null`` means that the word has no speaker."""
    words = [
        {"word": "In", "start": 0.1, "end": 0.3, "score": 0.9, "speaker": "SPEAKER_01"},
        {"word": "2014", "score": 0.5},
        {"word": " ", "speaker": "SPEAKER_09"},
        {"word": "yes", "start": 1.0, "end": 1.5, "speaker": None},
    ]
    segments = [{"start": 0.1, "end": 1.5, "text": "In 2014 yes", "speaker": "SPEAKER_00", "words": words}]
    file.write_text(json.dumps({"segments": segments, "language": "en", "word_segments": words}))
    hypothesis = read_hypothesis(file)
    assert hypothesis.language == "en"
    assert [(word.text, word.speaker) for word in hypothesis.words] == [
        ("In", "SPEAKER_01"),
        ("2014", "SPEAKER_00"),
        ("yes", None),
    ]
    assert isnan(hypothesis.words[1].start)


def test_segments_without_words_are_spread(file: Path) -> None:
    """As in OpenAI's ``diarized_json``."""
    file.write_text(
        json.dumps({"segments": [{"start": 2, "end": 4, "speaker": "agent", "text": "Hello there"}, {"text": ""}]})
    )
    hypothesis = read_hypothesis(file)
    assert [(word.text, word.speaker) for word in hypothesis.words] == [("Hello", "agent"), ("there", "agent")]
    assert (hypothesis.words[0].start, hypothesis.words[-1].end) == (2, 4)
