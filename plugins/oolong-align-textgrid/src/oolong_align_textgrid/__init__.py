"""Praat TextGrid output for oolong-align."""

from __future__ import annotations

from oolong_align.hookspecs import Config, OptionGroup, OutputFormat, hookimpl
from oolong_align.types import Transcript
from oolong_align_textgrid.textgrid import render_textgrid

__all__ = ["render_textgrid"]

_with_words = False


@hookimpl
def oolong_add_options(options: OptionGroup) -> None:
    """Add ``--textgrid_words``."""
    commands, text = ("transcribe", "edit"), "TextGrid: add a tier with each speaker's words."
    options.add("--textgrid_words", commands=commands, is_flag=True, help=text)


@hookimpl
def oolong_configure(config: Config) -> None:
    """Remember whether words are wanted."""
    global _with_words  # noqa: PLW0603  one run is configured at a time
    _with_words = bool(config.options.get("textgrid_words", False))


@hookimpl
def oolong_formats() -> list[OutputFormat]:
    """Offer ``--textgrid``."""
    summary = "Praat TextGrid, one interval tier for each speaker"
    return [OutputFormat("textgrid", ".TextGrid", summary, _render, words=False)]


def _render(transcript: Transcript) -> str:
    return render_textgrid(transcript, words=_with_words)
