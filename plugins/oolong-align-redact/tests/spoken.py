"""Transcripts and hosts for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from oolong_align.hookspecs import hookimpl
from oolong_align.plugin.entries import DiarizerEntry, TranscriberEntry
from oolong_align.types import (
    Diarization,
    DiarizeSegment,
    Speaker,
    SpeakerSegment,
    SpeechRange,
    Transcript,
    Utterance,
    Word,
    Words,
)

STEP_S = 0.5


def timed(text: str, *, speaker: str | None = None, first: int = 0) -> tuple[Word, ...]:
    """One word every 0.5 s; a leading ``+`` means no space before the word."""
    return tuple(
        Word(
            STEP_S * place,
            STEP_S * place + 0.4,
            each.removeprefix("+"),
            0.9,
            speaker,
            leading_space=not each.startswith("+"),
        )
        for place, each in enumerate(text.split(), start=first)
    )


def transcript(*turns: tuple[str, str], names: dict[str, str] | None = None) -> Transcript:
    """Make a transcript from ``(speaker, text)``."""
    utterances: list[Utterance] = []
    first = 0
    for speaker, text in turns:
        words = timed(text, speaker=speaker, first=first)
        first += len(words)
        utterances.append(Utterance(words[0].start, words[-1].end, speaker, words))
    labels = dict.fromkeys(speaker for speaker, _ in turns)
    speakers = {label: Speaker(label=label, name=(names or {}).get(label)) for label in labels}
    return Transcript("en", STEP_S * first, tuple(utterances), speakers=speakers)


def said(text: str) -> Transcript:
    return transcript(("SPEAKER_00", text))


def diarization(duration: float) -> Diarization:
    middle = duration / 2
    return Diarization(
        segments=(SpeakerSegment(0.0, middle, 0), SpeakerSegment(middle, duration, 1)),
        turns=(DiarizeSegment(0.0, middle, 0), DiarizeSegment(middle, duration, 1)),
        speech=(SpeechRange(0.0, duration),),
        duration=duration,
    )


class Given:
    """A plugin with given words and speaker names."""

    name = "given"

    def __init__(self, words: Iterable[Word], name: Callable[[Transcript], Transcript] = lambda each: each) -> None:
        self._words = tuple(words)
        self._name = name

    @hookimpl
    def oolong_diarizers(self) -> list[DiarizerEntry]:
        return [DiarizerEntry("given", "two speakers", lambda _: lambda audio, **__: diarization(audio.duration))]

    @hookimpl
    def oolong_transcribers(self) -> list[TranscriberEntry]:
        return [TranscriberEntry("given", "these words", lambda _: lambda *__, **___: Words("en", self._words))]

    @hookimpl
    def oolong_identify(self, transcript: Transcript) -> Transcript:
        return self._name(transcript)
