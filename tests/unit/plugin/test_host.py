from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from oolong_align.audio.recording import load_audio
from oolong_align.errors import AudioError, InputError, PluginError, UsageError
from oolong_align.hookspecs import (
    Config,
    DiarizerEntry,
    hookimpl,
)
from oolong_align.plugin.host import Host
from oolong_align.testing import make_host
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

AUDIO = load_audio(np.zeros(48_000, np.float32))
EMPTY_DIARIZATION = Diarization(segments=(), turns=(), speech=(), duration=3.0)
EMPTY = Transcript("en", 3.0, ())


def config_of(host: Host, **options: object) -> Config:
    return host.resolve("transcribe", options)


def plugin(name: str = "mine", **hooks: object) -> object:
    """Make a plugin from functions that are already marked."""
    return type(name, (), {"name": name, **{key: staticmethod(value) for key, value in hooks.items()}})()


# Order of the implementations.


def test_a_plugin_precedes_the_core() -> None:
    @hookimpl
    def oolong_diarize(audio: object) -> Diarization:
        return replace(EMPTY_DIARIZATION, warnings=("mine",))

    host = make_host(plugin(oolong_diarize=oolong_diarize))
    assert host.diarize(AUDIO, config_of(host)).warnings == ("mine",)


def test_the_last_registered_plugin_is_called_first_and_none_passes_on() -> None:
    called = []

    def returning(name: str, result: Diarization | None) -> object:
        @hookimpl
        def oolong_diarize(audio: object) -> Diarization | None:
            called.append(name)
            return result

        return plugin(name, oolong_diarize=oolong_diarize)

    host = make_host(returning("first", EMPTY_DIARIZATION), returning("second", None))
    assert host.diarize(AUDIO, config_of(host)) is EMPTY_DIARIZATION
    assert called == ["second", "first"]


def test_an_empty_result_is_a_result() -> None:
    @hookimpl
    def oolong_transcribe(audio: object) -> Words:
        return Words("", ())

    host = make_host(plugin(oolong_transcribe=oolong_transcribe))
    assert host.transcribe(AUDIO, (SpeechRange(0, 1),), config_of(host)) == Words("", ())


def test_a_wrapper_changes_the_result_of_the_core() -> None:
    @hookimpl(wrapper=True)
    def oolong_align(words: Words) -> Iterator[None]:
        transcript = yield
        return replace(transcript, language=transcript.language.upper())

    host = make_host(plugin(oolong_align=oolong_align))
    assert host.align(Words("en", ()), EMPTY_DIARIZATION, config_of(host)).language == "EN"


def test_a_cache_needs_a_lookup_and_an_innermost_wrapper() -> None:
    class Cache:
        def __init__(self) -> None:
            self.kept: dict[str, Words] = {}

        @hookimpl(tryfirst=True, specname="oolong_transcribe")
        def look_up(self, audio: object) -> Words | None:
            return self.kept.get("key")

        @hookimpl(wrapper=True, trylast=True, specname="oolong_transcribe")
        def keep(self, audio: object) -> Iterator[None]:
            self.kept["key"] = yield
            return self.kept["key"]

    class Shout:
        @hookimpl(wrapper=True)
        def oolong_transcribe(self) -> Iterator[None]:
            words = yield
            return replace(words, words=tuple(replace(word, text=word.text + "!") for word in words.words))

    made = []

    class Engine:
        @hookimpl
        def oolong_transcribe(self) -> Words:
            made.append(1)
            return Words("en", (Word(0.0, 1.0, "hello"),))

    cache = Cache()
    host = make_host(Engine(), cache, Shout())
    config = config_of(host)
    for _ in range(2):
        words = host.transcribe(AUDIO, (), config)
        assert [word.text for word in words.words] == ["hello!"]
        assert [word.text for word in cache.kept["key"].words] == ["hello"]
    assert made == [1]


# Errors name the plugin and how to run without it.


def boom(*_: object) -> None:
    raise KeyError("boom")


def test_an_exception_names_plugin_hook_and_option() -> None:
    @hookimpl
    def oolong_diarize(audio: object) -> None:
        boom()

    host = make_host(plugin(oolong_diarize=oolong_diarize))
    with pytest.raises(
        PluginError, match=r"^Plugin 'mine' failed in oolong_diarize: KeyError: 'boom'\. Run without it: -p no:mine$"
    ):
        host.diarize(AUDIO, config_of(host))


def test_an_error_that_passes_a_wrapper_belongs_to_the_inner_plugin() -> None:
    @hookimpl(wrapper=True)
    def oolong_diarize(audio: object) -> Iterator[None]:
        return (yield)

    @hookimpl
    def raising(audio: object) -> None:
        boom()

    outer = plugin("outer", oolong_diarize=oolong_diarize)
    inner = plugin("inner", oolong_diarize=raising)
    host = make_host(inner, outer)
    with pytest.raises(PluginError, match="Plugin 'inner'"):
        host.diarize(AUDIO, config_of(host))


