"""Files of other tools: a recogniser's JSON or subtitles, a diarizer's RTTM; others are refused in one line."""

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

from oolong_align.errors import InputError, warn
from oolong_align.interop.fields import UnknownShapeError
from oolong_align.interop.recognised import RecognisedTranscript
from oolong_align.interop.recognisers import WHISPER_CPP, read_recognised
from oolong_align.interop.subtitles import SUBTITLES, clashing_cues, is_subtitles, read_subtitles
from oolong_align.timing.grid import LONGEST_S
from oolong_align.timing.timeline import Timeline, mark_overlap
from oolong_align.types import Diarization, DiarizeSegment, SpeechRange, speaker_label

__all__ = ["ForeignTurns", "read_rttm", "read_transcript", "rttm_speakers"]

_OWN_LABEL: Final = re.compile(r"SPEAKER_(\d{2,9})")
_RTTM_FIELDS: Final = 8
_NO_UTF_8: Final = "{}: is no UTF-8 text; save it as UTF-8 and try again"
_UNDECODED: Final = re.compile("[\udc80-\udcff]")
_RTTM_COLUMNS: Final = 2  # behind the name
_COLUMN: Final = re.compile(r"<NA>|[-+]?[\d.]+(?:e[-+]?\d+)?", re.ASCII | re.IGNORECASE)
_SURE_COLUMN: Final = re.compile(rf"(?![-+]?\d+\Z)(?:{_COLUMN.pattern})", _COLUMN.flags)  # names end in whole numbers
# fmt: off
_OTHER_LINES: Final = frozenset((
    "SPKR-INFO", "SEGMENT", "NOSCORE", "NO_RT_METADATA", "NON-SPEECH", "LEXEME", "NON-LEX", "FILLER", "EDIT", "IP",
    "SU", "CB", "A/P",
))
# fmt: on


def read_transcript(path: Path) -> RecognisedTranscript:
    """Read what a recogniser wrote as JSON, SubRip or WebVTT; which one it was is found out.

    Parameters
    ----------
    path : Path
        UTF-8, UTF-16 or UTF-32. whisper.cpp writes characters that its tokens cut in two; they are put together. Of
        other tools what is no UTF-8 is refused, because letters of another encoding would be lost. Of subtitles the
        names of speakers are left out; see `oolong_align.interop.subtitles`. There is an `OolongWarning` where cues
        overlap or run backwards, because all words get times of their own.

    Raises
    ------
    InputError
        If the file cannot be read, or is neither subtitles nor JSON that is known.
    """
    data = _read(path)
    try:
        encoding = json.detect_encoding(data)
        text = data.decode(encoding, "surrogateescape" if encoding.startswith("utf-8") else "strict")
        is_text = is_subtitles(text, path.suffix)
        document = None if is_text else json.loads(text, strict=False)
    except RecursionError:
        raise InputError(f"{path}: its JSON is nested too deeply for a transcript") from None
    except ValueError as error:
        raise InputError(
            f"{path}: is no JSON ({error}); give the JSON file, or the SRT or VTT, that a recogniser wrote"
        ) from None
    try:
        heard = read_subtitles(text, path.suffix) if is_text else read_recognised(document)
    except UnknownShapeError as error:
        raise InputError(f"{path}: {error.reason}; give the JSON file as the recogniser wrote it") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if heard.tool != WHISPER_CPP and _UNDECODED.search(text):
        raise InputError(_NO_UTF_8.format(path))
    clashing = clashing_cues(heard.segments) if heard.tool in SUBTITLES else []
    if clashing:
        warn(
            f"{path}: {len(clashing)} of {len(heard.segments)} cues overlap another or end before they begin, the "
            f"first at {clashing[0].start:.3f} s: their words are put one after the other, at times and with speakers "
            "that are a guess; correct the times, or give the recogniser's JSON"
        )
    return heard


