from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from oolong_align.errors import PluginError
from oolong_align.hookspecs import OptionGroup, OutputFormat, hookimpl
from oolong_align.testing import make_host
from oolong_align.types import Diarization, Speaker, Transcript, Words

NOBODY = Diarization(segments=(), turns=(), speech=(), duration=3.0)
EMPTY = Transcript("en", 3.0, ())


def plugin(name: str = "mine", **hooks: object) -> object:
    """Make a plugin of functions that are marked already."""
    return type(name, (), {"name": name, **{key: staticmethod(value) for key, value in hooks.items()}})()


def fmt(name: str = "mine", suffix: str = ".mine") -> OutputFormat:
    return OutputFormat(name, suffix, "mine", lambda transcript: "")


def formats(*entries: OutputFormat) -> object:
    @hookimpl
    def oolong_formats() -> list[OutputFormat]:
        return list(entries)

    return plugin(oolong_formats=oolong_formats)


def passing_on() -> object:
    @hookimpl(wrapper=True)
    def oolong_align() -> Iterator[None]:
        return (yield)

    return plugin("innocent", oolong_align=oolong_align)


def test_a_wrapper_that_an_exception_passes_is_not_blamed() -> None:
    @hookimpl(wrapper=True)
    def stop() -> Iterator[None]:
        yield
        next(iter(()))

    @hookimpl(wrapper=True)
    def silent() -> Iterator[None]:
        if not EMPTY:
            yield
        return EMPTY

    for broken, blamed in (
        (stop, r"plugin 'mine' failed"),
        (silent, r"one of plugin 'mine', plugin 'innocent' failed"),
    ):
        host = make_host(plugin(oolong_align=hookimpl(wrapper=True, specname="oolong_align")(broken)), passing_on())
        with pytest.raises(PluginError, match=f"^{blamed} in oolong_align: RuntimeError"):
            host.align(Words("en", ()), NOBODY, host.resolve("transcribe", {}))


def test_a_plugin_that_exits_is_named() -> None:
    @hookimpl(wrapper=True)
    def oolong_align() -> Iterator[None]:
        yield
        raise SystemExit(0)

    host = make_host(plugin(oolong_align=oolong_align))
    with pytest.raises(PluginError, match="plugin 'mine' failed in oolong_align: SystemExit: 0"):
        host.align(Words("en", ()), NOBODY, host.resolve("transcribe", {}))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"speakers": None}, "a mapping by speaker, not NoneType"),
        ({"speakers": {"SPEAKER_00": "Ada"}}, "must be Speaker, not str"),
        ({"speakers": {"SPEAKER_00": Speaker(label="SPEAKER_00", name=5)}}, "a speaker's name must be"),
        ({"language": None}, "must be str, not NoneType"),
        ({"duration": None}, "duration must be a number"),
    ],
)
def test_what_formats_read_of_a_transcript_is_checked(change: dict[str, object], rule: str) -> None:
    @hookimpl
    def oolong_identify() -> Transcript:
        return replace(EMPTY, **change)

    host = make_host(plugin(oolong_identify=oolong_identify))
    with pytest.raises(PluginError, match=f"plugin 'mine' broke the contract in oolong_identify: .*{rule}"):
        host.identify(EMPTY, NOBODY, host.resolve("transcribe", {}))


@pytest.mark.parametrize("name", ["my-format", "my_format"])
def test_a_format_with_a_dash_has_its_flag(name: str) -> None:
    host = make_host(formats(fmt(name)))
    config = host.resolve("transcribe", {"my_format": True})
    assert [each.name for each in config.formats] == [name]
    assert f"--{name}" in [each.option.opts[0] for each in host.add_options()]


@pytest.mark.parametrize("name", ["my.format", "my+", "c++"])
def test_a_format_whose_name_makes_no_flag_is_refused(name: str) -> None:
    with pytest.raises(PluginError, match=r"plugin 'mine' broke the contract .* makes no flag"):
        make_host(formats(fmt(name)))


def test_suffixes_that_some_systems_take_for_one_clash() -> None:
    with pytest.raises(PluginError, match=r"the suffix '\.SRT' belongs to both"):
        make_host(formats(fmt("mine", ".SRT")))
    with pytest.raises(PluginError, match="plugin 'mine' offers the format 'mine' twice"):
        make_host(formats(fmt(), fmt("mine", ".other")))
    with pytest.raises(PluginError, match="is no suffix"):
        make_host(formats(fmt("mine", ".a\0")))


def test_commands_of_an_option_exist() -> None:
    group = OptionGroup("mine")
    group.add("--mask", commands="align")
    assert group.options[0].commands == ("align",)
    with pytest.raises(ValueError, match="--mask: there is no command 'aling', only transcribe, align"):
        group.add("--mask", commands=("aling",))
