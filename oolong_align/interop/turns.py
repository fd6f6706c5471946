"""Reads a diarizer's turns from an RTTM file (NIST RT-09)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count, filterfalse, pairwise, takewhile
from pathlib import Path
from typing import Final

from oolong_align.errors import InputError
from oolong_align.interop.files import read_bytes
from oolong_align.timing.grid import LONGEST_S
from oolong_align.timing.timeline import Timeline, mark_overlap
from oolong_align.types import Diarization, DiarizeSegment, SpeechRange, speaker_label

__all__ = ["ForeignTurns", "read_rttm", "rttm_speakers"]

_OWN_LABEL: Final = re.compile(r"SPEAKER_(\d{2,9})")
_RTTM_FIELDS: Final = 8
_COLUMNS_AFTER_NAME: Final = 2
_COLUMN: Final = re.compile(r"<NA>|[-+]?[\d.]+(?:e[-+]?\d+)?", re.ASCII | re.IGNORECASE)
# A name can end in a whole number, so a whole number may not be a column.
_SURE_COLUMN: Final = re.compile(rf"(?![-+]?\d+\Z)(?:{_COLUMN.pattern})", _COLUMN.flags)
# fmt: off
_OTHER_LINES: Final = frozenset((
    "SPKR-INFO", "SEGMENT", "NOSCORE", "NO_RT_METADATA", "NON-SPEECH", "LEXEME", "NON-LEX", "FILLER", "EDIT", "IP",
    "SU", "CB", "A/P",
))
# fmt: on


@dataclass(frozen=True, slots=True)
class ForeignTurns:
    """Turns of one recording, sorted by start: start and end in seconds, and the speaker's name."""

    turns: tuple[tuple[float, float, str], ...]

    @property
    def names(self) -> Mapping[int, str]:
        """Names by speaker id. Labels such as ``SPEAKER_00`` keep their number; other names get the free numbers."""
        found = list(dict.fromkeys(name for _, _, name in self.turns))
        own = {name: number for name in found if (number := _own_number(name)) is not None}
        free = filterfalse(set(own.values()).__contains__, count())
        return {own[name] if name in own else next(free): name for name in found}

    def diarization(self, duration: float | None = None) -> Diarization:
        """Convert the turns to a diarization without speaker evidence; ``speech`` is the union of the turns.

        Where turns overlap, the exclusive segment belongs to the turn that started last, which keeps short answers.

        Parameters
        ----------
        duration : float, optional
            Length of the recording in seconds. Turns are cut at this time. Default: the end of the last turn.
        """
        limit = max((end for _, end, _ in self.turns), default=0.0) if duration is None else duration
        ids = {name: number for number, name in self.names.items()}
        turns = tuple(
            DiarizeSegment(start, min(end, limit), ids[name]) for start, end, name in self.turns if start < limit
        )
        speech = Timeline((turn.start, turn.end) for turn in turns)
        return Diarization(
            segments=mark_overlap(_exclusive(turns), turns),
            turns=turns,
            speech=tuple(map(SpeechRange, speech.starts.tolist(), speech.ends.tolist())),
            duration=limit,
        )


