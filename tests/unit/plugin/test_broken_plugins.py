from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from oolong_align.errors import PluginError
from oolong_align.hookspecs import OptionGroup, OutputFormat, hookimpl
from oolong_align.testing import make_host
from oolong_align.types import Diarization, Speaker, Transcript, Words

EMPTY_DIARIZATION = Diarization(segments=(), turns=(), speech=(), duration=3.0)
EMPTY = Transcript("en", 3.0, ())


def plugin(name: str = "mine", **hooks: object) -> object:
    """Make a plugin from functions that are already marked."""
    return type(name, (), {"name": name, **{key: staticmethod(value) for key, value in hooks.items()}})()


def fmt(name: str = "mine", suffix: str = ".mine") -> OutputFormat:
    return OutputFormat(name, suffix, "mine", lambda transcript: "")


def formats(*entries: OutputFormat) -> object:
    @hookimpl
    def oolong_formats() -> list[OutputFormat]:
        return list(entries)

    return plugin(oolong_formats=oolong_formats)


@hookimpl(wrapper=True, specname="oolong_align")
def pass_on() -> Iterator[None]:
    return (yield)


@hookimpl(wrapper=True, specname="oolong_align")
def stop() -> Iterator[None]:
    yield
    next(iter(()))


@hookimpl(wrapper=True, specname="oolong_align")
def yield_never() -> Iterator[None]:
    if not EMPTY:
        yield
    return EMPTY


@hookimpl(wrapper=True, specname="oolong_align")
def yield_twice() -> Iterator[None]:
    yield
    yield


@hookimpl(wrapper=True, specname="oolong_align")
def fail_before() -> Iterator[None]:
    raise KeyError("before")
    yield


@hookimpl(wrapper=True, specname="oolong_align")
def replace_error() -> Iterator[None]:
    try:
        return (yield)
    except Exception as error:
        raise KeyError("replaced") from error


@hookimpl(wrapper=True, specname="oolong_align")
def repair_result() -> Iterator[None]:
    yield
    return EMPTY


@hookimpl(specname="oolong_align")
def fail() -> Transcript:
    raise KeyError("inside")


@hookimpl(specname="oolong_align")
def return_text() -> object:
    return "text"


def align(*plugins: object) -> Transcript:
    host = make_host(*plugins)
    return host.align(Words("en", ()), EMPTY_DIARIZATION, host.resolve("transcribe", {}))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (stop, "failed in oolong_align: RuntimeError"),
        (yield_never, "broke the contract in oolong_align: a wrapper must yield once; it did not yield"),
        (yield_twice, "broke the contract in oolong_align: a wrapper must yield once; it yielded twice"),
        (fail_before, "failed in oolong_align: KeyError: 'before'"),
        (fail, "failed in oolong_align: KeyError: 'inside'"),
        (return_text, "broke the contract in oolong_align: must be Transcript, not str"),
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_only_the_failing_plugin_is_named(broken: object, message: str, order: int) -> None:
    plugins = [plugin(name, hook=hook) for name, hook in (("first", pass_on), ("mine", broken), ("last", pass_on))]
    with pytest.raises(PluginError, match=f"^Plugin 'mine' {message}.*: -p no:mine$"):
        align(*plugins[::order])


def test_a_wrapper_that_replaces_an_error_owns_the_new_one() -> None:
    with pytest.raises(PluginError, match=r"^Plugin 'outer' failed in oolong_align: KeyError: 'replaced'") as caught:
        align(plugin("inner", hook=fail), plugin("outer", hook=replace_error))
    assert isinstance(caught.value.__cause__, KeyError)
    assert str(caught.value.__cause__.__cause__).startswith("Plugin 'inner' failed in oolong_align: KeyError: 'inside'")


def test_a_wrapper_can_recover_from_an_error() -> None:
    @hookimpl(wrapper=True)
    def oolong_align() -> Iterator[None]:
        try:
            return (yield)
        except PluginError:
            return EMPTY

    assert align(plugin("inner", hook=fail), plugin("outer", oolong_align=oolong_align)) is EMPTY


def test_a_wrapper_can_repair_a_result() -> None:
    @hookimpl(wrapper=True)
    def oolong_align() -> Iterator[None]:
        received = yield
        return EMPTY if received == "text" else received

    assert align(plugin("inner", hook=return_text), plugin("outer", oolong_align=oolong_align)) is EMPTY


