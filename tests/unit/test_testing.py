from __future__ import annotations

import doctest
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from oolong_align import testing
from oolong_align.errors import InputError
from oolong_align.hookspecs import OutputFormat, Voice
from oolong_align.speakers import urls
from oolong_align.speakers.records import VoiceModel
from oolong_align.speakers.sqlite import SqliteStore
from oolong_align.testing import check_diarizer, check_format, check_speaker_store, check_transcriber, make_host
from oolong_align.types import Diarization, DiarizeSegment, FloatArray, SpeakerSegment, SpeechRange, Word, Words


class Diarizer:
    """Speaker 0 throughout, unless the recording is silent; ``broken`` names a rule to break."""

    def __init__(self, broken: str = "") -> None:
        self.broken = broken
        self.runs = 0

    def __call__(
        self, audio: object, *, max_speakers: int | None = None, progress: object = None, **_: object
    ) -> object:
        self.runs += 1
        seconds = audio.duration
        if progress:
            progress("segmentation", 2, 2)
            progress("segmentation", 1 if self.broken == "progress" else 2, 2)
        samples = audio.read(0, audio.num_samples)
        if not samples.any() and self.broken != "silence":
            return Diarization(segments=(), turns=(), speech=(), duration=seconds)
        speaker = 1 if self.broken == "ids" else 0
        end = seconds - self.runs / 10 if self.broken == "random" else seconds
        if self.broken == "type":
            return [end]
        turns = [DiarizeSegment(0.0, end, speaker)]
        if self.broken == "bounds":
            turns.append(DiarizeSegment(0.0, end, 1))
        return Diarization(
            segments=(SpeakerSegment(0.0, end, speaker),),
            turns=tuple(turns),
            speech=(SpeechRange(0.0, end),),
            duration=seconds + (1 if self.broken == "duration" else 0),
        )


def test_a_valid_diarizer_passes() -> None:
    check_diarizer(lambda config: Diarizer())


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        ("silence", "silence must have no turns"),
        ("ids", "count from 0 in order of first appearance"),
        ("random", "two runs on one recording must return equal"),
        ("type", "must be Diarization, not list"),
        ("bounds", "max_speakers=1"),
        ("duration", "duration must be that of the recording"),
        ("progress", "must not decrease"),
    ],
)
def test_the_error_states_the_broken_rule(broken: str, rule: str) -> None:
    with pytest.raises(AssertionError, match=rule):
        check_diarizer(lambda config: Diarizer(broken))


def transcriber(words: Callable[[tuple[SpeechRange, ...]], tuple[Word, ...]]) -> Callable[..., object]:
    return lambda config: lambda audio, speech, progress=None: Words("en", words(speech))


def test_transcribers() -> None:
    check_transcriber(transcriber(lambda speech: tuple(Word(each.start, each.end, "x") for each in speech)))
    for words, rule in (
        (lambda speech: (Word(0.0, 1.0, "x"),), "without speech ranges there must be no words"),
        (lambda speech: tuple(Word(0.0, 99.0, "x") for _ in speech), "outside the speech ranges"),
        (lambda speech: tuple(Word(each.end, each.start, "x") for each in speech), "invalid time range"),
    ):
        with pytest.raises(AssertionError, match=rule):
            check_transcriber(transcriber(words))


GOOD = OutputFormat("count", ".count", "Number of words", lambda transcript: str(len(transcript.words)))


@pytest.mark.parametrize("name", ["srt", "vtt", "txt", "tsv", "json", "rttm", "html"])
def test_the_formats_of_the_core_pass(name: str) -> None:
    check_format(make_host().formats()[name])


def test_formats() -> None:
    check_format(GOOD)
    counter = iter(range(99))
    for broken, rule in (
        (replace(GOOD, render=lambda transcript: b"x"), "must be str, not bytes"),
        (replace(GOOD, render=lambda transcript: transcript.utterances[0].text), "IndexError"),
        (replace(GOOD, render=lambda transcript: "\ud800"), "UTF-8"),
        (replace(GOOD, render=lambda transcript: str(next(counter))), "twice"),
        (replace(GOOD, suffix="count"), "suffix"),
        (replace(GOOD, name="Count me"), "invalid name"),
        (replace(GOOD, summary=""), "summary"),
        (replace(GOOD, suffix=None), "must be str, not NoneType"),
        (replace(GOOD, name="srt"), "belongs to both"),
        (replace(GOOD, name="model"), "belongs to both"),
    ):
        with pytest.raises(AssertionError, match=rule):
            check_format(broken)