def read_rttm(path: Path, recordings: Collection[str] = ()) -> ForeignTurns:
    """Read the turns of one recording from an RTTM file.

    Parameters
    ----------
    path : Path
        UTF-8, UTF-16 or UTF-32. Only ``SPEAKER`` lines are used; turns of length 0 are dropped. Names are extracted
        with `rttm_speakers`. An ``_`` in a name is kept, because the file does not say whether it replaces a space.
    recordings : collection of str
        Possible names of the recording, required if the file contains several. RTTM has ``_`` for white space.

    Raises
    ------
    InputError
        If the file cannot be read, a line lacks a field or has an invalid time, or the file has several recordings
        and none of the given names.
    """
    found: dict[str, list[tuple[float, float, int]]] = {}
    lines: list[list[str]] = []
    data = read_bytes(path)
    try:
        # detect_encoding only looks at the zeros in the first four bytes, so it works for text other than JSON.
        text = data.decode(json.detect_encoding(data))
    except UnicodeDecodeError:
        raise InputError(f"Could not read {path}: not UTF-8. Save it as UTF-8.") from None
    for place, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if not fields or fields[0].startswith(";") or fields[0] in _OTHER_LINES:
            continue
        if fields[0] != "SPEAKER" or len(fields) < _RTTM_FIELDS:
            raise InputError(
                f"Invalid RTTM line in {path}, line {place}: {line.strip()[:60]!r}. "
                "Expected: SPEAKER <file> <channel> <start> <duration> <NA> <NA> <speaker>"
            )
        start, length = (_seconds(value, path, place) for value in fields[3:5])
        turns = found.setdefault(fields[1], [])
        if length > 0:
            turns.append((start, start + length, len(lines)))
            lines.append(fields)
    if not found:
        return ForeignTurns(())
    names = ["_".join(name.split()) for name in recordings]
    chosen = next((name for name in names if name in found), None)
    if chosen is None and len(found) > 1:
        wanted = f"none of them named {' or '.join(names)}" if names else "and no recording name was given"
        raise InputError(
            f"{path} contains turns of {len(found)} recordings ({', '.join(sorted(found)[:5])}), {wanted}. "
            "Use a file with the turns of this recording."
        )
    speakers = rttm_speakers(lines)
    turns = found[chosen or next(iter(found))]
    return ForeignTurns(tuple(sorted((start, end, speakers[line]) for start, end, line in turns)))


def rttm_speakers(lines: Sequence[Sequence[str]]) -> list[str]:
    """Extract the speaker names from ``SPEAKER`` lines of an RTTM file that were split at white space.

    The standard does not allow spaces in names, but some tools write them. The name can be followed by up to two
    columns, confidence and time (``<NA>`` or numbers). A whole number can also be the end of a name, as in
    ``Speaker 1``. It is read as a column if other lines have as many columns, or if this does not merge two names.

    Examples
    --------
    >>> lines = ["SPEAKER f 1 0 2 <NA> <NA> Ada Lovelace <NA> <NA>", "SPEAKER f 1 2 1 <NA> <NA> Speaker 1 <NA> <NA>"]
    >>> rttm_speakers([line.split() for line in lines])
    ['Ada Lovelace', 'Speaker 1']
    """
    ends = [fields[_RTTM_FIELDS - 1 :] for fields in lines]
    sure = max((_count_columns(end, _SURE_COLUMN, _COLUMNS_AFTER_NAME) for end in ends), default=0)
    longest, shortest = (
        [" ".join(end[: len(end) - _count_columns(end, _COLUMN, most)]) for end in ends]
        for most in (sure, _COLUMNS_AFTER_NAME if sure else 0)
    )
    return shortest if len(set(shortest)) == len(set(longest)) else longest


def _count_columns(end: Sequence[str], column: re.Pattern[str], most: int) -> int:
    """Count the columns after a name, which takes at least one field."""
    last = reversed(end[1:][-most:] if most else ())
    return sum(1 for _ in takewhile(column.fullmatch, last))


def _exclusive(turns: Sequence[DiarizeSegment]) -> list[tuple[float, float, int]]:
    """Spans with one speaker each: at any time, the turn that started last. Cost: O(turns log turns)."""
    edges = sorted({time for turn in turns for time in (turn.start, turn.end)})
    spans: list[tuple[float, float, int]] = []
    active: list[tuple[float, float, int]] = []
    waiting = 0
    for start, end in pairwise(edges):
        while waiting < len(turns) and turns[waiting].start <= start:
            turn = turns[waiting]
            heappush(active, (-turn.start, turn.end, turn.speaker_id))
            waiting += 1
        while active and active[0][1] <= start:
            heappop(active)
        if not active:
            continue
        speaker = active[0][2]
        if spans and spans[-1][1] == start and spans[-1][2] == speaker:
            spans[-1] = (spans[-1][0], end, speaker)
        else:
            spans.append((start, end, speaker))
    return spans


def _own_number(name: str) -> int | None:
    match = _OWN_LABEL.fullmatch(name)
    return int(match[1]) if match and speaker_label(int(match[1])) == name else None


def _seconds(value: str, path: Path, place: int) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= LONGEST_S:
        raise InputError(
            f"Invalid time in {path}, line {place}: {value[:40]!r}. Expected seconds from 0 to {LONGEST_S:.0f}."
        )
    return seconds
