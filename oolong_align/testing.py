"""Checks for plugin authors that a diarizer, transcriber, format or speaker store complies with the contract.

The checks are plain functions for any test runner and raise ``AssertionError`` with the broken rule. ``make_host`` runs
the whole program with plugins that are defined in a test, without installing them.

Examples
--------
>>> from oolong_align.hookspecs import OutputFormat
>>> check_format(OutputFormat("count", ".count.txt", "Number of words", lambda t: str(len(t.words))))
"""

from __future__ import annotations

import contextlib
import tempfile
import wave
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from oolong_align.audio.recording import Audio, load_audio
from oolong_align.builtin.plugin import CorePlugin
from oolong_align.errors import OolongError
from oolong_align.plugin.contract import BrokenRuleError, validate_diarization, validate_words
from oolong_align.plugin.entries import (
    Config,
    DiarizeCall,
    OutputFormat,
    SpeakerStore,
    TranscribeCall,
)
from oolong_align.plugin.host import Host
from oolong_align.plugin.manager import PluginManager
from oolong_align.plugin.owners import Owner
from oolong_align.plugin.spec import hookimpl
from oolong_align.plugin.store_contract import check_store
from oolong_align.timing.grid import SAMPLE_RATE
from oolong_align.types import (
    Diarization,
    DiarizeSegment,
    Speaker,
    SpeakerSegment,
    SpeechRange,
    Transcript,
    Utterance,
    Word,
)

__all__ = ["check_diarizer", "check_format", "check_speaker_store", "check_transcriber", "make_host"]

HOSTILE: Final = ("<b>&amp;\"'", "a\tb", "-->", "日本語", "שלום", "🙂", "\\N{x}", "a b;c")
_TOLERANCE_S: Final = 0.5
Returned = TypeVar("Returned")


def make_host(*plugins: object) -> Host:
    """Return a host with the built-in plugin and the given ones, without installed plugins.

    Parameters
    ----------
    *plugins : module or object
        Registered in this order. The name of a plugin is its attribute ``name``, its module's or its class's name.

    Raises
    ------
    PluginError
        If a plugin cannot be registered.
    """
    manager = PluginManager(CorePlugin())
    for plugin in plugins:
        name = getattr(plugin, "name", None) or getattr(plugin, "__name__", None) or type(plugin).__name__
        manager.register(plugin, Owner(str(name)))
    return Host(manager)


def check_diarizer(
    build: Callable[[Config], DiarizeCall],
    *,
    config: Config | None = None,
    recordings: Sequence[Audio] | None = None,
) -> None:
    """Check a diarizer.

    Results must have the right types, be inside the recording, sorted, and without overlap in ``segments``. Speaker
    ids count from 0 in order of first appearance and respect the bounds on their number. Two runs return equal results.
    An empty and a silent recording have no speakers. Progress never decreases.

    Parameters
    ----------
    build : callable
        As in :class:`~oolong_align.hookspecs.DiarizerEntry`.
    config : Config, optional
        For a diarizer with its own options: ``make_host(plugin).resolve("diarize", {...})``.
    recordings : sequence of Audio, optional
        For a diarizer that accepts certain recordings only. By default: an empty one, silence and noise.

    Raises
    ------
    AssertionError
        If a rule is broken; the message states the rule.
    """
    config = config or make_host().resolve("diarize", {})
    diarize = _calling("build(config)", build)(config)
    _require(callable(diarize), "build(config) must return a callable")
    diarize = _calling("The diarizer", diarize)
    for audio, silent in _recordings(recordings):
        with _progress_checked() as progress:
            first = _contract(validate_diarization, diarize(audio, progress=progress))
        again = diarize(audio, num_speakers=None, min_speakers=None, max_speakers=None, progress=None)
        second = _contract(validate_diarization, again)
        same = (first.segments, first.turns, first.speech) == (second.segments, second.turns, second.speech)
        _require(same, "two runs on one recording must return equal results")
        _require(abs(first.duration - audio.duration) < 0.01, "duration must be that of the recording")
        ids = list(dict.fromkeys(turn.speaker_id for turn in first.turns))
        _require(ids == list(range(len(ids))), f"speaker ids must count from 0 in order of first appearance, not {ids}")
        if silent:
            _require(not first.turns and not first.segments, "silence must have no turns and no segments")
        one = _contract(validate_diarization, diarize(audio, max_speakers=1))
        _require(len(one.speaker_ids) <= 1, "max_speakers=1 must return at most one speaker")


