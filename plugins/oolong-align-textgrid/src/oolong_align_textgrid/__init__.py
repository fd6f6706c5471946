"""Praat TextGrid output for oolong-align."""

from __future__ import annotations

from oolong_align.hookspecs import Config, OptionGroup, OutputFormat, hookimpl
from oolong_align.types import Transcript
from oolong_align_textgrid.textgrid import render_textgrid

__all__ = ["render_textgrid"]


@hookimpl
def oolong_add_options(options: OptionGroup) -> None:
    """Add ``--textgrid_words``."""
    commands, text = ("transcribe", "edit"), "TextGrid: add a tier with each speaker's words."
    options.add("--textgrid_words", commands=commands, is_flag=True, help=text)


@hookimpl
def oolong_formats() -> list[OutputFormat]:
    """Offer ``--textgrid``."""
    summary = "Praat TextGrid, one interval tier for each speaker"
    return [OutputFormat("textgrid", ".TextGrid", summary, _render, words=False)]


def _render(transcript: Transcript, config: Config) -> str:
    # The commands align and diarize do not have the option.
    return render_textgrid(transcript, words=config.options.get("textgrid_words", False))