def test_a_wrapper_that_raises_after_the_yield_is_named() -> None:
    @hookimpl(wrapper=True)
    def oolong_align(words: Words) -> Iterator[None]:
        yield
        boom()

    @hookimpl(wrapper=True)
    def innocent(words: Words) -> Iterator[None]:
        return (yield)

    host = make_host(plugin("guilty", oolong_align=oolong_align), plugin("innocent", oolong_align=innocent))
    with pytest.raises(PluginError, match="Plugin 'guilty'"):
        host.align(Words("en", ()), EMPTY_DIARIZATION, config_of(host))


def test_two_instances_of_one_class_have_different_owners() -> None:
    class Maybe:
        def __init__(self, name: str, fails: bool) -> None:
            self.name, self.fails = name, fails

        @hookimpl
        def oolong_diarize(self, audio: object) -> Diarization | None:
            return boom() if self.fails else None

    host = make_host(Maybe("a", True), Maybe("b", False))
    with pytest.raises(PluginError, match="Plugin 'a'"):
        host.diarize(AUDIO, config_of(host))


def test_a_decorated_implementation_has_its_owner() -> None:
    def decorate(function: object) -> object:
        @functools.wraps(function)
        def inner(audio: object) -> object:
            return function(audio)

        return inner

    @hookimpl
    @decorate
    def oolong_diarize(audio: object) -> None:
        boom()

    host = make_host(plugin(oolong_diarize=oolong_diarize))
    with pytest.raises(PluginError, match="Plugin 'mine'"):
        host.diarize(AUDIO, config_of(host))


@pytest.mark.parametrize("error", [AudioError("bad"), UsageError("worse"), KeyboardInterrupt(), MemoryError()])
def test_errors_of_this_package_and_of_the_core_pass_unchanged(error: BaseException) -> None:
    def build(config: Config) -> object:
        def diarize(*_: object, **__: object) -> Diarization:
            raise error

        return diarize

    @hookimpl
    def oolong_diarizers() -> list[DiarizerEntry]:
        return [DiarizerEntry("raising", "raises", build)]

    @hookimpl(wrapper=True)
    def oolong_diarize(audio: object) -> Iterator[None]:
        return (yield)

    host = make_host(plugin(oolong_diarizers=oolong_diarizers), plugin("w", oolong_diarize=oolong_diarize))
    expected = PluginError if isinstance(error, MemoryError) else type(error)
    with pytest.raises(expected) as caught:
        host.diarize(AUDIO, config_of(host, diarizer="raising"))
    if isinstance(error, MemoryError):
        assert "Plugin 'mine' failed in diarizer 'raising': MemoryError" in str(caught.value)
    else:
        assert caught.value is error


def test_errors_of_the_core_are_not_attributed_to_a_plugin() -> None:
    @hookimpl(wrapper=True)
    def oolong_align(words: Words) -> Iterator[None]:
        return (yield)

    host = make_host(plugin(oolong_align=oolong_align))
    with pytest.raises((AttributeError, InputError)):
        host.align(None, EMPTY_DIARIZATION, config_of(host))


def test_a_wrapper_must_return_a_result() -> None:
    @hookimpl(wrapper=True)
    def oolong_align(words: Words) -> Iterator[None]:
        yield

    host = make_host(plugin(oolong_align=oolong_align))
    with pytest.raises(
        PluginError, match=r"Plugin 'mine' broke the contract in oolong_align: returned None.*-p no:mine"
    ):
        host.align(Words("en", ()), EMPTY_DIARIZATION, config_of(host))


# Results.

SEGMENT = SpeakerSegment(0.0, 1.0, 0)
TURN = DiarizeSegment(0.0, 1.0, 0)


