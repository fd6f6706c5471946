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
NOBODY = Diarization(segments=(), turns=(), speech=(), duration=3.0)
EMPTY = Transcript("en", 3.0, ())


def config_of(host: Host, **options: object) -> Config:
    return host.resolve("transcribe", options)


def plugin(name: str = "mine", **hooks: object) -> object:
    """Make a plugin of functions that are marked already."""
    return type(name, (), {"name": name, **{key: staticmethod(value) for key, value in hooks.items()}})()


# Order: who is asked first, what passes on.


def test_a_plugin_wins_over_the_core() -> None:
    @hookimpl
    def oolong_diarize(audio: object) -> Diarization:
        return replace(NOBODY, warnings=("mine",))

    host = make_host(plugin(oolong_diarize=oolong_diarize))
    assert host.diarize(AUDIO, config_of(host)).warnings == ("mine",)


def test_the_last_registered_plugin_is_asked_first_and_none_passes_on() -> None:
    asked = []

    def giving(name: str, result: Diarization | None) -> object:
        @hookimpl
        def oolong_diarize(audio: object) -> Diarization | None:
            asked.append(name)
            return result

        return plugin(name, oolong_diarize=oolong_diarize)

    host = make_host(giving("first", NOBODY), giving("second", None))
    assert host.diarize(AUDIO, config_of(host)) is NOBODY
    assert asked == ["second", "first"]


def test_an_empty_result_is_a_result() -> None:
    @hookimpl
    def oolong_transcribe(audio: object) -> Words:
        return Words("", ())

    host = make_host(plugin(oolong_transcribe=oolong_transcribe))
    assert host.transcribe(AUDIO, (SpeechRange(0, 1),), config_of(host)) == Words("", ())


def test_a_wrapper_edits_what_the_core_made() -> None:
    @hookimpl(wrapper=True)
    def oolong_align(words: Words) -> Iterator[None]:
        transcript = yield
        return replace(transcript, language=transcript.language.upper())

    host = make_host(plugin(oolong_align=oolong_align))
    assert host.align(Words("en", ()), NOBODY, config_of(host)).language == "EN"


def test_a_cache_is_a_lookup_and_an_innermost_store_and_edits_are_applied_once() -> None:
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


# Errors: whose fault, and the way out.


def boom(*_: object) -> None:
    raise KeyError("boom")


def test_an_exception_names_plugin_hook_and_way_out() -> None:
    @hookimpl
    def oolong_diarize(audio: object) -> None:
        boom()

    host = make_host(plugin(oolong_diarize=oolong_diarize))
    with pytest.raises(
        PluginError, match=r"^plugin 'mine' failed in oolong_diarize: KeyError: 'boom'; run without it: -p no:mine$"
    ):
        host.diarize(AUDIO, config_of(host))


def test_the_deepest_frame_tells_who_raised() -> None:
    @hookimpl(wrapper=True)
    def oolong_diarize(audio: object) -> Iterator[None]:
        return (yield)

    @hookimpl
    def raising(audio: object) -> None:
        boom()

    outer = plugin("outer", oolong_diarize=oolong_diarize)
    inner = plugin("inner", oolong_diarize=raising)
    host = make_host(inner, outer)
    with pytest.raises(PluginError, match="plugin 'inner'"):
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
    with pytest.raises(PluginError, match="plugin 'guilty'"):
        host.align(Words("en", ()), NOBODY, config_of(host))


def test_two_instances_of_one_class_are_told_apart() -> None:
    class Maybe:
        def __init__(self, name: str, fails: bool) -> None:
            self.name, self.fails = name, fails

        @hookimpl
        def oolong_diarize(self, audio: object) -> Diarization | None:
            return boom() if self.fails else None

    host = make_host(Maybe("a", True), Maybe("b", False))
    with pytest.raises(PluginError, match="plugin 'a'"):
        host.diarize(AUDIO, config_of(host))


def test_a_decorated_implementation_is_found() -> None:
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
    with pytest.raises(PluginError, match="plugin 'mine'"):
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
        assert "plugin 'mine' failed in diarizer 'raising': MemoryError" in str(caught.value)
    else:
        assert caught.value is error


def test_what_the_core_itself_raises_is_nobody_elses_fault() -> None:
    @hookimpl(wrapper=True)
    def oolong_align(words: Words) -> Iterator[None]:
        return (yield)

    host = make_host(plugin(oolong_align=oolong_align))
    with pytest.raises((AttributeError, InputError)):
        host.align(None, NOBODY, config_of(host))


def test_none_from_everybody_is_an_error() -> None:
    @hookimpl(wrapper=True)
    def oolong_align(words: Words) -> Iterator[None]:
        yield

    host = make_host(plugin(oolong_align=oolong_align))
    with pytest.raises(PluginError, match=r"plugin 'mine' broke the contract in oolong_align: gave None.*-p no:mine"):
        host.align(Words("en", ()), NOBODY, config_of(host))


def test_a_wrapper_that_yields_twice_is_named() -> None:
    @hookimpl(wrapper=True)
    def oolong_align(words: Words) -> Iterator[None]:
        yield
        yield

    host = make_host(plugin(oolong_align=oolong_align))
    with pytest.raises(PluginError, match="plugin 'mine' failed in oolong_align: RuntimeError"):
        host.align(Words("en", ()), NOBODY, config_of(host))


# What is returned.

