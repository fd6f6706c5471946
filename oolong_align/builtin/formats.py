"""The output formats of the built-in plugin; each renderer is imported when it is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oolong_align.plugin.entries import Config, OutputFormat
from oolong_align.types import Transcript

if TYPE_CHECKING:
    from oolong_align.formats.cues import CueLayout

__all__ = ["cue_layout", "output_formats"]


def output_formats() -> list[OutputFormat]:
    """All formats, in the order in which ``--help`` lists them."""
    return [
        OutputFormat("srt", ".srt", "SubRip subtitles", _render_srt),
        OutputFormat("vtt", ".vtt", "WebVTT subtitles", _render_vtt),
        OutputFormat("txt", ".txt", "Plain text, one utterance per line", _renderer("txt")),
        OutputFormat("tsv", ".tsv", "Tab-separated values: start and end in ms, speaker, text", _renderer("tsv")),
        OutputFormat("json", ".json", "Complete result, a superset of WhisperX's JSON", _renderer("json"), words=False),
        OutputFormat("rttm", ".rttm", "Speaker turns in NIST's RTTM format", _render_rttm, words=False),
        OutputFormat("whisperx", ".whisperx.json", "WhisperX's JSON", _renderer("whisperx")),
        OutputFormat("verbose_json", ".verbose.json", "OpenAI's verbose_json", _renderer("verbose_json")),
        OutputFormat("diarized_json", ".diarized.json", "OpenAI's diarized_json", _renderer("diarized_json")),
        OutputFormat(
            "html",
            ".html",
            "Web page to read, listen to and correct the transcript",
            _render_html,
            words=False,
            render_file=_render_html_with_audio,
        ),
    ]


def cue_layout(options: Mapping[str, Any]) -> CueLayout:
    """Layout of subtitles from command-line values.

    Raises
    ------
    UsageError
        If a value is out of range.
    """
    from oolong_align.formats.cues import CueLayout

    # `oolong diarize` has no subtitle options.
    return CueLayout(**{each.name: options[each.name] for each in fields(CueLayout) if each.name in options})


def _renderer(name: str) -> Callable[[Transcript], str]:
    def render(transcript: Transcript) -> str:
        from oolong_align import formats

        text: str = getattr(formats, f"render_{name}")(transcript)
        return text

    return render


def _render_srt(transcript: Transcript, config: Config) -> str:
    from oolong_align.formats.srt import render_srt

    return render_srt(transcript, cue_layout(config.options))


def _render_vtt(transcript: Transcript, config: Config) -> str:
    from oolong_align.formats.vtt import render_vtt

    return render_vtt(transcript, cue_layout(config.options))


def _render_rttm(transcript: Transcript, config: Config) -> str:
    from oolong_align.formats.rttm import render_rttm

    return render_rttm(transcript, exclusive=config.options["exclusive"])


def _render_html(transcript: Transcript, config: Config) -> str:
    from oolong_align.formats.html import render_html

    return render_html(transcript, cue_layout(config.options))


def _render_html_with_audio(transcript: Transcript, recording: Path, target: Path, config: Config) -> str:
    from oolong_align.formats.html import render_html
    from oolong_align.formats.html.recording import page_audio

    audio = page_audio(recording, target, config.options["html_audio"])
    return render_html(transcript, cue_layout(config.options), audio=audio)
