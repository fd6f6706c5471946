from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from oolong_align.errors import PluginError
from oolong_align.hookspecs import OptionGroup, OutputFormat, hookimpl
from oolong_align.testing import make_host
from oolong_align.types import Speaker, Transcript, Utterance, Word

EMPTY = Transcript("en", 3.0, ())


class Formats:
    """Offers one format and the option ``--mask``."""

    name = "mine"

    def __init__(self, render: object, render_file: object = None) -> None:
        self.entry = OutputFormat("mine", ".mine", "mine", render, render_file=render_file)

    @hookimpl
    def oolong_formats(self) -> list[OutputFormat]:
        return [self.entry]

    @hookimpl
    def oolong_add_options(self, options: OptionGroup) -> None:
        options.add("--mask", default="***")


@pytest.mark.parametrize(
    ("render", "message"),
    [(lambda _: b"x", "must be str, not bytes"), (lambda _: {}["text"], "failed in format 'mine': KeyError: 'text'")],
)
def test_rendering_is_guarded(render: object, message: str) -> None:
    host = make_host(Formats(render))
    with pytest.raises(PluginError, match=f"Plugin 'mine' .*{message}"):
        host.formats()["mine"].render(EMPTY, host.resolve("transcribe", {}))


def test_formats_are_selected_once_in_order_of_registration() -> None:
    host = make_host()
    chosen = host.resolve("transcribe", {"output_format": ["json,srt"], "srt": True}, formats=["txt"])
    assert [each.name for each in chosen.formats] == ["srt", "txt", "json"]
    everything = host.resolve("transcribe", {"output_format": ["all"]})
    names = ["srt", "vtt", "txt", "tsv", "json", "rttm", "whisperx", "verbose_json", "diarized_json", "html"]
    assert [each.name for each in everything.formats] == names == list(host.formats())
    assert [each.name for each in host.resolve("align", {"output_format": ["all"]}).formats] == names
    without_words = host.resolve("diarize", {"output_format": ["all"]})
    assert [each.name for each in without_words.formats] == ["json", "rttm", "html"]


def render_plain(transcript: Transcript) -> str:
    return "plain"


def render_optional(transcript: Transcript, indent: int = 2) -> str:
    return str(indent)


def render_any(*given: object) -> str:
    return str(len(given))


@pytest.mark.parametrize(
    ("render", "text"),
    [
        (lambda transcript, config: config.options["mask"], "***"),
        (lambda t, c: c.options["mask"], "***"),
        (lambda transcript, config=None: config.options["mask"], "***"),
        (functools.partial(lambda prefix, t, c: prefix + c.options["mask"], ">"), ">***"),
        (render_plain, "plain"),
        (render_optional, "2"),
        (render_any, "1"),
        (str, str(EMPTY)),
    ],
)
def test_a_renderer_gets_the_configuration_if_it_takes_it(render: Callable[..., str], text: str) -> None:
    host = make_host(Formats(render))
    config = host.resolve("transcribe", {"mine": True})
    assert config.formats[0].render_for(EMPTY, config, None, Path("a.mine")) == text


@pytest.mark.parametrize(
    ("render_file", "text"),
    [
        (
            lambda transcript, recording, target, config: f"{recording} {target} {config.command}",
            "a.wav a.txt align",
        ),
        (lambda transcript, recording, target: f"{recording} {target}", "a.wav a.txt"),
    ],
)
def test_a_renderer_of_files_gets_the_configuration_if_it_takes_it(render_file: Callable[..., str], text: str) -> None:
    host = make_host(Formats(render_plain, render_file))
    config = host.resolve("align", {"mine": True})
    assert config.formats[0].render_for(EMPTY, config, Path("a.wav"), Path("a.txt")) == text


def test_runs_of_one_host_have_their_own_formats() -> None:
    host, word = make_host(), Word(0.0, 1.0, "hello", speaker="SPEAKER_00")
    transcript = Transcript(
        "en",
        1.0,
        (Utterance(0.0, 1.0, "SPEAKER_00", (word,)),),
        speakers={"SPEAKER_00": Speaker(label="SPEAKER_00")},
    )
    plain, marked = (host.resolve("transcribe", {"srt": True, "highlight_words": marked}) for marked in (False, True))
    for config, expected in ((plain, False), (marked, True), (plain, False)):
        text = config.formats[0].render_for(transcript, config, None, Path("a.srt"))
        assert ("<u>hello</u>" in text) == expected
