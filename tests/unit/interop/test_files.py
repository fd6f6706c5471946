# ruff: noqa: RUF001 - Chinese marks
"""Files of other recognisers, most of them recorded: see tests/data/foreign/README.md."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from math import isnan
from operator import eq
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from oolong_align import align
from oolong_align.errors import InputError, OolongWarning
from oolong_align.formats import render_diarized_json, render_json, render_verbose_json, render_whisperx
from oolong_align.interop import read_recognised, read_words
from oolong_align.interop.files import read_transcript
from oolong_align.interop.turns import read_rttm
from oolong_align.types import Diarization, Transcript, Word, join_words

TIMED = {
    "faster-whisper.json": "Whisper",
    "openai-whisper.json": "Whisper",
    "whisper-cpp.json": "whisper.cpp",
    "hugging-face.json": "Hugging Face",
    "whisperx.json": "WhisperX",
    "verbose.json": "OpenAI verbose_json",
}
SPREAD = {
    "openai-whisper-segments.json": "Whisper",
    "hugging-face-segments.json": "Hugging Face",
    "diarized.json": "OpenAI diarized_json",
}
SAID = [
    ("Nora", "Good morning, everybody. Shall we begin with the budget?"),
    ("Ralph", "Yes."),
    ("Kai", "Yes. Please. I have to leave in half an hour."),
    ("Ralph", "The new room costs a little more each month, but that includes heating and water."),
    ("Nora", "Did we sign the contract?"),
    ("Ralph", "No."),
    ("Kai", "We should wait."),
]


@pytest.fixture(scope="module")
def foreign(repository: Path) -> Path:
    return repository / "tests" / "data" / "foreign"


@pytest.fixture(scope="module")
def turns(repository: Path) -> Diarization:
    return read_rttm(repository / "examples" / "meeting.rttm").diarization()


def share_right(transcript: Transcript) -> float:
    """Share of words with the correct speaker. The texts of the tools differ after the known words."""
    names = {"SPEAKER_00": "Nora", "SPEAKER_01": "Ralph", "SPEAKER_02": "Kai"}
    known = [(name, word.strip(".,?")) for name, text in SAID for word in text.lower().split()]
    found = [(names.get(str(word.speaker)), word.text.lower().strip(".,?")) for word in transcript.words]
    assert [word for _, word in found[: len(known)]] == [word for _, word in known]
    return sum(map(eq, found, known)) / len(known)


@pytest.mark.parametrize(("name", "tool"), TIMED.items())
def test_words_with_times_get_their_speakers(name: str, tool: str, foreign: Path, turns: Diarization) -> None:
    recognised = read_transcript(foreign / name)
    assert recognised.tool == tool
    transcript = align(recognised, turns)
    assert share_right(transcript) > 0.95
    assert transcript.language == ("" if "hugging" in name else "en")
    untimed = [word.text for word in transcript.words if word.estimated]
    assert untimed == (["more"] if name == "whisperx.json" else [])
    assert all((word.speaker_confidence is None) == word.estimated for word in transcript.words)
    assert any(word.probability for word in transcript.words) == (name not in ("hugging-face.json", "verbose.json"))


@pytest.mark.parametrize(("name", "tool"), SPREAD.items())
def test_words_without_times_are_spread_and_marked(name: str, tool: str, foreign: Path, turns: Diarization) -> None:
    recognised = read_transcript(foreign / name)
    assert recognised.tool == tool
    with pytest.warns(OolongWarning, match="words have no timestamps"):
        transcript = align(recognised, turns)
    assert all(word.estimated and word.speaker_confidence is None for word in transcript.words)
    assert share_right(transcript) > 0.97
    assert '"estimated": true' in render_json(transcript)


def test_characters_split_between_tokens_are_joined(foreign: Path, turns: Diarization) -> None:
    path = foreign / "whisper-cpp-thai.json"
    with pytest.raises(UnicodeDecodeError):
        path.read_bytes().decode()
    recognised = read_transcript(path)
    assert recognised.language == "th"
    words = read_words(recognised).words
    assert join_words(words) == "เธอต้องตัว ที่นี่ ที่นี่ ที่นี่"
    assert not any(isnan(word.start) or word.estimated for word in words)
    assert all(word.probability is not None for word in words)


def test_lossy_decoding_loses_the_times_but_not_the_text(foreign: Path) -> None:
    text = (foreign / "whisper-cpp-thai.json").read_bytes().decode("utf-8", "replace")
    words = read_words(json.loads(text)).words
    assert join_words(words) == "เธอต้องตัว ที่นี่ ที่นี่ ที่นี่"
    assert all(word.estimated for word in words)


def test_whisper_cpp_without_tokens(foreign: Path) -> None:
    document = json.loads((foreign / "whisper-cpp.json").read_text("utf-8"))
    for segment in document["transcription"]:
        del segment["tokens"]
    words = read_words(document).words
    assert (words[0].start, words[0].text, words[0].estimated) == (0.0, "Good", True)


def test_the_python_objects_of_openai(foreign: Path) -> None:
    document = json.loads((foreign / "verbose.json").read_text("utf-8"))

    def objects(value: Any) -> Any:
        if isinstance(value, dict):
            return SimpleNamespace(**{key: objects(item) for key, item in value.items()})
        return [objects(item) for item in value] if isinstance(value, list) else value

    assert read_recognised(objects(document)) == read_recognised(document)


def test_other_dumps_of_faster_whisper(foreign: Path) -> None:
    document = json.loads((foreign / "faster-whisper.json").read_text("utf-8"))
    alone = read_recognised(document["segments"])
    assert (alone.tool, alone.language) == ("faster-whisper", "")
    with_info = read_recognised({"segments": document["segments"], "info": {"language": "en", "duration": 20.0}})
    assert (with_info.language, with_info.segments) == ("en", alone.segments)
    assert alone.segments == read_recognised(document).segments


def test_a_last_chunk_without_end() -> None:
    chunks = [{"text": " Yes.", "timestamp": (1.0, 1.5)}, {"text": " No.", "timestamp": (2.0, None)}]
    first, last = read_words({"text": " Yes. No.", "chunks": chunks}).words
    assert (first.start, first.end, last.start, isnan(last.end)) == (1.0, 1.5, 2.0, True)
    phrases = [{"text": " Oh, yes.", "timestamp": [1.0, None]}, {"text": " Not at all.", "timestamp": [2.0, None]}]
    words = read_words({"chunks": phrases}).words
    assert [word.start for word in words[:3]] == pytest.approx([1.0, 1.375, 2.0], abs=0.06)
    assert all(isnan(word.start) for word in words[3:])


@pytest.mark.parametrize(
    ("texts", "language", "written"),
    [
        (["你", "好，", "世界。"], "chinese", "你好，世界。"),
        (["สวัสดี", "ครับ", " ", "ขอบคุณ"], "th", "สวัสดีครับ ขอบคุณ"),
        ([" مرحبا", " بكم."], "ar", "مرحبا بكم."),
        ([" नमस्ते", " दुनिया।"], "hindi", "नमस्ते दुनिया।"),
    ],
)
def test_chunks_of_any_script(texts: list[str], language: str, written: str) -> None:
    chunks = [{"text": text, "timestamp": [i, i + 1], "language": language} for i, text in enumerate(texts)]
    words = read_words({"text": "".join(texts), "chunks": chunks})
    assert (join_words(words.words), len(words.language)) == (written, 2)
    assert not any(word.estimated for word in words.words)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_encodings(encoding: str, foreign: Path, tmp_path: Path) -> None:
    path = tmp_path / "meeting.json"
    path.write_text((foreign / "openai-whisper.json").read_text("utf-8"), encoding)
    assert read_transcript(path) == read_transcript(foreign / "openai-whisper.json")


def test_another_encoding_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "meeting.json"
    path.write_text('{"segments": [{"start": 0, "end": 1, "text": "Grüße"}]}', "latin-1")
    with pytest.raises(InputError, match=r"meeting.json: not UTF-8. Save it as UTF-8"):
        read_transcript(path)


RENDERERS: dict[str, Callable[[Transcript], str]] = {
    "json": render_json,
    "whisperx": render_whisperx,
    "verbose": render_verbose_json,
}


@pytest.mark.parametrize("name", RENDERERS)
def test_written_files_can_be_read(name: str, foreign: Path, turns: Diarization) -> None:
    once = align(read_transcript(foreign / "faster-whisper.json"), turns)
    again = read_words(json.loads(RENDERERS[name](once)))
    assert again.language == "en"
    assert [(word.text, word.leading_space, round(word.start, 3), round(word.end, 3)) for word in once.words] == [
        (word.text, word.leading_space, word.start, word.end) for word in again.words
    ]


def test_diarized_json_names_speakers_by_letters_and_reads_as_segments(foreign: Path, turns: Diarization) -> None:
    once = align(read_transcript(foreign / "faster-whisper.json"), turns)
    ada = {**once.speakers, "SPEAKER_01": replace(once.speakers["SPEAKER_01"], name="B")}
    document = json.loads(render_diarized_json(replace(once, speakers=ada)))
    assert [each["speaker"] for each in document["segments"]] == ["A", "B", "C", "B", "A", "B", "C", "C"][
        : len(document["segments"])
    ]
    assert [word.text for word in read_words(document).words] == [word.text for word in once.words]


BROKEN: list[tuple[bytes, str]] = [
    (b"", "not valid JSON"),
    (b"{", "not valid JSON"),
    (b"\xff\xfe\x00", "not valid JSON"),
    (b"[" * 100_000, "nested too deeply"),
    (b"1", "Invalid words: expected a list, not int 1"),
    (b"null", "Invalid words: expected a list, not NoneType"),
    (b'{"text": "hello"}', "No words in dict"),
    (b'{"text": "hello", "usage": {}}', "the text has no times (OpenAI's API returns them with"),
    (b'{"error": {"message": "no key"}}', "No words in dict"),
    (b'{"segments": [{"start": 0, "end": 1}]}', "Invalid segment: expected words or text in dict"),
    (b'{"segments": [{"start": NaN, "end": 1, "text": "a"}]}', "Invalid 'start': expected a finite number"),
    (b'{"segments": [{"start": -1, "end": 1, "text": "a"}]}', "Invalid 'start': expected a finite number"),
    (b'{"segments": [{"start": 0, "end": 1e308, "text": "a"}]}', "Invalid 'end': expected a finite number"),
    (b'{"segments": [{"start": "0", "end": 1, "text": "a"}]}', "Invalid 'start': expected a finite number"),
    (b'{"segments": [{"words": [{"word": 5}]}]}', "Invalid word: expected a string 'word'"),
    (b'{"segments": 5, "words": [{"word": "a"}]}', "Invalid segments: expected a list, not int 5"),
    (b'{"segments": [], "words": 5}', "Invalid words: expected a list, not int 5"),
    (b'{"segments": [], "language": 5}', "Invalid language: expected a code"),
    (b'{"chunks": [{"timestamp": [0, 1]}]}', "Invalid chunk: expected a string 'text'"),
    (b'{"chunks": [{"text": "a", "timestamp": [0]}]}', "Invalid timestamp: expected [start, end]"),
    (b'{"chunks": [{"text": "a", "timestamp": "01"}]}', "Invalid timestamp: expected a list"),
    (b'{"chunks": [{"text": "a", "timestamp": [0, "1"]}]}', "Invalid 'end': expected a finite number"),
    (b'{"chunks": "a"}', "Invalid chunks: expected a list, not str"),
    (b'{"transcription": {}}', "Invalid transcription: expected a list, not dict"),
    (b'{"transcription": [{"offsets": {"from": 0, "to": 1}}]}', "Invalid segment: expected a string 'text'"),
    (b'{"transcription": [{"text": "a", "offsets": {"from": -5}}]}', "Invalid 'from': expected a finite number"),
    (
        b'{"transcription": [{"text": "a", "offsets": 3}]}',
        "Invalid offsets: expected {'from': .., 'to': ..}, not int 3",
    ),
    (b'{"transcription": [{"text": "a", "tokens": [{"p": 1}]}]}', "Invalid token: expected a string 'text'"),
    (
        b'{"transcription": [{"text": "a", "tokens": [{"text": "a", "p": "x"}]}]}',
        "Invalid 'p': expected a finite number",
    ),
]


@pytest.mark.parametrize(("data", "message"), BROKEN)
def test_invalid_files_are_an_error_on_one_line(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_transcript(path)
    assert str(caught.value).startswith(f"Could not read {path}: ") and message in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Could not read .*none.json: No such file"):
        read_transcript(tmp_path / "none.json")


def test_word_records_are_not_marked_before_alignment() -> None:
    words = [Word(float("nan"), float("nan"), "Hello")]
    assert not read_words(words).words[0].estimated


SAID_SEGMENTS = [{"start": 0, "end": 2, "text": " Hello there."}, {"start": 2, "end": 4, "text": " Good bye."}]
TIMED_WORDS = [
    {"word": word, "start": place, "end": place + 0.5} for place, word in enumerate(("Hello", "there", "Good", "bye"))
]
ALL_SAID = "Hello there. Good bye."


@pytest.mark.parametrize(
    ("document", "said", "estimated"),
    [
        ({"text": ALL_SAID, "words": [], "segments": SAID_SEGMENTS}, ALL_SAID, 4),
        ({"text": ALL_SAID, "words": TIMED_WORDS[:2], "segments": SAID_SEGMENTS}, ALL_SAID, 4),
        ({"text": ALL_SAID, "words": TIMED_WORDS, "segments": SAID_SEGMENTS}, ALL_SAID, 0),
        ({"word_segments": TIMED_WORDS}, "Hello there Good bye", 0),
        ({"word_segments": TIMED_WORDS, "segments": []}, "Hello there Good bye", 0),
        ({"chunks": [], "segments": SAID_SEGMENTS}, ALL_SAID, 4),
        ({"chunks": [], "text": ""}, "", 0),
    ],
)
def test_the_first_field_with_all_words_is_read(document: dict[str, Any], said: str, estimated: int) -> None:
    words = read_words(document).words
    assert join_words(words) == said
    assert sum(word.estimated for word in words) == estimated


def test_segments_without_word_times_are_sorted() -> None:
    segments = [{"start": 8, "end": 12, "text": "three four"}, {"start": 0, "end": 4, "text": "one two"}]
    assert [(word.text, word.start) for word in read_words({"segments": segments}).words] == [
        ("one", 0.0),
        ("two", 2.0),
        ("three", 8.0),
        ("four", pytest.approx(10.2, abs=0.1)),
    ]
    both = [{"start": 0, "end": 10, "text": "one two"}, {"start": 4, "end": 6, "text": "six ten"}]
    found = read_words({"segments": both}).words
    assert [word.start for word in found] == sorted(word.start for word in found)
    assert (found[1].end, found[2].start, found[-1].end) == (5.0, 5.0, 6.0)


def test_words_without_any_times_have_a_warning(turns: Diarization) -> None:
    with pytest.warns(OolongWarning, match="Their segments have no times either"):
        align({"segments": [{"text": "Good morning"}]}, turns)


def test_the_advice_for_a_file_does_not_mention_python(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text('{"text": "hello"}')
    with pytest.raises(InputError, match=r"Use the JSON file as the recogniser wrote it\.$"):
        read_transcript(path)
    with pytest.raises(InputError, match="Pass Words, a sequence of Word"):
        read_words({"text": "hello"})
