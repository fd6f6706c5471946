"""Who speaks when, from RTTM or from this program's JSON.

An RTTM file holds turns only: there are no voices. The JSON holds everything, so that its replay is the diarization
that was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from oolong_align.errors import InputError
from oolong_align.hookspecs import read_json, read_rttm
from oolong_align.types import Diarization, DiarizeSegment
from oolong_align_replay.files import read_text

if TYPE_CHECKING:
    from oolong_align.hookspecs import Audio

__all__ = ["read_diarization"]

_MOST_BEHIND_S: Final = 1.0
_NOTHING: Final = Diarization(segments=(), turns=(), speech=(), duration=0.0)


def read_diarization(path: Path, audio: Audio) -> Diarization:
    """Read the diarization of one recording.

    Parameters
    ----------
    path : Path
        RTTM, or JSON as ``oolong transcribe`` and ``oolong diarize`` write it.
    audio : Audio
        Its stem chooses among several recordings of an RTTM file; a single one always fits.

    Returns
    -------
    Diarization
        Turns end with the recording.

    Raises
    ------
    InputError
        If the file cannot be read, has nothing for this recording, or reaches more than a second beyond its end.
    """
    text = read_text(path)
    if not text.lstrip().startswith("{"):
        theirs = read_rttm(path, [audio.stem] if audio.stem else [])
        _check_end(path, theirs.diarization().turns, audio.duration)
        return theirs.diarization(audio.duration)
    try:
        stored = read_json(text).diarization or _NOTHING
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    _check_end(path, stored.turns, audio.duration)
    return replace(stored, duration=audio.duration)


def _check_end(path: Path, turns: Sequence[DiarizeSegment], duration: float) -> None:
    last = max((turn.end for turn in turns), default=0.0)
    if last > duration + _MOST_BEHIND_S:
        raise InputError(
            f"{path}: has a turn up to {last:.3f} s in a recording of {duration:.3f} s; is it of this one?"
        )
