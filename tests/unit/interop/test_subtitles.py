"""Words from SubRip and WebVTT files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from oolong_align import align
from oolong_align.errors import InputError, OolongWarning
from oolong_align.formats import read_json, render_srt, render_vtt
from oolong_align.interop.files import read_transcript
from oolong_align.interop.subtitles import read_subtitles
from oolong_align.interop.turns import read_rttm
from oolong_align.types import join_words


def srt(*cues: str) -> str:
    return "\n".join(f"{n}\n00:00:0{n},000 --> 00:00:0{n},900\n{text}\n" for n, text in enumerate(cues, start=1))


def said(text: str, suffix: str = ".srt") -> list[str]:
    return [join_words(segment.words) for segment in read_subtitles(text, suffix).segments]


def clock(seconds: float, mark: str) -> str:
    return f"00:00:{seconds:06.3f}".replace(".", mark)


@pytest.mark.parametrize(("suffix", "head", "mark"), [("srt", "", ","), ("vtt", "WEBVTT\n\n", ".")])
def test_cues_of_a_recogniser_get_their_speakers(
    suffix: str, head: str, mark: str, repository: Path, tmp_path: Path
) -> None:
    recorded = json.loads((repository / "tests/data/foreign/openai-whisper-segments.json").read_text("utf-8"))
    blocks = [
        f"{n}\n{clock(each['start'], mark)} --> {clock(each['end'], mark)}\n{each['text'].strip()}\n"
        for n, each in enumerate(recorded["segments"], start=1)
    ]
    (tmp_path / f"meeting.{suffix}").write_text(head + "\n".join(blocks), encoding="utf-8")
    turns = read_rttm(repository / "examples" / "meeting.rttm").diarization()
    spread = "words have no timestamps. They are spread over their segments"
    with pytest.warns(OolongWarning, match=spread):
        expected = align(recorded, turns)
    transcript = read_transcript(tmp_path / f"meeting.{suffix}")
    assert transcript.tool == {"srt": "SubRip", "vtt": "WebVTT"}[suffix]
    with pytest.warns(OolongWarning, match=spread):
        found = align(transcript, turns)
    assert found.words == expected.words
    assert found.utterances == expected.utterances


@pytest.mark.parametrize("name", ["scripts.srt", "scripts.vtt", "scripts.narrow.srt", "scripts.words.srt"])
def test_written_subtitles_have_the_same_text(name: str, repository: Path) -> None:
    golden = repository / "tests" / "golden" / "formats"
    written = read_json((golden / "scripts.json").read_text("utf-8"))
    words = read_transcript(golden / name).words().words
    assert "".join(word.text for word in words) == "".join("".join(word.text for word in written.words).split())
    assert read_transcript(golden / "scripts.words.vtt").segments == read_transcript(golden / "scripts.vtt").segments


def test_names_are_dropped_and_words_are_kept(data_dir: Path, repository: Path) -> None:
    turns = read_rttm(data_dir / "real" / "sample.rttm")
    lines = [line.split(None, 6) for line in (data_dir / "real" / "sample.stm").read_text().splitlines()]
    spoken = [(float(line[3]), float(line[4]), line[2], line[-1]) for line in lines if not line[0].startswith(";")]
    text = "".join(
        f"{n}\n{clock(start, ',')} --> {clock(end, ',')}\n[{name}]: {words}\n\n"
        for n, (start, end, name, words) in enumerate(spoken, start=1)
    )
    with pytest.warns(OolongWarning, match="no timestamps"):
        transcript = align(read_subtitles(text), turns.diarization())
    assert " ".join(word.text for word in transcript.words) == " ".join(words for *_, words in spoken)
    again = read_subtitles(render_vtt(transcript))
    assert again.segments and [word.text for word in again.words().words] == [word.text for word in transcript.words]
    assert said(render_srt(transcript)) == [join_words(segment.words) for segment in again.segments]


@pytest.mark.parametrize(
    ("cue", "words"),
    [
        ("[SPEAKER_00]: Yes.", "Yes."),
        ("[Ada Lovelace]: Yes.", "Yes."),
        ("SPEAKER_12: Yes.", "Yes."),
        ("Speaker 1: Yes.", "Yes."),
        ("[applause] Yes.", "[applause] Yes."),
        ("Note: we are late.", "Note: we are late."),
        ("It is 10:30.", "It is 10:30."),
        ("- Are you?\n- [Bob]: Yes.", "Are you? Yes."),
        ("<i>Good</i> {\\an8}<font color='#fff'>day</font>", "Good day"),
        ("if a < b & c > d", "if a < b & c > d"),
        ("今日は\n晴れ", "今日は晴れ"),
        ("- well-known", "well-known"),
        ("Hello there --> you", "Hello there --> you"),
    ],
)
def test_unspoken_text_is_dropped(cue: str, words: str) -> None:
    assert said(srt(cue)) == [words]


def test_bare_names_are_dropped_if_most_cues_start_with_one() -> None:
    assert said(srt("Ada: Good day.", "Bob: Yes.", "and no.", "Ada: Well.")) == [
        "Good day.",
        "Yes.",
        "and no.",
        "Well.",
    ]
    assert said(srt("Note: wait.", "Note: go.", "Yes.", "No.", "So.")) == [
        "Note: wait.",
        "Note: go.",
        "Yes.",
        "No.",
        "So.",
    ]
    assert said(srt("First: wait.", "Second: go.")) == ["First: wait.", "Second: go."]
    assert said(srt("Warning: the gap.", "Warning: again.")) == ["Warning: the gap.", "Warning: again."]


def test_webvtt_with_all_features() -> None:
    text = (
        "\ufeffWEBVTT - a title\r\nKind: captions\r\n\r\nSTYLE\r\n::cue { color: red }\r\n\r\nNOTE\r\nnothing\r\n\r\n"
        "one\r\n00:01.000 --> 00:02.500 align:start\r\n<v Ada Lovelace>R&amp;D, <i.loud>please</i></v>\r\n\r\n"
        "01:00:00.000 --> 01:00:01.000\r\n<v Bob>&lt;yes&gt;\r\n<c>no</c>\r\n\r\n00:05.000 --> 00:06.000\r\n\r\n"
    )
    transcript = read_subtitles(text, ".vtt")
    assert [(each.start, each.end, join_words(each.words)) for each in transcript.segments] == [
        (1.0, 2.5, "R&D, please"),
        (3600.0, 3601.0, "<yes> no"),
    ]


def test_scrolling_and_marked_captions_have_each_word_once() -> None:
    rolling = (
        "WEBVTT\nKind: captions\n\n00:00:00.000 --> 00:00:02.000 align:start\n \nhello<00:00:00.500><c> world</c>\n\n"
        "00:00:02.000 --> 00:00:02.010\nhello world\n \n\n"
        "00:00:02.010 --> 00:00:04.000\nhello world\nnext<00:00:03.000><c> line</c>\n"
    )
    assert said(rolling, ".vtt") == ["hello world", "next line"]
    marked = "1\n00:00:01,000 --> 00:00:02,000\n<u>No</u> no\n\n2\n00:00:02,000 --> 00:00:03,000\nNo <u>no</u>\n"
    assert [(each.start, each.end) for each in read_subtitles(marked).segments] == [(1.0, 3.0)]
    assert said(marked) == ["No no"]
    assert said(srt("<i>No.</i>", "No.")) == ["No.", "No."]


@pytest.mark.parametrize(
    ("spans", "clashes"),
    [
        ([(1, 5), (5, 7)], None),
        ([(1, 5), (4.6, 7)], None),  # rounded
        ([(6, 8), (1, 3)], None),  # sorted
        ([(1, 5), (3, 7)], "1 of 2 cues overlap or end before they start, the first at 3.000 s"),
        (
            [(0, 9), (3, 4), (6, 8), (9, 9.5)],
            "2 of 4 cues overlap or end before they start, the first at 3.000",
        ),
        ([(5, 1), (6, 7)], "1 of 2 cues overlap or end before they start, the first at 5.000 s"),
        ([(1, 3), (1, 3)], "1 of 2 cues overlap"),
    ],
)
def test_overlapping_cues_have_one_warning(
    spans: list[tuple[float, float]], clashes: str | None, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    cues = [f"{clock(start, ',')} --> {clock(end, ',')}\nhello you\n" for start, end in spans]
    (tmp_path / "a.srt").write_text("\n".join(cues))
    transcript = read_transcript(tmp_path / "a.srt")
    assert [str(each.message).partition(": ")[0] for each in recwarn] == [f"{tmp_path / 'a.srt'}"] * bool(clashes)
    assert all(clashes in str(each.message) for each in recwarn if clashes)
    words = transcript.words().words
    assert len(words) == 2 * len(spans)


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_a_file_without_words_has_none(text: str) -> None:
    assert read_subtitles(text, ".srt").segments == ()
    assert read_subtitles("WEBVTT\n", ".vtt").segments == ()


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.srt", b"hello", "line 1 does not start a SubRip cue: 'hello'"),
        ("a.srt", b"1\n2\n", "no SubRip cue found"),
        ("a.srt", b"1\n00:00:01,000 --> later\nhi\n", "line 2 does not start a SubRip cue: '00:00:01,000 --> later'"),
        ("a.srt", b"1\n99999999999:00:01,000 --> 0:0:1,0\nhi\n", "line 2"),
        ("a.srt", b"1\n00:00:01,000 --> 00:00:02,000\ncaf\xe9\n", "not UTF-8. Save it as UTF-8"),
        ("a.vtt", b"1\n00:00:01,000 --> 00:00:02,000\nhi\n", "not a WebVTT file: it does not start with WEBVTT"),
        ("a.vtt", b"WEBVTT\n\nhello\n", "line 3 does not start a WebVTT cue: 'hello'"),
        ("a.txt", b"WEBVTT\n\n00:01 --> 00:02\nhi\n", "line 3 does not start a WebVTT cue: '00:01 --> 00:02'"),
        ("a.txt", b"hello", "Use the JSON, SRT or VTT file that the recogniser wrote"),
    ],
)
def test_other_files_are_an_error_on_one_line(name: str, data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_transcript(tmp_path / name)
    assert str(caught.value).startswith(f"Could not read {tmp_path / name}: ")
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_format_and_encoding_are_detected(tmp_path: Path) -> None:
    path = tmp_path / "talk.txt"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        path.write_bytes(srt("Grüße.").encode(encoding))
        assert [word.text for word in read_transcript(path).words().words] == ["Grüße."]


@pytest.mark.parametrize("text", ["x" * 100_000, "a\n" * 100_000, "1\n" * 100_000, "<b " * 100_000, "<" * 100_000])
def test_the_cost_is_linear_for_hostile_files(text: str) -> None:
    read_subtitles(srt("") + text, ".srt")
    read_subtitles("WEBVTT\n\n00:01.000 --> 00:02.000\n" + text, ".vtt")
