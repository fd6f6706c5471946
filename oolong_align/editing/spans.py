"""Cut and join time spans with speakers; names of speakers in messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from oolong_align.text.clean import clean_name
from oolong_align.types import Diarization, DiarizeSegment, FloatArray, Speaker

__all__ = ["Span", "join_turns", "label_names", "reassign_span", "stored_pieces"]

Span: TypeAlias = "tuple[float, float, int]"


class _SpeakerSpan(Protocol):
    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...
    @property
    def speaker_id(self) -> int: ...


def reassign_span(
    spans: Sequence[_SpeakerSpan], start: float, end: float, number: int
) -> tuple[list[Span], npt.NDArray[np.int64]]:
    """Cut spans at start and end, and assign the parts inside to a speaker; return parts and indices of their spans.

    Spans of this speaker and spans outside the range are not cut.
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
    """Join turns of one speaker that overlap or touch; return all turns sorted by start, speaker and end."""
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
    """Pieces of a diarization and their embeddings, ``float32[pieces, D]``; empty without stored embeddings."""
    if diarization.voice is None:
        return (), np.zeros((0, 0), dtype=np.float32)
    evidence = diarization.voice
    pieces = diarization.pieces or tuple(
        DiarizeSegment(segment.start, segment.end, segment.speaker_id) for segment in diarization.segments
    )
    vectors = [evidence.embed(piece.start, piece.end) for piece in pieces]
    return pieces, np.stack(vectors) if vectors else np.zeros((0, 0), dtype=np.float32)


def label_names(speakers: Mapping[str, Speaker]) -> str:
    """Labels and names of speakers, for messages."""
    return ", ".join(
        f"{label} ({clean_name(speaker.name)})" if speaker.name else label for label, speaker in speakers.items()
    )
