"""Who speaks when, from RTTM or from this program's JSON.

An RTTM file holds turns only: where they overlap, the exclusive output keeps who began first, and there are no voices.
The JSON holds everything, so that its replay is the diarization that was written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from oolong_align.errors import InputError
from oolong_align.formats.json_reader import read_json
from oolong_align.timeline import Timeline
from oolong_align.types import Diarization, DiarizeSegment, SpeakerSegment, VoiceRange
from oolong_align_replay.files import read_text

if TYPE_CHECKING:
    from oolong_align.audio import Audio

__all__ = ["exclusive_segments", "read_diarization", "read_rttm"]

FIELDS: Final = 8
_WHITE_SPACE: Final = re.compile(r"\s")
# fmt: off
_OTHER_LINES: Final = frozenset((
    "SPKR-INFO", "SEGMENT", "NOSCORE", "NO_RT_METADATA", "NON-SPEECH", "LEXEME", "NON-LEX", "FILLER", "EDIT", "IP",
    "SU", "CB", "A/P",
))
# fmt: on
_MOST_BEHIND_S: Final = 1.0
_LEAST_OVERLAP_S: Final = 1e-6
_NOTHING: Final = Diarization(segments=(), turns=(), speech=(), duration=0.0)


def read_diarization(path: Path, audio: Audio) -> Diarization:
    """Read the diarization of one recording.

    Parameters
    ----------
    path : Path
        RTTM, or JSON as ``oolong transcribe`` and ``oolong diarize`` write it.
    audio : Audio
        Its stem, with ``_`` for each white space, chooses among several file ids; a single id always fits.

    Returns
    -------
    Diarization
        Of an RTTM file speakers count from 0 by first appearance, and turns end with the recording.

    Raises
    ------
    InputError
        If the file cannot be read, has nothing for this recording, or reaches more than a second beyond its end.
    """
    text = read_text(path)
    if text.lstrip().startswith("{"):
        try:
            stored = read_json(text).diarization or _NOTHING
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        _check_end(path, stored.turns, audio.duration)
        return replace(stored, duration=audio.duration)
    found = _choose(read_rttm(text, path), audio.stem, path)
    _check_end(path, found, audio.duration)
    turns = _inside(found, audio.duration)
    return Diarization(segments=exclusive_segments(turns), turns=turns, speech=_merged(turns), duration=audio.duration)


def read_rttm(text: str, path: Path) -> dict[str, list[DiarizeSegment]]:
    """Read the turns of each file id (NIST RT-09), sorted; speakers are numbered, turns of no length left out.

    Raises
    ------
    InputError
        If a line is none of RTTM, or a time cannot be; it names file and line.
    """
    recordings: dict[str, list[DiarizeSegment]] = {}
    numbers: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if not fields or fields[0].startswith(";;") or fields[0] in _OTHER_LINES:
            continue
        place = f"{path}:{number}"
        if fields[0] != "SPEAKER" or len(fields) < FIELDS:
            raise InputError(
                f"{place}: no line of RTTM: {line.strip()[:60]!r}; lines are "
                "SPEAKER <file> <channel> <start> <duration> <NA> <NA> <speaker>"
            )
        start, length = _seconds(fields[3], place), _seconds(fields[4], place)
        turns = recordings.setdefault(fields[1], [])
        if length > 0:
            turns.append(DiarizeSegment(start, start + length, numbers.setdefault(fields[7], len(numbers))))
    for turns in recordings.values():
        turns.sort(key=lambda turn: (turn.start, turn.end))
    return recordings


def exclusive_segments(turns: Sequence[DiarizeSegment]) -> tuple[SpeakerSegment, ...]:
    """One speaker at a time: who began first keeps the floor to the end of the turn; O(speakers x turns).

    Parameters
    ----------
    turns : sequence of DiarizeSegment
        Sorted by start.
    """
    segments: list[SpeakerSegment] = []
    reached = 0.0
    for turn in turns:
        start = max(turn.start, reached)
        if start < turn.end:
            segments.append(SpeakerSegment(start, turn.end, turn.speaker_id))
            reached = turn.end
    table = np.array([(each.start, each.end) for each in segments], dtype=np.float64).reshape(-1, 2)
    shared = _overlap(turns).covered(table[:, 0], table[:, 1])  # (segments,)
    return tuple(
        replace(segment, is_overlap=seconds > _LEAST_OVERLAP_S)
        for segment, seconds in zip(segments, shared.tolist(), strict=True)
    )


def _overlap(turns: Sequence[DiarizeSegment]) -> Timeline:
    """Where more than one speaker is."""
    speakers = {turn.speaker_id for turn in turns}
    own = [Timeline((turn.start, turn.end) for turn in turns if turn.speaker_id == each) for each in speakers]
    edges = sorted(
        [(start, 1) for each in own for start in each.starts.tolist()]
        + [(end, -1) for each in own for end in each.ends.tolist()]
    )
    spans: list[tuple[float, float]] = []
    active = 0
    since = 0.0
    for time, change in edges:
        if active > 1:
            spans.append((since, time))
        active += change
        since = time
    return Timeline(spans)


def _merged(turns: Sequence[DiarizeSegment]) -> tuple[VoiceRange, ...]:
    merged = Timeline((turn.start, turn.end) for turn in turns)
    return tuple(VoiceRange(*span) for span in zip(merged.starts.tolist(), merged.ends.tolist(), strict=True))


def _choose(recordings: dict[str, list[DiarizeSegment]], stem: str, path: Path) -> list[DiarizeSegment]:
    file_id = _WHITE_SPACE.sub("_", stem)
    if file_id in recordings:
        return recordings[file_id]
    if len(recordings) > 1:
        listed = ", ".join([*recordings][:3]) + (", ..." if len(recordings) > 3 else "")
        raise InputError(f"{path}: has no turns of {file_id!r}, but of {listed}; rename the recording or the file id")
    return next(iter(recordings.values()), [])


def _check_end(path: Path, turns: Sequence[DiarizeSegment], duration: float) -> None:
    last = max((turn.end for turn in turns), default=0.0)
    if last > duration + _MOST_BEHIND_S:
        raise InputError(
            f"{path}: has a turn up to {last:.3f} s in a recording of {duration:.3f} s; is it of this one?"
        )


def _inside(turns: Sequence[DiarizeSegment], duration: float) -> tuple[DiarizeSegment, ...]:
    """Turns inside the recording, speakers numbered by first appearance."""
    numbers: dict[int, int] = {}
    return tuple(
        DiarizeSegment(turn.start, min(turn.end, duration), numbers.setdefault(turn.speaker_id, len(numbers)))
        for turn in turns
        if turn.start < duration
    )


def _seconds(text: str, place: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise InputError(f"{place}: {text[:40]!r} is no time; give seconds from 0 on")
    return seconds
