from __future__ import annotations

from collections.abc import Iterator

import click
import numpy as np
import pytest

from oolong_align.audio.recording import load_audio
from oolong_align.errors import PluginError, UsageError
from oolong_align.hookspecs import (
    Config,
    DiarizerEntry,
    ExecutorEntry,
    OptionGroup,
    OutputFormat,
    SpeakerStoreEntry,
    TranscriberEntry,
    hookimpl,
)
from oolong_align.plugin.host import Host
from oolong_align.testing import make_host
from oolong_align.types import (
    Diarization,
    SpeechRange,
    Transcript,
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


def boom(*_: object) -> None:
    raise KeyError("boom")


# Entries.


def fmt(name: str = "mine", suffix: str = ".mine") -> OutputFormat:
    return OutputFormat(name, suffix, "mine", lambda transcript: "")


def formats(*entries: object, name: str = "mine") -> object:
    @hookimpl
    def oolong_formats() -> object:
        return list(entries)

    return plugin(name, oolong_formats=oolong_formats)


def test_the_error_for_two_entries_with_one_name_names_both_owners() -> None:
    with pytest.raises(
        PluginError,
        match=r"format 'mine' belongs to both plugin 'a' and plugin 'b'\. Disable one of them: -p no:a or -p no:b",
    ):
        make_host(formats(fmt(), name="a"), formats(fmt(suffix=".other"), name="b"))


def test_an_error_never_suggests_to_disable_the_core() -> None:
    with pytest.raises(PluginError, match=r"both plugin 'core' .* and plugin 'a'\. Disable one of them: -p no:a$"):
        make_host(formats(fmt("srt"), name="a"))


def test_two_formats_with_one_suffix_are_refused() -> None:
    with pytest.raises(PluginError, match=r"suffix '.srt' belongs to both"):
        make_host(formats(fmt("other", ".srt")))


@pytest.mark.parametrize(
    ("entry", "rule"),
    [
        ("srt", "must be OutputFormat, not str"),
        (fmt("Loud"), "invalid name 'Loud'"),
        (fmt("mine", "mine"), "invalid suffix"),
        (fmt("mine", "./../x"), "invalid suffix"),
    ],
)
def test_malformed_entries_are_refused(entry: object, rule: str) -> None:
    with pytest.raises(PluginError, match=f"Plugin 'mine' .*{rule}"):
        make_host(formats(entry))


def test_a_generator_of_entries_fails_with_its_owner() -> None:
    @hookimpl
    def oolong_formats() -> Iterator[OutputFormat]:
        yield fmt()
        boom()

    with pytest.raises(PluginError, match="Plugin 'mine' failed in oolong_formats: KeyError"):
        make_host(plugin(oolong_formats=oolong_formats))


def test_a_single_entry_instead_of_a_list_is_refused() -> None:
    @hookimpl
    def oolong_formats() -> object:
        return fmt()

    with pytest.raises(PluginError, match="must return a list, not OutputFormat"):
        make_host(plugin(oolong_formats=oolong_formats))


@pytest.mark.parametrize("made", [None, lambda *_, **__: "words"])
def test_engines_are_guarded(made: object) -> None:
    @hookimpl
    def oolong_transcribers() -> list[TranscriberEntry]:
        return [TranscriberEntry("odd", "odd", lambda _: made)]

    host = make_host(plugin(oolong_transcribers=oolong_transcribers))
    with pytest.raises(PluginError, match="Plugin 'mine' broke the contract in transcriber 'odd'"):
        host.transcribe(AUDIO, (SpeechRange(0, 1),), config_of(host, transcriber="odd"))


def test_an_executor_needs_its_methods() -> None:
    @hookimpl
    def oolong_executors() -> list[ExecutorEntry]:
        return [ExecutorEntry("odd", "odd", lambda _: [])]

    host = make_host(plugin(oolong_executors=oolong_executors))
    config = config_of(host, executor="odd")
    with pytest.raises(PluginError, match="must have the method map"):
        config.executor.open(config)


# Registration.


def test_an_unknown_hook_is_refused() -> None:
    @hookimpl
    def oolong_diarise(audio: object) -> None: ...

    with pytest.raises(
        PluginError, match=r"Plugin 'mine' cannot be registered: unknown hook 'oolong_diarise'.*-p no:mine"
    ):
        make_host(plugin(oolong_diarise=oolong_diarise))


def test_a_plugin_that_cannot_be_registered_leaves_nothing_behind() -> None:
    from oolong_align.builtin.plugin import CorePlugin
    from oolong_align.plugin.manager import Owner, PluginManager

    manager = PluginManager(CorePlugin())

    @hookimpl
    def oolong_diarize(audio: object, config: object = None) -> None:
        boom()

    with pytest.raises(PluginError, match="argument 'config' has a default, so pluggy would not pass it"):
        manager.register(plugin(oolong_diarize=oolong_diarize), Owner("mine", "oolong-mine", "1.2"))
    host = Host(manager)
    assert [row.owner.name for row in host.plugins()] == ["core"]

    @hookimpl
    def good(audio: object) -> Diarization:
        return EMPTY_DIARIZATION

    manager.register(plugin(oolong_diarize=good), Owner("mine"))
    assert host.diarize(AUDIO, config_of(host)) is EMPTY_DIARIZATION


def test_implementations_that_cannot_work_are_refused() -> None:
    @hookimpl
    def unknown_argument(audio: object, speed: object) -> None: ...

    @hookimpl(hookwrapper=True)
    def old_style(audio: object) -> Iterator[None]:
        yield

    @hookimpl(wrapper=True)
    def no_generator(audio: object) -> None: ...

    for function, rule in (
        (unknown_argument, "speed"),
        (old_style, r"old-style wrapper; write @hookimpl\(wrapper=True\)"),
        (no_generator, "not a generator function"),
    ):
        with pytest.raises(PluginError, match=rule):
            make_host(plugin(oolong_diarize=function))

    @hookimpl(wrapper=True)
    def oolong_formats() -> Iterator[None]:
        return (yield)

    with pytest.raises(PluginError, match="oolong_formats is not a stage hook, so it cannot be wrapped"):
        make_host(plugin(oolong_formats=oolong_formats))


def test_a_class_is_refused() -> None:
    class Plugin:
        name = "mine"

    with pytest.raises(PluginError, match="names a class"):
        make_host(Plugin)


def test_two_plugins_with_one_name_are_refused() -> None:
    with pytest.raises(PluginError, match="Two plugins have the name 'mine'"):
        make_host(plugin(), plugin())


def test_rows_list_hooks_and_wrappers() -> None:
    @hookimpl(wrapper=True)
    def oolong_align(words: Words) -> Iterator[None]:
        return (yield)

    @hookimpl
    def oolong_formats() -> list[OutputFormat]:
        return [fmt()]

    rows = make_host(plugin(oolong_align=oolong_align, oolong_formats=oolong_formats)).plugins()
    assert [row.owner.name for row in rows] == ["core", "mine"]
    assert rows[1].hooks == ("oolong_formats",)
    assert rows[1].wrappers == ("oolong_align",)
    assert "oolong_identify" in rows[0].hooks
    assert not rows[0].wrappers


# Options, configuration, commands.


def options(*declarations: str, name: str = "mine", **attributes: object) -> object:
    @hookimpl
    def oolong_add_options(options: OptionGroup) -> None:
        options.add(*declarations, **attributes)

    return plugin(name, oolong_add_options=oolong_add_options)


def test_options_of_plugins_arrive_in_the_configuration() -> None:
    host = make_host(options("--mask", default="***"))
    assert config_of(host).options["mask"] == "***"
    assert config_of(host, mask="#").options["mask"] == "#"
    assert "mask" not in host.resolve("diarize", {}).options


def test_the_error_for_an_option_of_two_plugins_names_both_owners() -> None:
    host = make_host(options("--mask", name="a"), options("--mask", name="b"))
    with pytest.raises(PluginError, match="option of transcribe '--mask' belongs to both plugin 'a' and plugin 'b'"):
        host.add_options()


@pytest.mark.parametrize("flag", ["--model", "--num-speakers", "--srt", "--output_dir", "--quiet", "--diarizer"])
def test_a_plugin_cannot_add_an_option_of_the_core(flag: str) -> None:
    with pytest.raises(PluginError, match="belongs to both plugin 'core'"):
        make_host(options(flag)).add_options()


def test_a_plugin_cannot_require_an_option() -> None:
    with pytest.raises(
        PluginError, match="Plugin 'mine' failed in oolong_add_options: ValueError: Option --key cannot be"
    ):
        make_host(options("--key", required=True)).add_options()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"modle": "x"}, "Unknown option 'modle'. Did you mean 'model'"),
        ({"num_speakers": "many"}, "num_speakers='many'"),
        ({"num_speakers": 0}, "num_speakers=0"),
        ({"diarizer": "kaldi"}, "Unknown diarizer 'kaldi'. Available: vbx"),
        ({"output_format": ["srt,docx"]}, "Unknown output format 'docx'"),
        ({"speakers": "redis://host/1"}, "Unknown speaker store 'redis'"),
        ({"num_speakers": 2, "max_speakers": 3}, "num_speakers cannot be combined with"),
        ({"vad_onset": 0.2}, "vad_offset"),
        ({"language": "elvish"}, "Unknown --language elvish. Use a code such as en"),
        ({"task": "sing"}, "task='sing'"),
        ({"model": "tiny.en", "language": "de"}, "English-only model tiny.en"),
    ],
)
def test_invalid_options_are_usage_errors(given: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        config_of(make_host(), **given)


def test_errors_while_configuring() -> None:
    for error, expected in ((UsageError("no"), UsageError), (OSError("no"), PluginError)):

        @hookimpl(specname="oolong_configure")
        def configure(config: Config) -> None:
            raise error  # noqa: B023  called in this turn of the loop

        with pytest.raises(expected, match="no"):
            config_of(make_host(plugin(configure=configure)))


def test_engines_are_built_once_per_run() -> None:
    built = []

    @hookimpl
    def oolong_diarizers() -> list[DiarizerEntry]:
        def build(config: Config) -> object:
            built.append(1)
            return lambda *_, **__: EMPTY_DIARIZATION

        return [DiarizerEntry("counted", "counted", build)]

    host = make_host(plugin(oolong_diarizers=oolong_diarizers))
    config = config_of(host, diarizer="counted")
    assert not built
    for _ in range(2):
        host.diarize(AUDIO, config)
    assert built == [1]


def test_the_scheme_of_a_url_selects_the_store() -> None:
    @hookimpl
    def oolong_speaker_stores() -> list[SpeakerStoreEntry]:
        return [SpeakerStoreEntry("redis", "Redis", boom)]

    host = make_host(plugin(oolong_speaker_stores=oolong_speaker_stores))
    with pytest.raises(PluginError, match="failed in speaker store 'redis'"):  # opened before any work
        config_of(host, speakers="redis://host/1")


def test_without_a_store_the_transcript_stays_unchanged() -> None:
    host = make_host()
    assert host.identify(EMPTY, EMPTY_DIARIZATION, config_of(host)) is EMPTY


def test_two_plugins_with_one_command() -> None:
    def commands(name: str) -> object:
        @hookimpl
        def oolong_commands(cli: click.Group) -> None:
            cli.add_command(click.Command("hello"))

        return plugin(name, oolong_commands=oolong_commands)

    cli = click.Group("oolong", commands={"vad": click.Command("vad")})
    make_host(commands("a")).commands(cli)
    assert list(cli.commands) == ["vad", "hello"]
    fresh = click.Group("oolong")
    with pytest.raises(PluginError, match="The command 'hello' belongs to both plugin 'a' and plugin 'b'"):
        make_host(commands("a"), commands("b")).commands(fresh)


def test_every_plugin_gets_the_results() -> None:
    received = []

    @hookimpl
    def oolong_finish(results: object, config: Config) -> None:
        received.append((results, config.command))

    host = make_host(plugin(oolong_finish=oolong_finish))
    host.finish([], config_of(host))
    assert received == [((), "transcribe")]
