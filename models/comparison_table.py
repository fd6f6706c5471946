"""The table of ``compare.py``: speed, speaker counts and error rates of two systems on the same recordings."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oolong_align_metrics import DiarizationErrors

COLUMNS = (
    "Audio",
    "pyannote.audio",
    "oolong_align",
    "Speedup",
    "Speakers",
    "DER",
    "Labelled speakers",
    "DER of pyannote.audio",
    "DER of oolong_align",
)


@dataclass(frozen=True)
class Row:
    """Results of pyannote.audio and of this program on one recording.

    Attributes
    ----------
    audio : str
    duration : float
        Seconds.
    seconds : list of (float, float)
        pyannote.audio and ours, for each repeat.
    speakers : tuple of (int, int)
        pyannote.audio and ours.
    errors : DiarizationErrors
        Ours against pyannote.audio.
    truth : tuple of (DiarizationErrors, DiarizationErrors) or None
        pyannote.audio and ours, each against human labels.
    """

    audio: str
    duration: float
    seconds: list[tuple[float, float]]
    speakers: tuple[int, int]
    errors: DiarizationErrors
    truth: tuple[DiarizationErrors, DiarizationErrors] | None


def render_table(rows: Sequence[Row]) -> str:
    """Markdown table. For several recordings, the last row has sums, and error rates over all speech."""
    lines = [_row(row) for row in rows]
    if len(rows) > 1:
        lines.append(_total(rows))
    cells = [COLUMNS, tuple("---" if column == "Audio" else "---:" for column in COLUMNS), *lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def _row(row: Row) -> tuple[str, ...]:
    theirs, ours = (statistics.median(seconds) for seconds in zip(*row.seconds, strict=True))
    ratios = [theirs / ours for theirs, ours in row.seconds]
    truth: tuple[str, ...] = ("-", "-", "-")
    if row.truth:
        truth = (str(row.truth[0].reference_speakers), *(_percent(each.error_rate) for each in row.truth))
    return (
        f"{row.audio.replace('|', '/')} ({_clock(row.duration)})",
        f"{theirs:.1f}s",
        f"{ours:.1f}s",
        f"{statistics.median(ratios):.1f}x",
        _relation(*row.speakers),
        _percent(row.errors.error_rate),
        *truth,
    )


def _total(rows: Sequence[Row]) -> tuple[str, ...]:
    from oolong_align_metrics import DiarizationErrors

    theirs, ours = (sum(statistics.median(pair[side] for pair in row.seconds) for row in rows) for side in range(2))
    same = sum(row.speakers[0] == row.speakers[1] for row in rows)
    known = [row.truth for row in rows if row.truth]
    sums = [DiarizationErrors.sum(side) for side in zip(*known, strict=True)]
    return (
        f"all ({_clock(sum(row.duration for row in rows))})",
        f"{theirs:.1f}s",
        f"{ours:.1f}s",
        f"{theirs / ours:.1f}x",
        f"{same} of {len(rows)} equal",
        _percent(DiarizationErrors.sum(row.errors for row in rows).error_rate),
        *((str(sums[0].reference_speakers), *(_percent(each.error_rate) for each in sums)) if sums else "---"),
    )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.2f}%"


def _relation(theirs: int, ours: int) -> str:
    return f"{theirs} {'=' if theirs == ours else '<' if theirs < ours else '>'} {ours}"