@dataclass(frozen=True, slots=True)
class ForeignTurns:
    """Turns of one recording in order of their starts, each with a start and an end in seconds and a name."""

    turns: tuple[tuple[float, float, str], ...]

    @property
    def names(self) -> Mapping[int, str]:
        """Names by speaker id: labels like ``SPEAKER_00`` keep their numbers, others get the first free ones."""
        found = list(dict.fromkeys(name for _, _, name in self.turns))
        own = {name: number for name in found if (number := _own_number(name)) is not None}
        free = filterfalse(set(own.values()).__contains__, count())
        return {own[name] if name in own else next(free): name for name in found}

    def diarization(self, duration: float | None = None) -> Diarization:
        """Who speaks when, without any voice: ``speech`` is where anybody has a turn.

        Where turns overlap, the exclusive segments go to the one that began last: short answers are kept.

        Parameters
        ----------
        duration : float, optional
            Length of the recording in seconds; what is behind it is cut. The end of the last turn by default.
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
    """Read the turns of one recording from an RTTM file (NIST RT-09).

    Parameters
    ----------
    path : Path
        UTF-8, UTF-16 or UTF-32. Its ``SPEAKER`` lines count; turns of no length are left out. Names are as
        `rttm_speakers` finds them; an ``_`` in a name stays, because no file tells whether it stood for a space.
    recordings : collection of str
        Names that the recording may have; needed where the file holds several. White space is ``_`` in RTTM.

    Raises
    ------
    InputError
        If the file cannot be read, a line lacks a field or has a time that cannot be, or none of several recordings
        has a name that was given.
    """
    found: dict[str, list[tuple[float, float, int]]] = {}
    lines: list[list[str]] = []
    data = _read(path)
    try:
        text = data.decode(json.detect_encoding(data))  # which goes by the zeros in the first four bytes
    except UnicodeDecodeError:
        raise InputError(_NO_UTF_8.format(path)) from None
    for place, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if not fields or fields[0].startswith(";") or fields[0] in _OTHER_LINES:
            continue
        if fields[0] != "SPEAKER" or len(fields) < _RTTM_FIELDS:
            raise InputError(
                f"{path}, line {place}: {line.strip()[:60]!r} is no line of an RTTM file: "
                "SPEAKER <file> <channel> <start> <duration> <NA> <NA> <speaker>"
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
        raise InputError(
            f"{path}: holds turns of {len(found)} recordings ({', '.join(sorted(found)[:5])}), none of which is "
            f"{' or '.join(names) or 'named'}; give the one with this recording's turns"
        )
    speakers = rttm_speakers(lines)
    turns = found[chosen or next(iter(found))]
    return ForeignTurns(tuple(sorted((start, end, speakers[line]) for start, end, line in turns)))


def rttm_speakers(lines: Sequence[Sequence[str]]) -> list[str]:
    """Names in the ``SPEAKER`` lines of an RTTM file that were split at white space.

    The standard has no spaces in names, but some tools write them: what is behind the name, a confidence and a time
    (``<NA>`` or numbers) at most, is not of it. A whole number may also end a name, as in ``Speaker 1``: it is taken
    for a column where other lines have as many, or where that makes one name of no two.

    Examples
    --------
    >>> lines = ["SPEAKER f 1 0 2 <NA> <NA> Ada Lovelace <NA> <NA>", "SPEAKER f 1 2 1 <NA> <NA> Speaker 1 <NA> <NA>"]
    >>> rttm_speakers([line.split() for line in lines])
    ['Ada Lovelace', 'Speaker 1']
    """
    ends = [fields[_RTTM_FIELDS - 1 :] for fields in lines]
    sure = max((_columns(end, _SURE_COLUMN, _RTTM_COLUMNS) for end in ends), default=0)
    longest, shortest = (
        [" ".join(end[: len(end) - _columns(end, _COLUMN, most)]) for end in ends]
        for most in (sure, _RTTM_COLUMNS if sure else 0)
    )
    return shortest if len(set(shortest)) == len(set(longest)) else longest


def _columns(end: Sequence[str], column: re.Pattern[str], most: int) -> int:
    """How many columns are behind a name, which is a field at least."""
    behind = reversed(end[1:][-most:] if most else ())
    return sum(1 for _ in takewhile(column.fullmatch, behind))


def _exclusive(turns: Sequence[DiarizeSegment]) -> list[tuple[float, float, int]]:
    """Spans of one speaker each: at any time the turn that began last; O(turns log turns)."""
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
        raise InputError(f"{path}, line {place}: {value[:40]!r} is no time in seconds")
    return seconds


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