def check_transcriber(
    build: Callable[[Config], TranscribeCall],
    *,
    config: Config | None = None,
    recordings: Sequence[Audio] | None = None,
) -> None:
    """Check a transcriber.

    Words must be sorted and inside the speech ranges, with a tolerance of half a second. Without ranges, there must be
    no words. Progress must never decrease.

    Parameters
    ----------
    build : callable
        As in :class:`~oolong_align.hookspecs.TranscriberEntry`.
    config : Config, optional
        For a transcriber with its own options: ``make_host(plugin).resolve("transcribe", {...})``.
    recordings : sequence of Audio, optional
        By default: an empty one, silence and noise.

    Raises
    ------
    AssertionError
        If a rule is broken; the message states the rule.
    """
    config = config or make_host().resolve("transcribe", {})
    transcribe = _calling("build(config)", build)(config)
    _require(callable(transcribe), "build(config) must return a callable")
    transcribe = _calling("The transcriber", transcribe)
    for audio, _ in _recordings(recordings):
        empty = _contract(validate_words, transcribe(audio, (), progress=None))
        _require(not empty.words, "without speech ranges there must be no words")
        if audio.duration == 0:
            continue
        speech = (SpeechRange(0.0, audio.duration / 4), SpeechRange(audio.duration / 2, audio.duration))
        with _progress_checked() as progress:
            found = _contract(validate_words, transcribe(audio, speech, progress=progress))
        for word in found.words:
            inside = any(
                span.start - _TOLERANCE_S <= word.start and word.end <= span.end + _TOLERANCE_S for span in speech
            )
            _require(inside, f"{word.text!r} at {word.start} s is outside the speech ranges")


def check_format(fmt: OutputFormat, *, config: Config | None = None) -> None:
    """Check an output format.

    The format must be valid for registration. It must render valid UTF-8, and the same text twice, for three
    transcripts: an empty one, one without words, and one with hostile words and names, overlapping turns and words
    without a speaker. With ``render_file``, a recording of ten seconds of noise is used as well.

    Parameters
    ----------
    fmt : OutputFormat
    config : Config, optional
        For a format with its own options: ``make_host(plugin).resolve("transcribe", {...})``.

    Raises
    ------
    AssertionError
        If a rule is broken; the message states the rule.
    """
    core = [(each.name, each.suffix, each.summary) for each in make_host().formats().values()]
    own = (fmt.name, fmt.suffix, fmt.summary) in core
    checked = replace(fmt, name=f"checked_{fmt.name}", suffix=f".checked{fmt.suffix}") if own else fmt

    class Plugin:
        name = "checked"

        @hookimpl
        def oolong_formats(self) -> list[OutputFormat]:
            return [checked]

    try:
        host = make_host(Plugin())
        host.add_options()
        config = config or host.resolve("transcribe", {})
        registered = host.formats()[checked.name]
        _require(bool(fmt.name and fmt.summary), "a format must have a name and a summary for --help")
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / f"a meeting{fmt.suffix}"
            recording = _write_noise(target.with_name("a meeting.wav")) if fmt.render_file else None
            for transcript in (Transcript("", 0.0, ()), _transcript(words=False), _transcript(words=True)):
                if fmt.words and not transcript.utterances and transcript.diarization is not None:
                    continue
                for given in dict.fromkeys((None, recording)):
                    text = registered.render_for(transcript, config, given, target)
                    again = registered.render_for(transcript, config, given, target)
                    _require(text == again, "rendering one transcript twice must return the same text")
                    text.encode("utf-8")
            _require(not target.exists(), "render_file must return the text; the host writes the file")
    except OolongError as error:
        raise AssertionError(str(error)) from error
    except UnicodeEncodeError as error:
        raise AssertionError(f"the text must be valid UTF-8: {error}") from error


