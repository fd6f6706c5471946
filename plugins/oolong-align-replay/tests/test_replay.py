from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import oolong_align_replay
import pytest
from oolong_align_replay import ReplayDiarizer, ReplayTranscriber

from oolong_align.audio.recording import Audio, load_audio
from oolong_align.errors import InputError, OolongWarning, UsageError
from oolong_align.formats.json_reader import read_json
from oolong_align.pipeline import Pipeline
from oolong_align.testing import check_diarizer, check_transcriber, make_host
from oolong_align.types import DiarizeSegment, SpeakerSegment, SpeechRange, Word

REPLAY = {"diarizer": "replay", "transcriber": "replay"}
RTTM = """;; by hand
SPKR-INFO meeting 1 <NA> <NA> <NA> unknown Kai <NA> <NA>
SPEAKER meeting 1 2.0 2.5 <NA> <NA> Kai <NA> <NA>
SPEAKER meeting 1 0.5 2.5 <NA> <NA> Nora <NA> <NA>
SPEAKER meeting 1 5.0 0.0 <NA> <NA> Nobody <NA> <NA>
SPEAKER meeting 1 6.0 2.2 <NA> <NA> Nora <NA> <NA>
"""
WHISPER = {
    "language": "en",
    "segments": [
        {"start": 0.6, "end": 1.6, "text": " Hello there.", "words": [
            {"word": " Hello", "start": 0.6, "end": 1.0, "probability": 0.9},
            {"word": " there.", "start": 1.0, "end": 1.6},
        ]},
        {"start": 6.2, "end": 7.0, "text": " Good bye"},
    ],
}  # fmt: skip


def silence(seconds: float = 8.0) -> Audio:
    return load_audio(np.zeros(int(seconds * 16_000), np.float32))


def named(name: str, seconds: float = 8.0) -> Audio:
    audio = silence(seconds)
    audio.path = Path(name)
    return audio


@pytest.fixture
def turns(tmp_path: Path) -> Path:
    path = tmp_path / "meeting.rttm"
    path.write_text(RTTM)
    return path


@pytest.fixture
def words(tmp_path: Path) -> Path:
    path = tmp_path / "meeting.json"
    path.write_text(json.dumps(WHISPER))
    return path


def test_turns_of_an_rttm_file(turns: Path) -> None:
    found = ReplayDiarizer(turns)(silence())
    assert found.turns == (DiarizeSegment(0.5, 3.0, 0), DiarizeSegment(2.0, 4.5, 1), DiarizeSegment(6.0, 8.0, 0))
    assert found.segments == (
        SpeakerSegment(0.5, 2.0, 0, False),
        SpeakerSegment(2.0, 4.5, 1, True),
        SpeakerSegment(6.0, 8.0, 0, False),
    )
    assert found.speech == (SpeechRange(0.5, 4.5), SpeechRange(6.0, 8.0))
    assert (found.duration, found.voice, dict(found.embeddings)) == (8.0, None, {})


def test_words_of_a_recogniser(words: Path) -> None:
    found = ReplayTranscriber(words)(silence(), [SpeechRange(0.5, 4.5), SpeechRange(6.0, 8.0)])
    assert found.language == "en"
    assert [each.text for each in found.words] == ["Hello", "there.", "Good", "bye"]
    assert found.words[0].probability == 0.9
    assert all(6.0 <= each.start < each.end <= 8.0 for each in found.words[2:])


def test_words_of_a_bare_list_and_of_broken_utf_8(words: Path) -> None:
    words.write_text(json.dumps(WHISPER["segments"][:1]))
    assert len(ReplayTranscriber(words)(silence(), [SpeechRange(0.5, 4.5)]).words) == 2
    tokens = [{"text": " Hi", "offsets": {"from": 600, "to": 900}}]
    cut = {"transcription": [{"offsets": {"from": 600, "to": 900}, "text": " Hi\udcff", "tokens": tokens}]}
    words.write_bytes(json.dumps(cut, ensure_ascii=False).encode("utf-8", "surrogateescape"))
    assert [each.text for each in ReplayTranscriber(words)(silence(), [SpeechRange(0.5, 4.5)]).words] == ["Hi"]


def test_words_outside_speech_are_dropped_with_a_warning(words: Path) -> None:
    with pytest.warns(OolongWarning, match=r"meeting\.json: Dropped 2 of 4 words outside speech"):
        found = ReplayTranscriber(words)(silence(), [SpeechRange(0.5, 3.0)])
    assert [each.text for each in found.words] == ["Hello", "there."]


