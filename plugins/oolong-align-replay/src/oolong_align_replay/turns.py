"""Diarizations from RTTM files or from JSON of oolong-align.

An RTTM file contains turns without speaker evidence. The JSON contains the whole diarization.
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

_LATEST_END_S: Final = 1.0
_EMPTY: Final = Diarization(segments=(), turns=(), speech=(), duration=0.0)


def read_diarization(path: Path, audio: Audio) -> Diarization:
    """Read the diarization of one recording.

    Parameters
    ----------
    path : Path
        RTTM, or JSON as ``oolong transcribe`` and ``oolong diarize`` write it.
    audio : Audio
        Its stem selects one of several recordings in an RTTM file. A single recording is always used.

    Returns
    -------
    Diarization
        Turns are cut at the end of the recording.

    Raises
    ------
    InputError
        If the file cannot be read, does not contain this recording, or ends more than a second after it.
    """
    text = read_text(path)
    if not text.lstrip().startswith("{"):
        foreign = read_rttm(path, [audio.stem] if audio.stem else [])
        _check_end(path, foreign.diarization().turns, audio.duration)
        return foreign.diarization(audio.duration)
    try:
        stored = read_json(text).diarization or _EMPTY
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    _check_end(path, stored.turns, audio.duration)
    return replace(stored, duration=audio.duration)


def _check_end(path: Path, turns: Sequence[DiarizeSegment], duration: float) -> None:
    last = max((turn.end for turn in turns), default=0.0)
    if last > duration + _LATEST_END_S:
        raise InputError(
            f"{path}: A turn ends at {last:.3f} s, after the recording at {duration:.3f} s. Is it another recording?"
        )
