"""Rich Transcription Time Marked (NIST RT-09): speaker turns without words.

One line per turn: ``SPEAKER <file> 1 <start> <duration> <NA> <NA> <speaker> <NA> <NA>``, times in seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from oolong_align.formats.names import printed_names
from oolong_align.text.clean import clean_text
from oolong_align.types import Transcript, speaker_label

__all__ = ["render_rttm"]

UNNAMED_FILE: Final = "audio"
_MICROSECONDS: Final = 1_000_000
_WHITE_SPACE: Final = re.compile(r"\s")


def render_rttm(transcript: Transcript, *, exclusive: bool = False) -> str:
    """Render the turns of a transcript.

    Parameters
    ----------
    transcript : Transcript
        Without a diarization, its utterances are used as turns.
    exclusive : bool
        Write one speaker at a time instead of turns that may overlap.

    Returns
    -------
    str
        Times have microsecond precision. White space in the file ID and in names is replaced by ``_``.
    """
    names = printed_names(transcript, space="_")
    file_id = clean_text(_WHITE_SPACE.sub("_", transcript.source)) or UNNAMED_FILE
    lines: list[str] = []
    for start, end, label in _spans(transcript, exclusive):
        first, last = round(start * _MICROSECONDS), round(end * _MICROSECONDS)
        if last > first:
            times = f"{_seconds(first)} {_seconds(last - first)}"
            lines.append(f"SPEAKER {file_id} 1 {times} <NA> <NA> {names.get(label, label)} <NA> <NA>\n")
    return "".join(lines)


def _spans(transcript: Transcript, exclusive: bool) -> Iterable[tuple[float, float, str]]:
    diarization = transcript.diarization
    if diarization is None:
        return ((u.start, u.end, u.speaker) for u in transcript.utterances if u.speaker is not None)
    turns = diarization.segments if exclusive else diarization.turns
    return ((turn.start, turn.end, speaker_label(turn.speaker_id)) for turn in turns)


def _seconds(microseconds: int) -> str:
    return f"{microseconds // _MICROSECONDS}.{microseconds % _MICROSECONDS:06d}"
