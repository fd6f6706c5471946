"""The page as an output format: which recording goes with it, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oolong_align.options import AUDIO_CHOICES
from oolong_align.plugin.entries import OutputFormat
from oolong_align.types import Transcript

if TYPE_CHECKING:
    from oolong_align.formats.cues import CueLayout

__all__ = ["page_format"]


def page_format(
    shape: Mapping[str, Any], layouts: Callable[[Mapping[str, Any]], tuple[CueLayout, ...]]
) -> OutputFormat:
    """Format of the page; what it looks up in ``shape`` may be configured later."""

    def render(transcript: Transcript) -> str:
        from oolong_align.formats.html import render_html

        return render_html(transcript, *layouts(shape))

    def render_file(transcript: Transcript, recording: Path, target: Path) -> str:
        from oolong_align.formats.html import render_html
        from oolong_align.formats.html.recording import page_audio

        audio = page_audio(recording, target, shape.get("html_audio", AUDIO_CHOICES[0]))
        return render_html(transcript, *layouts(shape), audio=audio)

    summary = "Web page to read, listen to and correct the transcript"
    return OutputFormat("html", ".html", summary, render, words=False, render_file=render_file)