@pytest.mark.parametrize(
    ("result", "rule"),
    [
        ([], "must be Diarization, not list"),
        (replace(EMPTY_DIARIZATION, duration=float("nan")), "duration must be a number"),
        (replace(EMPTY_DIARIZATION, turns=[]), "must be tuple, not list"),
        (replace(EMPTY_DIARIZATION, turns=(SEGMENT,)), "turns must contain DiarizeSegment"),
        (replace(EMPTY_DIARIZATION, turns=(DiarizeSegment(2.0, 1.0, 0),)), "invalid time range"),
        (replace(EMPTY_DIARIZATION, turns=(DiarizeSegment(-1.0, 1.0, 0),)), "invalid time range"),
        (replace(EMPTY_DIARIZATION, turns=(DiarizeSegment(0.0, 9.0, 0),)), "after the end of the recording"),
        (replace(EMPTY_DIARIZATION, turns=(DiarizeSegment(1.0, 2.0, 0), TURN)), "turns must be sorted"),
        (replace(EMPTY_DIARIZATION, turns=(DiarizeSegment(0.0, 1.0, -1),)), "integers from 0"),
        (replace(EMPTY_DIARIZATION, turns=(DiarizeSegment(0.0, 1.0, True),)), "integers from 0, not True"),
        (replace(EMPTY_DIARIZATION, duration=True), "duration must be a number"),
        (replace(EMPTY_DIARIZATION, segments=(SEGMENT,)), "speaker 0, which has no turn"),
        (
            replace(EMPTY_DIARIZATION, turns=(TURN,), segments=(SEGMENT, SpeakerSegment(0.5, 2.0, 0))),
            "segments must not overlap",
        ),
        (replace(EMPTY_DIARIZATION, speech=(SpeechRange(0, 2), SpeechRange(1, 3))), "speech must not overlap"),
        (replace(EMPTY_DIARIZATION, embeddings={0: np.full(3, np.nan)}), "finite vector"),
        (replace(EMPTY_DIARIZATION, embeddings={0: np.ones(3), 1: np.ones(4)}), "one size"),
        (replace(EMPTY_DIARIZATION, embeddings={0: [1.0, 2.0]}), "must be a numpy array of float32, not list"),
        (
            replace(EMPTY_DIARIZATION, embeddings={0: np.ones(3, np.int64)}),
            "must be a numpy array of float32, not an array of int64",
        ),
        (replace(EMPTY_DIARIZATION, embeddings={0: np.full(3, 1e300)}), "finite vector"),
        (replace(EMPTY_DIARIZATION, embeddings={True: np.ones(3, np.float32)}), "integers from 0, as keys, not True"),
        (replace(EMPTY_DIARIZATION, embeddings={"Ada": np.ones(3)}), "integers from 0, as keys"),
        (replace(EMPTY_DIARIZATION, embeddings=[1]), "a mapping of speakers, not list"),
        (replace(EMPTY_DIARIZATION, turns=(TURN, DiarizeSegment(0.0, 1.0, "Ada"))), "TypeError"),
        (replace(EMPTY_DIARIZATION, voice=5), "voice must have the method embed"),
        (replace(EMPTY_DIARIZATION, warnings="one"), "must be tuple, not str"),
    ],
)
def test_a_diarization_that_breaks_a_rule_is_refused(result: object, rule: str) -> None:
    @hookimpl
    def oolong_diarize(audio: object) -> object:
        return result

    host = make_host(plugin(oolong_diarize=oolong_diarize))
    with pytest.raises(PluginError, match=f"Plugin 'mine' broke the contract in oolong_diarize.*{rule}"):
        host.diarize(AUDIO, config_of(host))


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (Words("en", (Word(1.0, 2.0, "b"), Word(0.0, 1.0, "a"))), "sorted"),
        (Words("en", (Word(0.0, 1.0, ""),)), "non-empty"),
        (Words("en", (Word(0.0, float("inf"), "a"),)), "invalid time range"),
        (Words("en", (Word(0.0, 1.0, "a", 1.5),)), "between 0 and 1"),
        (Words(None, ()), "must be str"),
    ],
)
def test_words_that_break_a_rule_are_refused(words: Words, rule: str) -> None:
    @hookimpl
    def oolong_transcribe(audio: object) -> Words:
        return words

    host = make_host(plugin(oolong_transcribe=oolong_transcribe))
    with pytest.raises(PluginError, match=rule):
        host.transcribe(AUDIO, (), config_of(host))


def test_speakers_in_a_transcript_must_exist() -> None:
    word = Word(0.0, 1.0, "a", speaker="SPEAKER_07")
    ghost = replace(EMPTY, utterances=(Utterance(0.0, 1.0, "SPEAKER_07", (word,)),))
    mislabelled = replace(EMPTY, speakers={"SPEAKER_00": Speaker(label="SPEAKER_01")})
    for transcript, rule in ((ghost, "'SPEAKER_07', which is not in"), (mislabelled, "has the label")):

        @hookimpl
        def oolong_identify(transcript: Transcript, result: object = transcript) -> object:
            return result

        @hookimpl(specname="oolong_identify")
        def identify(transcript: Transcript) -> object:
            return oolong_identify(transcript)

        host = make_host(plugin(identify=identify))
        with pytest.raises(PluginError, match=rule):
            host.identify(EMPTY, EMPTY_DIARIZATION, config_of(host))


def test_the_error_for_a_generator_suggests_wrapper_true() -> None:
    @hookimpl
    def oolong_align(words: Words) -> Iterator[None]:
        yield

    host = make_host(plugin(oolong_align=oolong_align))
    with pytest.raises(PluginError, match="did you forget wrapper=True"):
        host.align(Words("en", ()), EMPTY_DIARIZATION, config_of(host))
