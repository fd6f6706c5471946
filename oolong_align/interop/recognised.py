"""The common form of all recognisers' results: segments of words, without speakers.

If a segment has no word times, its words are spread over the speech in it and marked ``estimated``.
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
"""Used as the tool for `Word` records, whose times are neither spread nor marked here."""

# Shortest plausible time for a letter. If a segment has less speech per letter, some speech was not detected.
_SHORTEST_LETTER_S: Final = 0.03
# Segments without word times often start and end at full seconds.
_ROUNDED_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class RecognisedSegment:
    """Words with the span of their segment in seconds; ``None`` if it is unknown."""

    start: float | None
    end: float | None
    words: tuple[Word, ...]

    @property
    def is_timed(self) -> bool:
        """Whether any word has a start or an end."""
        return any(not (isnan(word.start) and isnan(word.end)) for word in self.words)


@dataclass(frozen=True, slots=True)
class RecognisedTranscript:
    """The name of the tool, the language code (empty if unknown), and all segments in order."""

    tool: str
    language: str
    segments: tuple[RecognisedSegment, ...]

    def words(self, speech: Timeline | None = None) -> Words:
        """Return all words.

        Parameters
        ----------
        speech : Timeline, optional
            Speech ranges over which words without times are spread. Without it, they are spread over their whole
            segment.

        Returns
        -------
        Words
            In the given order; if no segment has word times, segments are sorted by start. A word without times in a
            segment with word times keeps NaN.
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
    """Sort segments by start and cut overlaps in the middle; return them unchanged if a start is missing."""
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
    """Assign each word a part of the span in proportion to its length; unknown times stay NaN."""
    marked = [replace(word, estimated=True) for word in words]
    if start is None or end is None or end < start:
        if marked and start is not None and end is None:
            marked[0] = replace(marked[0], start=start)
        return marked
    lengths = [len(word.text) for word in words]
    ranges = [(start, end)]
    if speech is not None:
        inside = _inside(speech, start, end)
        if sum(last - first for first, last in inside) >= _SHORTEST_LETTER_S * sum(lengths):
            ranges = inside or ranges
    spans = _distribute(lengths, ranges)
    return [replace(word, start=first, end=last) for word, (first, last) in zip(marked, spans, strict=True)]


def _inside(speech: Timeline, start: float, end: float) -> list[tuple[float, float]]:
    """Speech within a span, without short remainders of the speech before and after it."""
    rows = slice(
        int(np.searchsorted(speech.ends, start, side="right")), int(np.searchsorted(speech.starts, end, side="left"))
    )
    whole = list(zip(speech.starts[rows].tolist(), speech.ends[rows].tolist(), strict=True))
    own = [each for each in whole if not _is_mostly_outside(each, start, end)]
    return [(max(first, start), min(last, end)) for first, last in own or whole]


def _is_mostly_outside(speech: tuple[float, float], start: float, end: float) -> bool:
    """Return whether most of a speech range lies outside of a span with rounded edges."""
    inside = min(speech[1], end) - max(speech[0], start)
    return inside < min(_ROUNDED_S, (speech[1] - speech[0]) / 2)


def _distribute(lengths: Sequence[int], ranges: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Distribute lengths proportionally over ranges; a word that would cross two ranges goes to the larger share.

    Returns
    -------
    list of (float, float)
        Start and end in seconds of each length, in order.
    """
    if not lengths:
        return []
    passed = list(accumulate((last - first for first, last in ranges), initial=0.0))
    scale = passed[-1] / sum(lengths)
    edges = [scale * length for length in accumulate(lengths, initial=0)]
    spans: list[tuple[float, float]] = []
    for begin, stop in pairwise(edges):
        met = range(max(bisect_right(passed, begin) - 1, 0), max(min(bisect_left(passed, stop), len(ranges)), 1))
        shares = {index: min(stop, passed[index + 1]) - max(begin, passed[index]) for index in met}
        best = max(shares, key=shares.__getitem__, default=len(ranges) - 1)
        first, last = ranges[best]
        offset = first - passed[best]
        spans.append((min(max(begin + offset, first), last), min(max(stop + offset, first), last)))
    return spans
