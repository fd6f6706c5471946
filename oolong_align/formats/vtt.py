"""WebVTT subtitles (W3C): the voice tag of a cue, ``<v NAME>``, is the name of its speaker."""

from __future__ import annotations

from collections.abc import Iterator

from oolong_align.formats.cues import CueLayout, cue_states, make_cues
from oolong_align.formats.names import printed_names
from oolong_align.types import Transcript

__all__ = ["render_vtt", "vtt_cues"]

_DEFAULT = CueLayout()


def render_vtt(transcript: Transcript, layout: CueLayout = _DEFAULT) -> str:
    """Render a transcript as WebVTT; only the header if it has no words."""
    voices = {label: _voice_tag(name) for label, name in printed_names(transcript).items()}
    blocks = ["WEBVTT\n"]
    for start, end, speaker, text in vtt_cues(transcript, layout):
        blocks.append(_block(start, end, (voices[speaker] if speaker is not None else "") + text))
    return "\n".join(blocks)


def vtt_cues(transcript: Transcript, layout: CueLayout = _DEFAULT) -> Iterator[tuple[int, int, str | None, str]]:
    """Yield the cues of a WebVTT file: start and end in milliseconds, label, and text."""
    for cue in make_cues(transcript, layout, {}):
        for start, end, text in cue_states(cue, layout, _escape):
            yield start, end, cue.speaker, text


def _voice_tag(name: str) -> str:
    """Open a voice span. A space keeps its end from becoming ``-->``; readers drop the space."""
    return f"<v {_escape(name)}{' ' if name.endswith('--') else ''}>"


def _block(start_ms: int, end_ms: int, content: str) -> str:
    return f"{_timestamp(start_ms)} --> {_timestamp(end_ms)}\n{content}\n"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _timestamp(milliseconds: int) -> str:
    seconds, fraction = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}.{fraction:03d}"