SEGMENT = SpeakerSegment(0.0, 1.0, 0)
TURN = DiarizeSegment(0.0, 1.0, 0)


@pytest.mark.parametrize(
    ("result", "rule"),
    [
        ([], "must be Diarization, not list"),
        (replace(NOBODY, duration=float("nan")), "duration must be a number"),
        (replace(NOBODY, turns=[]), "must be tuple, not list"),
        (replace(NOBODY, turns=(SEGMENT,)), "turns must hold DiarizeSegment"),
        (replace(NOBODY, turns=(DiarizeSegment(2.0, 1.0, 0),)), "times must rise"),
        (replace(NOBODY, turns=(DiarizeSegment(-1.0, 1.0, 0),)), "times must rise"),
        (replace(NOBODY, turns=(DiarizeSegment(0.0, 9.0, 0),)), "after the end of the recording"),
        (replace(NOBODY, turns=(DiarizeSegment(1.0, 2.0, 0), TURN)), "turns must be sorted"),
        (replace(NOBODY, turns=(DiarizeSegment(0.0, 1.0, -1),)), "integers from 0"),
        (replace(NOBODY, turns=(DiarizeSegment(0.0, 1.0, True),)), "integers from 0, not True"),
        (replace(NOBODY, duration=True), "duration must be a number"),
        (replace(NOBODY, segments=(SEGMENT,)), "speaker 0, who has no turn"),
        (
            replace(NOBODY, turns=(TURN,), segments=(SEGMENT, SpeakerSegment(0.5, 2.0, 0))),
            "segments must not overlap",
        ),
        (replace(NOBODY, speech=(SpeechRange(0, 2), SpeechRange(1, 3))), "speech must not overlap"),
        (replace(NOBODY, embeddings={0: np.full(3, np.nan)}), "finite vector"),
        (replace(NOBODY, embeddings={0: np.ones(3), 1: np.ones(4)}), "one size"),
        (replace(NOBODY, embeddings={0: [1.0, 2.0]}), "must be a numpy array of float32, not list"),
        (replace(NOBODY, embeddings={0: np.ones(3, np.int64)}), "must be a numpy array of float32, not one of int64"),
        (replace(NOBODY, embeddings={0: np.full(3, 1e300)}), "finite vector"),
        (replace(NOBODY, embeddings={True: np.ones(3, np.float32)}), "integers from 0, as keys, not True"),
        (replace(NOBODY, embeddings={"Ada": np.ones(3)}), "integers from 0, as keys"),
        (replace(NOBODY, embeddings=[1]), "a mapping by speaker, not list"),
        (replace(NOBODY, turns=(TURN, DiarizeSegment(0.0, 1.0, "Ada"))), "TypeError"),
        (replace(NOBODY, voice=5), "voice must have the method embed"),
        (replace(NOBODY, warnings="one"), "must be tuple, not str"),
    ],
)
def test_a_diarization_that_breaks_a_rule_is_refused(result: object, rule: str) -> None:
    @hookimpl
    def oolong_diarize(audio: object) -> object:
        return result

    host = make_host(plugin(oolong_diarize=oolong_diarize))
    with pytest.raises(PluginError, match=f"plugin 'mine' broke the contract in oolong_diarize.*{rule}"):
        host.diarize(AUDIO, config_of(host))


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (Words("en", (Word(1.0, 2.0, "b"), Word(0.0, 1.0, "a"))), "sorted"),
        (Words("en", (Word(0.0, 1.0, ""),)), "not empty"),
        (Words("en", (Word(0.0, float("inf"), "a"),)), "times must rise"),
        (Words("en", (Word(0.0, 1.0, "a", 1.5),)), "from 0 to 1"),
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


def test_speakers_that_a_transcript_names_must_exist() -> None:
    word = Word(0.0, 1.0, "a", speaker="SPEAKER_07")
    ghost = replace(EMPTY, utterances=(Utterance(0.0, 1.0, "SPEAKER_07", (word,)),))
    mislabelled = replace(EMPTY, speakers={"SPEAKER_00": Speaker(label="SPEAKER_01")})
    for transcript, rule in ((ghost, "'SPEAKER_07', who is not among"), (mislabelled, "has the label")):

        @hookimpl
        def oolong_identify(transcript: Transcript, result: object = transcript) -> object:
            return result

        @hookimpl(specname="oolong_identify")
        def identify(transcript: Transcript) -> object:
            return oolong_identify(transcript)

        host = make_host(plugin(identify=identify))
        with pytest.raises(PluginError, match=rule):
            host.identify(EMPTY, NOBODY, config_of(host))


def test_a_generator_returned_by_mistake_gets_a_hint() -> None:
    @hookimpl
    def oolong_align(words: Words) -> Iterator[None]:
        yield

    host = make_host(plugin(oolong_align=oolong_align))
    with pytest.raises(PluginError, match="did you forget wrapper=True"):
        host.align(Words("en", ()), NOBODY, config_of(host))


def test_several_suspects_are_all_named() -> None:
    def broken(name: str) -> object:
        @hookimpl(wrapper=True)
        def oolong_align(words: Words) -> Iterator[None]:
            yield
            return "text"

        return plugin(name, oolong_align=oolong_align)

    host = make_host(broken("a"), broken("b"))
    with pytest.raises(PluginError, match=r"one of plugin 'a', plugin 'b' broke .* -p no:a, -p no:b"):
        host.align(Words("en", ()), NOBODY, config_of(host))
