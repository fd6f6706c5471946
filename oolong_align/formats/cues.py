"""Subtitle cues: one speaker each, split at sentences, clauses and pauses, within the limits of a layout.

The syntax of a cue is in `oolong_align.formats.srt` and `oolong_align.formats.vtt`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

from oolong_align.errors import UsageError
from oolong_align.formats.cue_lines import Line, TextRun, join_line, make_runs, wrap
from oolong_align.formats.cue_times import place_cues, word_states
from oolong_align.text.scripts import Gap, display_width
from oolong_align.types import Transcript

__all__ = ["Cue", "CueLayout", "cue_states", "make_cues"]

# Costs of splitting an utterance into cues; the split with the lowest total is used.
CUE_COST: Final = 5.0
CUT_COSTS: Final = {Gap.SENTENCE: 0.0, Gap.CLAUSE: 3.0, Gap.WORD: 7.0, Gap.INSIDE: 20.0, Gap.TOUCHING: 100.0}
INNER_SENTENCE: Final = 2.0
INNER_PAUSE_PER_S: Final = 12.0
SLACK: Final = 3.0
SHORT_CUE: Final = 3.0
PAUSE_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class CueLayout:
    """Limits of a subtitle cue.

    Attributes
    ----------
    max_line_width : int
        Columns of a line, including spaces and the speaker's name; a wide (CJK) character takes two. At least 1.
        Style guides allow 42 characters for most scripts, 16 for Chinese (32 columns) and 13 for Japanese (26).
    max_line_count : int
        Lines of a cue, at least 1.
    highlight_words : bool
        Write one cue per spoken word, with that word underlined, as openai-whisper does.
    min_cue : float
        Minimum duration in seconds, if the adjacent cues and the end of the recording allow it; at least 0.
    max_cue : float
        Maximum duration in seconds; above 0 and at least ``min_cue``.

    Raises
    ------
    UsageError
        If a limit is out of range.
    """

    max_line_width: int = 42
    max_line_count: int = 2
    highlight_words: bool = False
    min_cue: float = 0.8
    max_cue: float = 7.0

    def __post_init__(self) -> None:
        for name, value in (("max_line_width", self.max_line_width), ("max_line_count", self.max_line_count)):
            if value < 1:
                raise UsageError(f"Invalid {name}={value}: must be at least 1")
        if not (math.isfinite(self.min_cue) and self.min_cue >= 0):
            raise UsageError(f"Invalid min_cue={self.min_cue}: must be a finite number of seconds, 0 or more")
        if not (math.isfinite(self.max_cue) and self.max_cue > 0):
            raise UsageError(f"Invalid max_cue={self.max_cue}: must be a finite number of seconds above 0")
        if self.min_cue > self.max_cue:
            raise UsageError(
                f"min_cue {self.min_cue:g} exceeds max_cue {self.max_cue:g}. Decrease min_cue or increase max_cue."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """One subtitle cue. Times are whole milliseconds, ``start_ms < end_ms``; cues of a transcript never overlap.

    ``speaker`` is a label, or ``None`` for an unknown speaker. The first line is empty if only the speaker's name fits
    on it.
    """

    start_ms: int
    end_ms: int
    speaker: str | None
    lines: tuple[Line, ...]


def make_cues(transcript: Transcript, layout: CueLayout, prefixes: Mapping[str, str]) -> list[Cue]:
    """Split a transcript into cues.

    Parameters
    ----------
    transcript : Transcript
    layout : CueLayout
    prefixes : mapping of str to str
        Text before the first line of each speaker's cues, by label. It counts towards the width of the line.

    Returns
    -------
    list of Cue
        In order of time. Each word with non-empty text is in exactly one cue. O(words x words in a cue).
    """
    cut: list[tuple[str | None, int, list[TextRun]]] = []
    for utterance in transcript.utterances:
        indent = display_width(prefixes.get(utterance.speaker, "")) if utterance.speaker is not None else 0
        runs = make_runs(
            utterance.words,
            line_width=layout.max_line_width,
            first_width=layout.max_line_width - indent,
            line_count=layout.max_line_count,
        )
        cut.extend((utterance.speaker, indent, part) for part in _cut_runs(runs, layout, indent))
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


def cue_states(cue: Cue, layout: CueLayout, escape: Callable[[str], str] = str) -> Iterator[tuple[int, int, str]]:
    """Yield the states of a cue: start and end in milliseconds, and its lines.

    A cue has one state, or one for each underlined word with ``highlight_words``.

    Parameters
    ----------
    cue : Cue
    layout : CueLayout
    escape : callable
        Escapes the text of a run.
    """
    states: list[tuple[int, int, int | None]] = [(cue.start_ms, cue.end_ms, None)]
    if layout.highlight_words:
        states = word_states([run for line in cue.lines for run in line], cue.start_ms, cue.end_ms)
    for start, end, spoken in states:
        numbers = count()
        lines = [[_underline(escape(run.text), next(numbers) == spoken) for run in line] for line in cue.lines]
        yield start, end, "\n".join(join_line(texts, line) for texts, line in zip(lines, cue.lines, strict=True))


def _underline(text: str, is_spoken: bool) -> str:
    return f"<u>{text}</u>" if is_spoken else text


def _cut_runs(runs: Sequence[TextRun], layout: CueLayout, indent: int) -> list[list[TextRun]]:
    """Split the runs of an utterance into cues at the lowest cost; a single run is always allowed as a cue."""
    number = len(runs)
    cost = [0.0] + [math.inf] * number
    origin = [0] * (number + 1)
    cut_costs = [_cut_cost(runs, at) for at in range(1, number + 1)]
    inner_costs = [_inner_cost(runs, at) for at in range(1, number)]
    for first in range(number):
        inner = 0.0
        fill = _Fill(layout, indent)
        for stop in range(first + 1, number + 1):
            fill.add(runs[stop - 1])
            seconds = runs[stop - 1].end - runs[first].start
            if stop > first + 1:
                if fill.lines > layout.max_line_count or seconds > layout.max_cue:
                    break
                inner += inner_costs[stop - 2]
            short = SHORT_CUE if seconds < layout.min_cue else 0.0
            total = cost[first] + CUE_COST + fill.slack + short + inner + cut_costs[stop - 1]
            if total < cost[stop]:
                cost[stop], origin[stop] = total, first
    parts: list[list[TextRun]] = []
    stop = number
    while stop:
        parts.append(list(runs[origin[stop] : stop]))
        stop = origin[stop]
    return parts[::-1]


class _Fill:
    """Fills the lines of one cue run by run, each run on the first line that has room.

    Runs that touch move to the next line together, unless they are longer than a line.
    """

    def __init__(self, layout: CueLayout, indent: int) -> None:
        self._width = layout.max_line_width
        self._capacity = layout.max_line_width * layout.max_line_count
        self._used = self._total = indent
        self._together = 0
        self._first = True
        self.lines = 1

    def add(self, run: TextRun) -> None:
        width = run.width if self._first else run.space + run.width
        touching = run.gap == Gap.TOUCHING and not self._first
        alone = self._first and self._used == 0
        if alone or self._used + width <= self._width:
            self._used += width
            self._together = self._together + width if touching else run.width
        else:
            self.lines += 1
            moved = self._together + width if touching else run.width
            self._used = self._together = moved if moved <= self._width else run.width
        self._total += width
        self._first = False

    @property
    def slack(self) -> float:
        """Cost of the unused part of the cue; its square, so that cues of similar length are preferred."""
        return SLACK * max(1.0 - self._total / self._capacity, 0.0) ** 2


def _cut_cost(runs: Sequence[TextRun], at: int) -> float:
    """Return the cost of ending a cue before run ``at``."""
    if at == len(runs):
        return 0.0
    gap = runs[at].gap
    pause = runs[at].start - runs[at - 1].end
    return 0.0 if pause >= PAUSE_S and gap > Gap.TOUCHING else CUT_COSTS[gap]


def _inner_cost(runs: Sequence[TextRun], at: int) -> float:
    """Return the cost of continuing a cue at run ``at``."""
    pause = runs[at].start - runs[at - 1].end
    cost = INNER_PAUSE_PER_S * pause if pause >= PAUSE_S else 0.0
    return cost + (INNER_SENTENCE if runs[at].gap == Gap.SENTENCE else 0.0)
