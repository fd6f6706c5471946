"""WebVTT subtitles (W3C): the speaker of a cue is its voice, ``<v NAME>``."""

from __future__ import annotations

from collections.abc import Iterator

from oolong_align.formats.cue_lines import join_line
from oolong_align.formats.cue_times import word_states
from oolong_align.formats.cues import Cue, CueLayout, make_cues
from oolong_align.formats.names import printed_names
from oolong_align.types import Transcript

__all__ = ["render_vtt", "vtt_cues"]

_DEFAULT = CueLayout()


def render_vtt(transcript: Transcript, layout: CueLayout = _DEFAULT) -> str:
    """Render a transcript as WebVTT; only the header for one without words."""
    voices = {label: _voice_tag(name) for label, name in printed_names(transcript).items()}
    blocks = ["WEBVTT\n"]
    for start, end, speaker, text in vtt_cues(transcript, layout):
        blocks.append(_block(start, end, (voices[speaker] if speaker is not None else "") + text))
    return "\n".join(blocks)


def vtt_cues(transcript: Transcript, layout: CueLayout = _DEFAULT) -> Iterator[tuple[int, int, str | None, str]]:
    """Cues as WebVTT writes them: start and end in milliseconds, label, text."""
    for cue in make_cues(transcript, layout, {}):
        states: list[tuple[int, int, int | None]] = [(cue.start_ms, cue.end_ms, None)]
        if layout.highlight_words:
            states = word_states([piece for line in cue.lines for piece in line], cue.start_ms, cue.end_ms)
        for start, end, said in states:
            yield start, end, cue.speaker, _content(cue, said)


def _voice_tag(name: str) -> str:
    """Open a voice span; the arrow of a timing line must not arise at its end, and readers drop the space."""
    return f"<v {_escape(name)}{' ' if name.endswith('--') else ''}>"


def _block(start_ms: int, end_ms: int, content: str) -> str:
    return f"{_timestamp(start_ms)} --> {_timestamp(end_ms)}\n{content}\n"


def _content(cue: Cue, said: int | None) -> str:
    lines: list[str] = []
    number = 0
    for line in cue.lines:
        texts: list[str] = []
        for piece in line:
            text = _escape(piece.text)
            texts.append(f"<u>{text}</u>" if number == said else text)
            number += 1
        lines.append(join_line(texts, line))
    return "\n".join(lines)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _timestamp(milliseconds: int) -> str:
    seconds, fraction = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}.{fraction:03d}"