def test_the_entries_comply_with_the_contract(turns: Path, words: Path) -> None:
    host = make_host(oolong_align_replay)
    config = host.resolve("transcribe", REPLAY | {"replay_turns": str(turns), "replay_words": str(words)})
    # A replay cannot cluster, so violated bounds on the number of speakers are an error.
    turns.write_text(RTTM.replace("Kai", "Nora").replace("2.0 2.5", "3.5 1.0"))
    check_diarizer(config.diarizer.build, config=config, recordings=[silence()])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OolongWarning)
        check_transcriber(config.transcriber.build, config=config, recordings=[silence()])


def test_a_run_with_foreign_turns_and_words(turns: Path, words: Path) -> None:
    host = make_host(oolong_align_replay)
    config = host.resolve("transcribe", REPLAY | {"replay_turns": str(turns), "replay_words": str(words)})
    with pytest.warns(OolongWarning, match="2 of 4 words have no timestamps"):
        transcript = Pipeline(host, config)(named("meeting.wav"))
    assert [(each.speaker, each.text) for each in transcript.utterances] == [
        ("SPEAKER_00", "Hello there."),
        ("SPEAKER_00", "Good bye"),
    ]


@pytest.fixture
def ours(repository_example: Path, tmp_path: Path) -> Path:
    """An output with names, manual corrections and words without a space."""
    text = repository_example.read_text()
    turns = tmp_path / "first.rttm"
    turns.write_text(text)
    host = make_host(oolong_align_replay)
    recognised = tmp_path / "recognised.json"
    spoken = [((" twenty", start, start + 0.4), ("-one", start + 0.4, start + 0.9)) for start in (1.0, 6.0, 10.0)]
    segments = [{"words": [{"word": text, "start": a, "end": b} for text, a, b in pair]} for pair in spoken]
    recognised.write_text(json.dumps({"language": "en", "segments": segments}))
    config = host.resolve("transcribe", REPLAY | {"replay_turns": str(turns), "replay_words": str(recognised)})
    transcript = Pipeline(host, config)(named("meeting.flac", 60.0))
    label = next(iter(transcript.speakers))
    corrected = tuple(
        replace(each, speaker=label, words=tuple(replace(word, speaker=label) for word in each.words))
        for each in transcript.utterances
    )
    named_speaker = replace(transcript.speakers[label], name="Ada")
    transcript = replace(transcript, utterances=corrected, speakers={**transcript.speakers, label: named_speaker})
    for name in ("json", "rttm"):
        (tmp_path / f"ours.{name}").write_text(host.formats()[name].render(transcript, config))
    return tmp_path / "ours.json"


@pytest.fixture
def repository_example() -> Path:
    path = Path(__file__).parents[3] / "examples" / "meeting.rttm"
    if not path.exists():
        pytest.skip("the repository's examples are not here")
    return path


@pytest.mark.parametrize("suffix", [".json", ".rttm"])
def test_an_output_is_reproduced_byte_by_byte(ours: Path, suffix: str) -> None:
    host = make_host(oolong_align_replay)
    turns = ours.with_suffix(suffix)
    config = host.resolve("transcribe", REPLAY | {"replay_turns": str(turns), "replay_words": str(ours)})
    transcript = Pipeline(host, config)(named("meeting.flac", 60.0))
    assert host.formats()["json"].render(transcript, config) == ours.read_text()
    assert {word.speaker for word in transcript.words} == {"SPEAKER_00"}
    assert [word.leading_space for word in transcript.words[:2]] == [True, False]


def test_words_of_an_output_are_aligned_again_with_other_turns(ours: Path, tmp_path: Path) -> None:
    turns = tmp_path / "theirs.rttm"
    turns.write_text("SPEAKER a 1 0 5 <NA> <NA> x <NA> <NA>\nSPEAKER a 1 5 15 <NA> <NA> y <NA> <NA>\n")
    host = make_host(oolong_align_replay)
    config = host.resolve("transcribe", REPLAY | {"replay_turns": str(turns), "replay_words": str(ours)})
    transcript = Pipeline(host, config)(named("meeting.flac", 60.0))
    assert [each.speaker for each in transcript.utterances] == ["SPEAKER_00", "SPEAKER_01", "SPEAKER_01"]
    assert {each.name for each in transcript.speakers.values()} == {None}
    assert len(transcript.words) == len(read_json(ours.read_text()).words)