def check_speaker_store(open_store: Callable[[], SpeakerStore]) -> None:
    """Check a speaker store.

    Voices must be returned bit by bit, ids never reused, and other models rejected. ``nearest`` must return the nearest
    voices. Transactions must be atomic, and concurrent writers must not lose data.

    Parameters
    ----------
    open_store : callable
        Opens the same store on each call. It is empty at first, and two may be open at once.

    Raises
    ------
    AssertionError
        If a rule is broken; the message states the rule.
    """
    check_store(open_store)


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise AssertionError(rule)


def _calling(what: str, call: Callable[..., Returned]) -> Callable[..., Returned]:
    """Wrap a call: an exception is a broken rule."""

    def called(*args: Any, **kwargs: Any) -> Returned:
        try:
            return call(*args, **kwargs)
        except AssertionError:
            raise
        except Exception as error:
            raise AssertionError(f"{what} must not raise: {type(error).__name__}: {error}") from error

    return called


def _contract(check: Callable[[object], Returned], value: object) -> Returned:
    try:
        return check(value)
    except BrokenRuleError as error:
        raise AssertionError(str(error)) from error


@contextlib.contextmanager
def _progress_checked() -> Iterator[Callable[[str, float, float], None]]:
    last: dict[str, float] = {}

    def progress(stage: str, done: float, total: float) -> None:
        _require(0 <= done <= total, f"progress of {stage}: {done} must be from 0 to {total}")
        _require(done >= last.get(stage, 0), f"progress of {stage} must not decrease to {done}")
        last[stage] = done

    yield progress


def _write_noise(path: Path) -> Path:
    samples = np.random.default_rng(0).integers(-1000, 1000, 10 * SAMPLE_RATE, dtype="<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return path


def _recordings(given: Sequence[Audio] | None) -> list[tuple[Audio, bool]]:
    """Recordings, and whether they are silent."""
    if given is not None:
        return [(audio, False) for audio in given]
    noise = np.random.default_rng(0).normal(0, 0.05, 12 * SAMPLE_RATE).astype(np.float32)
    quiet: list[Any] = [np.zeros(0, np.float32), np.zeros(3 * SAMPLE_RATE, np.float32)]
    return [*((load_audio(each), True) for each in quiet), (load_audio(noise), False)]


def _transcript(*, words: bool) -> Transcript:
    """Two speakers with hostile names, overlapping turns, and words without a speaker."""
    turns = (DiarizeSegment(0.0, 4.0, 0), DiarizeSegment(3.0, 8.0, 1))
    diarization = Diarization(
        segments=(SpeakerSegment(0.0, 3.5, 0, True), SpeakerSegment(3.5, 8.0, 1, True)),
        turns=turns,
        speech=(SpeechRange(0.0, 8.0),),
        duration=10.0,
        embeddings={0: np.full(4, 0.5, np.float32), 1: np.full(4, -0.5, np.float32)},
    )
    labels = ("SPEAKER_00", "SPEAKER_01", None)
    utterances = []
    for index, label in enumerate(labels):
        start = 3.0 * index
        spoken = tuple(
            Word(start + 0.3 * place, start + 0.3 * place + 0.3, text, 0.9, label, None if label is None else 0.8)
            for place, text in enumerate(HOSTILE)
        )
        utterances.append(Utterance(start, spoken[-1].end, label, spoken))
    return Transcript(
        language="en",
        duration=10.0,
        utterances=tuple(utterances) if words else (),
        diarization=diarization,
        speakers={
            "SPEAKER_00": Speaker(label="SPEAKER_00", name='<i>"Ada" & co</i>', seconds=3.5, words=8),
            "SPEAKER_01": Speaker(label="SPEAKER_01", seconds=4.5, words=8),
        },
        source="a meeting",
    )