def test_the_first_plugin_that_breaks_the_result_is_named() -> None:
    @hookimpl(wrapper=True)
    def oolong_align() -> Iterator[None]:
        yield
        return "other text"

    breaking = [plugin(name, oolong_align=oolong_align) for name in ("inner", "outer")]
    with pytest.raises(PluginError, match=r"^Plugin 'inner' broke the contract in oolong_align: must be Transcript"):
        align(*breaking)
    # After the repair in the middle, only the outer one is at fault.
    with pytest.raises(PluginError, match=r"^Plugin 'outer' broke the contract in oolong_align: must be Transcript"):
        align(breaking[0], plugin("middle", hook=repair_result), breaking[1])


def test_a_hook_called_from_within_a_hook_keeps_the_owners_apart() -> None:
    inner = make_host(plugin("nested", hook=pass_on))

    @hookimpl(specname="oolong_align")
    def nested() -> object:
        inner.align(Words("en", ()), EMPTY_DIARIZATION, inner.resolve("transcribe", {}))
        return "text"

    with pytest.raises(PluginError, match=r"^Plugin 'mine' broke the contract"):
        align(plugin("mine", hook=nested))


def test_a_lazy_list_of_entries_fails_with_its_owner() -> None:
    @hookimpl
    def oolong_formats() -> Iterator[OutputFormat]:
        yield fmt()
        raise KeyError("late")

    with pytest.raises(PluginError, match=r"^Plugin 'mine' failed in oolong_formats: KeyError: 'late'"):
        make_host(plugin("other", hook=pass_on), plugin(oolong_formats=oolong_formats))


def test_a_plugin_that_exits_is_named() -> None:
    @hookimpl(wrapper=True)
    def oolong_align() -> Iterator[None]:
        yield
        raise SystemExit(0)

    host = make_host(plugin(oolong_align=oolong_align))
    with pytest.raises(PluginError, match="Plugin 'mine' failed in oolong_align: SystemExit: 0"):
        host.align(Words("en", ()), EMPTY_DIARIZATION, host.resolve("transcribe", {}))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"speakers": None}, "a mapping of speakers, not NoneType"),
        ({"speakers": {"SPEAKER_00": "Ada"}}, "must be Speaker, not str"),
        ({"speakers": {"SPEAKER_00": Speaker(label="SPEAKER_00", name=5)}}, "a speaker's name must be"),
        ({"language": None}, "must be str, not NoneType"),
        ({"duration": None}, "duration must be a number"),
    ],
)
def test_the_fields_that_formats_read_are_checked(change: dict[str, object], rule: str) -> None:
    @hookimpl
    def oolong_identify() -> Transcript:
        return replace(EMPTY, **change)

    host = make_host(plugin(oolong_identify=oolong_identify))
    with pytest.raises(PluginError, match=f"Plugin 'mine' broke the contract in oolong_identify: .*{rule}"):
        host.identify(EMPTY, EMPTY_DIARIZATION, host.resolve("transcribe", {}))


@pytest.mark.parametrize("name", ["my-format", "my_format"])
def test_a_format_name_may_contain_a_dash(name: str) -> None:
    host = make_host(formats(fmt(name)))
    config = host.resolve("transcribe", {"my_format": True})
    assert [each.name for each in config.formats] == [name]
    assert f"--{name}" in [each.option.opts[0] for each in host.add_options()]


@pytest.mark.parametrize("name", ["my.format", "my+", "c++"])
def test_a_format_name_that_cannot_be_an_option_is_refused(name: str) -> None:
    with pytest.raises(PluginError, match=r"Plugin 'mine' broke the contract .* cannot be an option"):
        make_host(formats(fmt(name)))


def test_suffixes_that_differ_in_case_only_clash() -> None:
    with pytest.raises(PluginError, match=r"The suffix '\.SRT' belongs to both"):
        make_host(formats(fmt("mine", ".SRT")))
    with pytest.raises(PluginError, match="The format 'mine' is offered twice by plugin 'mine'"):
        make_host(formats(fmt(), fmt("mine", ".other")))
    with pytest.raises(PluginError, match="invalid suffix"):
        make_host(formats(fmt("mine", ".a\0")))


def test_options_are_added_to_existing_commands_only() -> None:
    group = OptionGroup("mine")
    group.add("--mask", commands="align")
    assert group.options[0].commands == ("align",)
    with pytest.raises(ValueError, match=r"Unknown command 'aling' of option --mask\. Available: transcribe, align"):
        group.add("--mask", commands=("aling",))