def test_files_of_many_recordings(tmp_path: Path, turns: Path) -> None:
    many = tmp_path / "many.rttm"
    many.write_text(RTTM + "SPEAKER team_call 1 1 2 <NA> <NA> z <NA> <NA>\n")
    assert ReplayDiarizer(many)(named("team call.wav")).turns == (DiarizeSegment(1.0, 3.0, 0),)
    with pytest.raises(
        InputError, match=r"contains turns of 2 recordings \(meeting, team_call\), none of them named other"
    ):
        ReplayDiarizer(many)(named("other.wav"))
    assert ReplayDiarizer(tmp_path)(named("meeting.wav")).speaker_ids == (0, 1)
    with pytest.raises(InputError, match=r"No other\.rttm or other\.json in this folder"):
        ReplayDiarizer(tmp_path)(named("other.wav"))
    with pytest.raises(InputError, match="Samples without a name have no file"):
        ReplayTranscriber(tmp_path)(silence(), [SpeechRange(0, 1)])


def test_bounds_are_checked(turns: Path) -> None:
    diarize = ReplayDiarizer(turns)
    assert len(diarize(silence(), num_speakers=2, min_speakers=2, max_speakers=2).speaker_ids) == 2
    for bounds in ({"num_speakers": 3}, {"min_speakers": 3}, {"max_speakers": 1}):
        with pytest.raises(InputError, match="Found 2 speakers, expected"):
            diarize(silence(), **bounds)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("hello", ", line 1: 'hello'. Expected: SPEAKER <file>"),
        ("SPEAKER a 1 0 1 <NA> <NA>", ", line 1: 'SPEAKER a 1 0 1 <NA> <NA>'. Expected:"),
        ("\nSPEAKER a 1 x 1 <NA> <NA> b", ", line 2: 'x'. Expected seconds"),
        ("SPEAKER a 1 nan 1 <NA> <NA> b", "'nan'. Expected seconds"),
        ("SPEAKER a 1 -1 1 <NA> <NA> b", "'-1'. Expected seconds"),
        ("SPEAKER a 1 0 1e9 <NA> <NA> b", "after the recording at 8.000 s"),
        ('{"segments": []}', "Invalid transcript JSON: "),
        ("{", "JSON"),
    ],
)
def test_broken_turns_are_errors_of_one_line(content: str, message: str, turns: Path) -> None:
    turns.write_text(content)
    with pytest.raises(InputError) as caught:
        ReplayDiarizer(turns)(silence())
    assert message in str(caught.value)
    assert str(turns) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    ["[", '{"segments": 3}', '{"text": "hi"}', '{"segments": [], "exclusive_diarization": 1, "speech": 2}'],
)
def test_broken_words_are_errors_of_one_line(content: str, words: Path) -> None:
    words.write_text(content)
    with pytest.raises(InputError) as caught:
        ReplayTranscriber(words)(silence(), [SpeechRange(0, 1)])
    assert str(words) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_binary_files_are_rejected(turns: Path) -> None:
    turns.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8"):
        ReplayDiarizer(turns)(silence())


def test_missing_options_are_errors_before_any_work(turns: Path) -> None:
    host = make_host(oolong_align_replay)
    with pytest.raises(UsageError, match=r"Option --replay_turns is missing\. .* --replay_turns meeting\.rttm"):
        host.resolve("diarize", {"diarizer": "replay"})
    with pytest.raises(UsageError, match=r"--replay_words no\.json: File not found"):
        host.resolve("transcribe", REPLAY | {"replay_turns": str(turns), "replay_words": "no.json"})
    host.resolve("transcribe", {})


def test_an_empty_file_is_silence(turns: Path) -> None:
    turns.write_text("")
    found = ReplayDiarizer(turns)(silence(), num_speakers=2)
    assert (found.turns, found.segments, found.speech) == ((), (), ())


def test_records_have_plain_types(words: Path) -> None:
    found = ReplayTranscriber(words)(silence(), [SpeechRange(0.0, 8.0)])
    assert all(type(each) is Word and each.speaker is None for each in found.words)


def test_unused_files_are_rejected(turns: Path, words: Path) -> None:
    host = make_host(oolong_align_replay)
    given = {"replay_turns": str(turns), "replay_words": str(words)}
    with pytest.raises(UsageError, match="Option --replay_turns requires --diarizer replay"):
        host.resolve("transcribe", given | {"transcriber": "replay"})
    with pytest.raises(UsageError, match="Option --replay_words requires --transcriber replay"):
        host.resolve("transcribe", given | {"diarizer": "replay"})
    host.resolve("transcribe", given | REPLAY)