def test_formats_with_a_recording() -> None:
    def writes(transcript: object, recording: Path, target: Path) -> str:
        target.write_text("x")
        return "x"

    check_format(replace(GOOD, render_file=lambda transcript, recording, target: f"{recording.name} {target.name}"))
    counter = iter(range(99))
    for render_file, rule in (
        (lambda transcript: "", "TypeError"),
        (lambda transcript, recording, target: recording.read_bytes(), "must be str, not bytes"),
        (lambda transcript, recording, target: transcript.utterances[0].text, "IndexError"),
        (lambda transcript, recording, target: str(next(counter)), "twice"),
        (lambda transcript, recording, target: "\ud800", "UTF-8"),
        (writes, "the host writes the file"),
    ):
        with pytest.raises(AssertionError, match=rule):
            check_format(replace(GOOD, render_file=render_file))


def raises(*_: object, **__: object) -> object:
    raise KeyError("speech")


def test_an_exception_breaks_a_rule() -> None:
    for check, what in ((check_diarizer, "The diarizer"), (check_transcriber, "The transcriber")):
        with pytest.raises(AssertionError, match=r"build\(config\) must not raise: KeyError: 'speech'"):
            check(raises)
        with pytest.raises(AssertionError, match=f"{what} must not raise: KeyError: 'speech'"):
            check(lambda config: raises)


class Store(SqliteStore):
    """Breaks one rule."""

    def __init__(self, path: Path, broken: str) -> None:
        super().__init__(path)
        self.broken = broken

    def put(self, voice: Voice) -> str:
        if self.broken == "centroid":
            voice = replace(voice, centroid=voice.centroid.astype(np.float16).astype(np.float32))
        if self.broken == "refuses" and voice.name:
            raise InputError("no names here")
        if self.broken == "raises":
            raise KeyError("speech")
        if self.broken == "references":
            voice = replace(voice, references=voice.references[:1])
        if self.broken == "models" and (model := self.model()):
            voice = replace(voice, model=model)
        return super().put(voice)

    def get(self, voice_id: str) -> Voice | None:
        voice = super().get(voice_id)
        return None if voice and self.broken == "aliases" and voice.id != voice_id else voice

    def list(self, name: str | None = None) -> Sequence[Voice]:
        if self.broken == "names" and name is not None:
            return [voice for voice in super().list() if name.lower() == str(voice.name).lower()]
        if self.broken == "order":
            return sorted(super().list(name), key=lambda voice: voice.id)
        return super().list(name)

    def nearest(self, embedding: FloatArray, count: int, *, model: VoiceModel) -> Sequence[tuple[Voice, float]]:
        found = super().nearest(embedding, count, model=model)
        if self.broken == "lengths":
            return [(voice, float(voice.centroid @ embedding)) for voice, _ in found]
        return found

    def forget(self, voice_id: str) -> bool:
        if self.broken == "forget":
            return self.get(voice_id) is not None
        return super().forget(voice_id)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self.broken == "transaction" and not self._connection.in_transaction:
            yield
        else:
            with super().transaction():
                yield


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        ("centroid", "bit by bit"),
        ("references", "return all references"),
        ("models", "of other weights must be rejected"),
        ("aliases", "must be stored after put"),
        ("names", "exactly this name"),
        ("order", "voice_2 before voice_10"),
        ("lengths", "must return the cosines"),
        ("forget", "must be deleted"),
        ("transaction", "aliases must be returned"),
        ("refuses", r"^A voice must be returned unchanged.* The store raised InputError: no names here"),
        ("raises", r"^A voice must be returned unchanged.* The store raised KeyError: 'speech'"),
    ],
)
def test_speaker_stores(broken: str, rule: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=rule):
        check_speaker_store(lambda: Store(tmp_path / "voices.db", broken))


def test_the_checks_need_no_pytest(repository: Path) -> None:
    script = "import sys, oolong_align.testing; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=repository).returncode == 0


def test_the_examples_run() -> None:
    for module in (testing, urls):
        result = doctest.testmod(module)
        assert result.attempted > 0
        assert result.failed == 0
