"""Spans with speakers, cut and joined; the speakers of a transcript as they are named in messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from oolong_align.text.clean import clean_name
from oolong_align.types import Diarization, DiarizeSegment, FloatArray, Speaker

__all__ = ["Span", "join_turns", "label_names", "reassign_span", "stored_pieces"]

Span: TypeAlias = "tuple[float, float, int]"


class _Spoken(Protocol):
    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...
    @property
    def speaker_id(self) -> int: ...


def reassign_span(
    spans: Sequence[_Spoken], start: float, end: float, number: int
) -> tuple[list[Span], npt.NDArray[np.int64]]:
    """Spans of which the parts inside a time belong to a speaker, and for each part the span that it comes from.

    Spans of that speaker, and those outside, stay whole.
    """
    parts: list[Span] = []
    rows: list[int] = []
    for row, span in enumerate(spans):
        if span.speaker_id == number or span.end <= start or span.start >= end:
            found = [(span.start, span.end, span.speaker_id)]
        else:
            first, last = max(span.start, start), min(span.end, end)
            found = [(first, last, number)]
            if span.start < first:
                found.insert(0, (span.start, first, span.speaker_id))
            if last < span.end:
                found.append((last, span.end, span.speaker_id))
        parts += found
        rows += [row] * len(found)
    return parts, np.array(rows, dtype=np.int64)


def join_turns(turns: Iterable[Span], number: int) -> list[Span]:
    """Turns sorted by start, speaker and end, of which one speaker's are joined where they overlap or touch."""
    kept: list[Span] = []
    joined: list[Span] = []
    for turn in sorted(turns):
        if turn[2] != number:
            kept.append(turn)
        elif joined and turn[0] <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], turn[1]), number)
        else:
            joined.append(turn)
    return sorted([*kept, *joined], key=lambda turn: (turn[0], turn[2], turn[1]))


def stored_pieces(diarization: Diarization) -> tuple[tuple[DiarizeSegment, ...], FloatArray]:
    """Pieces of a diarization and their embeddings, ``float32[pieces, D]``; none where no voice is known."""
    if diarization.voice is None:
        return (), np.zeros((0, 0), dtype=np.float32)
    voice = diarization.voice
    pieces = diarization.pieces or tuple(
        DiarizeSegment(segment.start, segment.end, segment.speaker_id) for segment in diarization.segments
    )
    vectors = [voice.embed(piece.start, piece.end) for piece in pieces]
    return pieces, np.stack(vectors) if vectors else np.zeros((0, 0), dtype=np.float32)


def label_names(speakers: Mapping[str, Speaker]) -> str:
    """Labels of a transcript, each with its name, for a message."""
    return ", ".join(
        f"{label} ({clean_name(speaker.name)})" if speaker.name else label for label, speaker in speakers.items()
    )
