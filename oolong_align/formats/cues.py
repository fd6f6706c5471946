"""Subtitle cues: one speaker each, cut where a reader expects it, inside the lines and times of a layout.

Leaves out how a cue is written: that is `oolong_align.formats.srt` and `oolong_align.formats.vtt`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from oolong_align.errors import UsageError
from oolong_align.formats.cue_lines import Line, Piece, make_pieces, wrap
from oolong_align.formats.cue_times import place_cues
from oolong_align.text.scripts import Gap, display_width
from oolong_align.types import Transcript

__all__ = ["Cue", "CueLayout", "make_cues"]

# Costs of cutting an utterance into cues; the cheapest cut wins.
CUE_COST: Final = 5.0
CUT_COSTS: Final = {Gap.SENTENCE: 0.0, Gap.CLAUSE: 3.0, Gap.WORD: 7.0, Gap.INSIDE: 20.0, Gap.TOUCHING: 100.0}
INNER_SENTENCE: Final = 2.0
INNER_PAUSE_PER_S: Final = 12.0
SLACK: Final = 3.0
SHORT_CUE: Final = 3.0
PAUSE_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class CueLayout:
    """Limits of a subtitle.

    Attributes
    ----------
    max_line_width : int
        Columns of a line, spaces and the speaker's name counted; a wide (CJK) character takes two. At least 1. Style
        guides give 42 characters for most scripts; their 16 for Chinese and 13 for Japanese are 32 and 26 columns.
    max_line_count : int
        Lines of a cue, at least 1.
    highlight_words : bool
        Write one cue for each state in which one word is underlined, as openai-whisper does.
    min_cue : float
        Seconds that a cue stays at least, where its neighbours and the recording's end leave them; at least 0.
    max_cue : float
        Seconds that a cue stays at most; at least ``min_cue``, above 0.

    Raises
    ------
    UsageError
        If a limit is out of its range.
    """

    max_line_width: int = 42
    max_line_count: int = 2
    highlight_words: bool = False
    min_cue: float = 0.8
    max_cue: float = 7.0

    def __post_init__(self) -> None:
        for name, value in (("max_line_width", self.max_line_width), ("max_line_count", self.max_line_count)):
            if value < 1:
                raise UsageError(f"{name} is {value}; give 1 or more")
        if not (math.isfinite(self.min_cue) and self.min_cue >= 0):
            raise UsageError(f"min_cue is {self.min_cue} s; give 0 or more seconds")
        if not (math.isfinite(self.max_cue) and self.max_cue > 0 and self.max_cue >= self.min_cue):
            raise UsageError(f"max_cue is {self.max_cue} s; give seconds, not fewer than min_cue ({self.min_cue} s)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """One subtitle: whole milliseconds, ``start_ms < end_ms``; no two cues of a transcript overlap.

    ``speaker`` is a label, ``None`` for nobody. The first line is empty where only the speaker's name fits on it.
    """

    start_ms: int
    end_ms: int
    speaker: str | None
    lines: tuple[Line, ...]


def make_cues(transcript: Transcript, layout: CueLayout, prefixes: Mapping[str, str]) -> list[Cue]:
    """Cut a transcript into cues.

    Parameters
    ----------
    transcript : Transcript
    layout : CueLayout
    prefixes : mapping of str to str
        What is written before a cue of a speaker and takes room on its first line, by label.

    Returns
    -------
    list of Cue
        In order of time; together they hold every word that has a text, once. O(words x words in a cue).
    """
    cut: list[tuple[str | None, int, list[Piece]]] = []
    for utterance in transcript.utterances:
        indent = display_width(prefixes.get(utterance.speaker, "")) if utterance.speaker is not None else 0
        pieces = make_pieces(
            utterance.words,
            line_width=layout.max_line_width,
            first_width=layout.max_line_width - indent,
            line_count=layout.max_line_count,
        )
        cut.extend((utterance.speaker, indent, part) for part in _cut_pieces(pieces, layout, indent))
    spans = [(part[0].start, part[-1].end, len(part) if layout.highlight_words else 1) for _, _, part in cut]
    times = place_cues(spans, duration=transcript.duration, min_cue=layout.min_cue, max_cue=layout.max_cue)
    return [
        Cue(
            start_ms=start,
            end_ms=end,
            speaker=speaker,
            lines=wrap(part, width=layout.max_line_width, count=layout.max_line_count, indent=indent),
        )
        for (speaker, indent, part), (start, end) in zip(cut, times, strict=True)
    ]


def _cut_pieces(pieces: Sequence[Piece], layout: CueLayout, indent: int) -> list[list[Piece]]:
    """Cut the pieces of an utterance at the least cost; a single piece always makes a cue."""
    number = len(pieces)
    cost = [0.0] + [math.inf] * number
    origin = [0] * (number + 1)
    cut_costs = [_cut_cost(pieces, at) for at in range(1, number + 1)]
    inner_costs = [_inner_cost(pieces, at) for at in range(1, number)]
    for first in range(number):
        inner = 0.0
        fill = _Fill(layout, indent)
        for stop in range(first + 1, number + 1):
            fill.add(pieces[stop - 1])
            seconds = pieces[stop - 1].end - pieces[first].start
            if stop > first + 1:
                if fill.lines > layout.max_line_count or seconds > layout.max_cue:
                    break
                inner += inner_costs[stop - 2]
            short = SHORT_CUE if seconds < layout.min_cue else 0.0
            total = cost[first] + CUE_COST + fill.slack + short + inner + cut_costs[stop - 1]
            if total < cost[stop]:
                cost[stop], origin[stop] = total, first
    parts: list[list[Piece]] = []
    stop = number
    while stop:
        parts.append(list(pieces[origin[stop] : stop]))
        stop = origin[stop]
    return parts[::-1]


class _Fill:
    """Fills the lines of one cue piece by piece, each piece on the first line that has room.

    What touches goes on to the next line together, unless it is longer than a line.
    """

    def __init__(self, layout: CueLayout, indent: int) -> None:
        self._width = layout.max_line_width
        self._capacity = layout.max_line_width * layout.max_line_count
        self._used = self._total = indent
        self._together = 0
        self._first = True
        self.lines = 1

    def add(self, piece: Piece) -> None:
        width = piece.width if self._first else piece.space + piece.width
        touching = piece.gap == Gap.TOUCHING and not self._first
        alone = self._first and self._used == 0
        if alone or self._used + width <= self._width:
            self._used += width
            self._together = self._together + width if touching else piece.width
        else:
            self.lines += 1
            moved = self._together + width if touching else piece.width
            self._used = self._together = moved if moved <= self._width else piece.width
        self._total += width
        self._first = False

    @property
    def slack(self) -> float:
        """Cost of the room that is left: a share of 1 costs most, halves cost little, so cues come out even."""
        return SLACK * max(1.0 - self._total / self._capacity, 0.0) ** 2


def _cut_cost(pieces: Sequence[Piece], at: int) -> float:
    """Cost of ending a cue before the piece ``at``."""
    if at == len(pieces):
        return 0.0
    gap = pieces[at].gap
    pause = pieces[at].start - pieces[at - 1].end
    return 0.0 if pause >= PAUSE_S and gap > Gap.TOUCHING else CUT_COSTS[gap]


def _inner_cost(pieces: Sequence[Piece], at: int) -> float:
    """Cost of not ending a cue before the piece ``at``."""
    pause = pieces[at].start - pieces[at - 1].end
    cost = INNER_PAUSE_PER_S * pause if pause >= PAUSE_S else 0.0
    return cost + (INNER_SENTENCE if pieces[at].gap == Gap.SENTENCE else 0.0)
