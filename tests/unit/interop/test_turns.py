"""Turns from RTTM files of other diarizers."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oolong_align.errors import InputError
from oolong_align.formats import render_rttm
from oolong_align.interop.turns import ForeignTurns, read_rttm
from oolong_align.plugin.contract import validate_diarization
from oolong_align.types import Transcript


def line(start: object, length: object, speaker: str, recording: str = "meeting") -> str:
    return f"SPEAKER {recording} 1 {start} {length} <NA> <NA> {speaker} <NA> <NA>\n"


@pytest.fixture
def rttm(tmp_path: Path) -> Path:
    return tmp_path / "theirs.rttm"


def test_turns_overlap_and_segments_do_not(rttm: Path) -> None:
    rttm.write_text(
        ";; a comment\n\n" + line(0, 10, "Ada") + line(4, 1, "Bob") + line(12, 2, "Bob") + line(13, 0, "Eve")
    )
    turns = read_rttm(rttm)
    result = turns.diarization()
    assert dict(turns.names) == {0: "Ada", 1: "Bob"}
    assert [(each.start, each.end, each.speaker_id) for each in result.turns] == [(0, 10, 0), (4, 5, 1), (12, 14, 1)]
    assert [(each.start, each.end, each.speaker_id, each.is_overlap) for each in result.segments] == [
        (0, 4, 0, False),
        (4, 5, 1, True),
        (5, 10, 0, False),
        (12, 14, 1, False),
    ]
    assert [(each.start, each.end) for each in result.speech] == [(0, 10), (12, 14)]
    assert (result.duration, result.voice, len(result.embeddings)) == (14, None, 0)


def test_labels_of_this_package_keep_their_numbers(rttm: Path) -> None:
    rttm.write_text(line(0, 1, "SPEAKER_01") + line(2, 1, "SPEAKER_00"))
    assert dict(read_rttm(rttm).names) == {1: "SPEAKER_01", 0: "SPEAKER_00"}
    rttm.write_text(line(0, 1, "SPEAKER_01") + line(2, 1, "SPEAKER_001"))
    assert dict(read_rttm(rttm).names) == {1: "SPEAKER_01", 0: "SPEAKER_001"}
    rttm.write_text(line(0, 1, "Ada") + line(1, 1, "SPEAKER_01") + line(2, 1, "SPEAKER_00") + line(3, 1, "Bob"))
    assert dict(read_rttm(rttm).names) == {2: "Ada", 1: "SPEAKER_01", 0: "SPEAKER_00", 3: "Bob"}


@pytest.mark.parametrize(
    ("end", "name"),
    [
        ("Ada Lovelace <NA> <NA>", "Ada Lovelace"),
        ("Ada\u00a0Lovelace <NA> <NA>", "Ada Lovelace"),
        ("Ada Lovelace <NA>", "Ada Lovelace"),
        ("Ada Lovelace", "Ada Lovelace"),
        ("Ada Lovelace 0.93 <NA>", "Ada Lovelace"),
        ("Speaker 1 <NA> <NA>", "Speaker 1"),
        ("Ada 1 <NA>", "Ada"),  # a confidence
        ("Ada 9.5e-1 12.0", "Ada"),
        ("7 <NA> <NA>", "7"),
        ("<NA> <NA> <NA>", "<NA>"),
        ("Ada_Lovelace <NA> <NA>", "Ada_Lovelace"),
    ],
)
def test_names_of_several_words_stay_whole(end: str, name: str, rttm: Path) -> None:
    rttm.write_text(f"SPEAKER meeting 1 0 1 <NA> <NA> {end}\n", encoding="utf-8")
    assert read_rttm(rttm).turns == ((0.0, 1.0, name),)


@pytest.mark.parametrize(
    ("ends", "names"),
    [
        (["Speaker 1", "Speaker 2"], ["Speaker 1", "Speaker 2"]),  # no column in the file
        (["Speaker 1"], ["Speaker 1"]),
        (["Speaker", "Speaker 1"], ["Speaker", "Speaker 1"]),
        (["Speaker 1 <NA>", "Speaker 2 <NA>"], ["Speaker 1", "Speaker 2"]),  # one column
        (["Speaker 1 0.9", "Speaker 2 1", "Speaker 2 .8"], ["Speaker 1", "Speaker 2", "Speaker 2"]),
        (["Ada 0.9", "Ada 1", "Bob 1"], ["Ada", "Ada", "Bob"]),  # a confidence of one
        (["Ada 1 <NA>", "Bob 0.5 <NA>"], ["Ada", "Bob"]),
        (["Speaker 1 1 <NA>", "Speaker 2 0.9 <NA>"], ["Speaker 1", "Speaker 2"]),
        (["Speaker 1 <NA> <NA>", "Speaker 2 <NA> <NA>"], ["Speaker 1", "Speaker 2"]),
    ],
)
def test_names_that_differ_by_a_number_stay_two(ends: list[str], names: list[str], rttm: Path) -> None:
    rttm.write_text("".join(f"SPEAKER meeting 1 {n} 1 <NA> <NA> {end}\n" for n, end in enumerate(ends)))
    assert [name for _, _, name in read_rttm(rttm).turns] == names


def test_turns_after_the_recording_are_cut(rttm: Path) -> None:
    rttm.write_text(line(0, 5, "A") + line(7, 2, "B"))
    result = validate_diarization(read_rttm(rttm).diarization(4.0))
    assert [(each.start, each.end) for each in result.turns] == [(0, 4)]
    assert result.duration == 4.0


def test_one_of_several_recordings(rttm: Path) -> None:
    rttm.write_text(line(0, 1, "A", "monday") + line(0, 2, "B", "the_last_day"))
    assert read_rttm(rttm, ["meeting", "the last day"]).turns == ((0.0, 2.0, "B"),)
    with pytest.raises(InputError, match=r"turns of 2 recordings \(monday, the_last_day\), none of them named tuesday"):
        read_rttm(rttm, ["tuesday"])
    rttm.write_text(line(0, 1, "A", "whatever"))
    assert len(read_rttm(rttm, ["tuesday"]).turns) == 1


def test_an_empty_file_has_no_turns(rttm: Path) -> None:
    rttm.write_text("")
    result = read_rttm(rttm).diarization(3.0)
    assert (result.turns, result.segments, result.speech, result.duration) == ((), (), (), 3.0)


@pytest.mark.parametrize(
    "text",
    [
        "hello\n",
        "SPEAKER meeting 1 0 1\n",
        line("zero", 1, "A"),
        line("nan", 1, "A"),
        line(0, "inf", "A"),
        line(0, "1e308", "A"),
        line(-1, 1, "A"),
        line(0, -1, "A"),
        '{"segments": []}',
        "\x00\x00",
    ],
)
def test_errors_contain_the_line(text: str, rttm: Path) -> None:
    rttm.write_text(line(0, 1, "A") + text)
    with pytest.raises(InputError, match=r"^Invalid .* in .*theirs.rttm, line 2: ") as caught:
        read_rttm(rttm)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_encodings(encoding: str, rttm: Path) -> None:
    rttm.write_text(line(0, 1, "Zoë"), encoding)
    assert read_rttm(rttm).turns == ((0.0, 1.0, "Zoë"),)


def test_another_encoding_is_an_error(rttm: Path) -> None:
    rttm.write_text(line(0, 1, "Zoë") + line(1, 1, "Zoé"), "latin-1")
    with pytest.raises(InputError, match=r"theirs.rttm: not UTF-8. Save it as UTF-8"):
        read_rttm(rttm)


def test_a_missing_file(rttm: Path) -> None:
    with pytest.raises(InputError, match="Could not read"):
        read_rttm(rttm)


TURNS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9), st.sampled_from("ABC")), max_size=12)


@given(TURNS)
def test_every_file_is_a_valid_diarization(turns: list[tuple[int, int, str]]) -> None:
    spans = sorted((float(start), float(start + length), name) for start, length, name in turns)
    result = validate_diarization(ForeignTurns(tuple(spans)).diarization())
    seconds = {time for start, end, _ in spans for time in range(int(start), int(end))}
    assert sum(each.end - each.start for each in result.segments) == len(seconds)
    assert all(earlier.end <= later.start for earlier, later in pairwise(result.segments))
    for each in result.segments:
        begins = [turn.start for turn in result.turns if turn.start <= each.start < turn.end]
        own = [turn.start for turn in result.turns if turn.speaker_id == each.speaker_id]
        assert max(begins) in own


def test_written_files_can_be_read(repository: Path, rttm: Path) -> None:
    turns = read_rttm(repository / "examples" / "meeting.rttm", ["meeting"])
    result = turns.diarization()
    rttm.write_text(render_rttm(Transcript("", result.duration, (), diarization=result, source="a b")))
    again = read_rttm(rttm, ["a b"]).diarization()
    assert [(each.start, each.speaker_id) for each in again.turns] == [
        (each.start, each.speaker_id) for each in result.turns
    ]
