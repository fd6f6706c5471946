"""What a recogniser heard, in one form for all of them: segments of words, before any speaker is known.

A segment that times none of its words has them spread over the speech in it, and they are marked as estimated.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise, zip_longest
from math import isnan
from typing import Final

import numpy as np

from oolong_align.timing.timeline import Timeline
from oolong_align.types import Word, Words

__all__ = ["RECORDS", "RecognisedSegment", "RecognisedTranscript"]

RECORDS: Final = "Word records"
"""Name in place of a tool for `Word` records, of which nothing is spread or marked here."""

# Nobody says a letter in less: where a segment holds less speech than that, the speech was not found.
_SHORTEST_LETTER_S: Final = 0.03
# Segments without word times begin and end at full seconds, or nearly.
_ROUNDED_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class RecognisedSegment:
    """Words that belong together, with the span that was given for all of them; ``None`` where it is not known."""

    start: float | None
    end: float | None
    words: tuple[Word, ...]

    @property
    def is_timed(self) -> bool:
        """Whether any word has a time of its own."""
        return any(not (isnan(word.start) and isnan(word.end)) for word in self.words)


@dataclass(frozen=True, slots=True)
class RecognisedTranscript:
    """All segments in order, the language (empty where it is not told), and the name of the tool that wrote them."""

    tool: str
    language: str
    segments: tuple[RecognisedSegment, ...]

    def words(self, speech: Timeline | None = None) -> Words:
        """All words.

        Parameters
        ----------
        speech : Timeline, optional
            Where somebody speaks; words without times of their own are laid there. Without it they are spread over
            their whole segment.

        Returns
        -------
        Words
            In the given order, but segments without word times by their starts. A single word without times among
        others keeps NaN.
        """
        found: list[Word] = []
        segments = self.segments
        if self.tool != RECORDS and not any(segment.is_timed for segment in segments):
            segments = _in_order(segments)
        for segment, following in zip_longest(segments, segments[1:]):
            if segment.is_timed or self.tool == RECORDS:
                found += segment.words
            else:
                end = segment.end if segment.end is not None or following is None else following.start
                found += _spread(segment.words, segment.start, end, speech)
        return Words(self.language, tuple(found))


def _in_order(segments: Sequence[RecognisedSegment]) -> tuple[RecognisedSegment, ...]:
    """Sort segments by start and let those that overlap meet in the middle of it; as they are if a start is missing."""
    known = [(segment.start, segment) for segment in segments if segment.start is not None]
    if len(known) < len(segments):
        return tuple(segments)
    ordered: list[RecognisedSegment] = []
    for start, segment in sorted(known, key=lambda each: each[0]):
        before = ordered[-1] if ordered else None
        if before is None or before.start is None or before.end is None or segment.end is None or before.end <= start:
            ordered.append(segment)
            continue
        first = max(start, before.start)
        middle = (first + max(first, min(before.end, segment.end))) / 2
        ordered[-1] = replace(before, end=middle)
        ordered.append(replace(segment, start=middle, end=max(middle, segment.end)))
    return tuple(ordered)


def _spread(words: Sequence[Word], start: float | None, end: float | None, speech: Timeline | None) -> list[Word]:
    """Give each word a part of the span by its length; times that cannot be told stay NaN."""
    marked = [replace(word, estimated=True) for word in words]
    if start is None or end is None or end < start:
        if marked and start is not None and end is None:
            marked[0] = replace(marked[0], start=start)
        return marked
    lengths = [len(word.text) for word in words]
    pieces = [(start, end)]
    if speech is not None:
        inside = _inside(speech, start, end)
        if sum(last - first for first, last in inside) >= _SHORTEST_LETTER_S * sum(lengths):
            pieces = inside or pieces
    spans = _lay(lengths, pieces)
    return [replace(word, start=first, end=last) for word, (first, last) in zip(marked, spans, strict=True)]


def _inside(speech: Timeline, start: float, end: float) -> list[tuple[float, float]]:
    """Parts of a span in which somebody speaks, without a little of what is said before or behind it."""
    rows = slice(
        int(np.searchsorted(speech.ends, start, side="right")), int(np.searchsorted(speech.starts, end, side="left"))
    )
    whole = list(zip(speech.starts[rows].tolist(), speech.ends[rows].tolist(), strict=True))
    own = [piece for piece in whole if not _is_neighbours(piece, start, end)]
    return [(max(first, start), min(last, end)) for first, last in own or whole]


def _is_neighbours(piece: tuple[float, float], start: float, end: float) -> bool:
    """Whether most of a stretch of speech is outside of a span, whose edges were rounded."""
    inside = min(piece[1], end) - max(piece[0], start)
    return inside < min(_ROUNDED_S, (piece[1] - piece[0]) / 2)


def _lay(lengths: Sequence[int], pieces: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Lay lengths in proportion along pieces of time; what would cross from one to the next stays where most of it is.

    Returns
    -------
    list of (float, float)
        Start and end in seconds for each length, in order.
    """
    if not lengths:
        return []
    passed = list(accumulate((last - first for first, last in pieces), initial=0.0))
    scale = passed[-1] / sum(lengths)
    edges = [scale * length for length in accumulate(lengths, initial=0)]
    spans: list[tuple[float, float]] = []
    for begin, stop in pairwise(edges):
        met = range(max(bisect_right(passed, begin) - 1, 0), max(min(bisect_left(passed, stop), len(pieces)), 1))
        shares = {piece: min(stop, passed[piece + 1]) - max(begin, passed[piece]) for piece in met}
        best = max(shares, key=shares.__getitem__, default=len(pieces) - 1)
        first, last = pieces[best]
        offset = first - passed[best]
        spans.append((min(max(begin + offset, first), last), min(max(stop + offset, first), last)))
    return spans
