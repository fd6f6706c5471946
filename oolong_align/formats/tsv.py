"""Tab-separated values: a header, then one line per utterance with its times in milliseconds."""

from __future__ import annotations

from oolong_align.formats.names import printed_names, spoken_text
from oolong_align.types import Transcript

__all__ = ["render_tsv"]


def render_tsv(transcript: Transcript) -> str:
    r"""Render ``start\tend\tspeaker\ttext``; fields contain no tabs or line breaks, ``speaker`` may be empty."""
    names = printed_names(transcript)
    lines = ["start\tend\tspeaker\ttext\n"]
    for utterance in transcript.utterances:
        speaker = "" if utterance.speaker is None else names[utterance.speaker]
        text = spoken_text(utterance.words)
        lines.append(f"{round(1000 * utterance.start)}\t{round(1000 * utterance.end)}\t{speaker}\t{text}\n")
    return "".join(lines)
