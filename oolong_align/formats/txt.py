"""Plain text: one line per utterance, ``[NAME]: text``, without the name if the speaker is unknown."""

from __future__ import annotations

from oolong_align.formats.names import printed_names, spoken_text
from oolong_align.types import Transcript

__all__ = ["render_txt"]


def render_txt(transcript: Transcript) -> str:
    """Render a transcript as plain text; empty if it has no words."""
    names = printed_names(transcript)
    lines: list[str] = []
    for utterance in transcript.utterances:
        text = spoken_text(utterance.words)
        if text:
            prefix = "" if utterance.speaker is None else f"[{names[utterance.speaker]}]: "
            lines.append(f"{prefix}{text}\n")
    return "".join(lines)
