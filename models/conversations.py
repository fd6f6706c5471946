"""Diarization error rate over a folder of recordings, each ``NAME.rttm`` beside ``NAME`` with a suffix of a media file.

Scored by the plugin ``oolong-align-metrics``: no collar, overlapping speech counts, everything from 0 to the last turn.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from oolong_align.diarization.diarizer import Diarizer
from oolong_align.diarization.plda import Plda
from oolong_align.errors import InputError, OolongWarning, UsageError
from oolong_align.types import Diarization, speaker_label

if TYPE_CHECKING:
    from oolong_align_metrics import Turn

MEDIA = frozenset((".flac", ".wav", ".opus", ".ogg", ".mp3", ".m4a", ".aac", ".webm", ".mp4", ".mkv"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A recording and its reference turns."""

    audio: Path
    reference: tuple[Turn, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Errors over some conversations.

    Attributes
    ----------
    error_rate : float
        DER of all together, 0 to above 1.
    too_many, too_few : int
        Speakers found beyond those of the reference, and missing ones, summed over the recordings.
    """

    error_rate: float
    too_many: int
    too_few: int

    @property
    def counts(self) -> str:
        """Speakers too many and too few, as in ``+2 -0``."""
        return f"+{self.too_many} -{self.too_few}"


def find_conversations(folder: Path) -> list[Conversation]:
    """Recordings of a folder that have a reference, by name.

    Raises
    ------
    UsageError
        If the plugin that scores is not installed.
    InputError
        If there are none, a reference has no recording or several, or cannot be read.
    """
    try:
        from oolong_align_metrics import read_rttm
    except ImportError:
        raise UsageError(
            "DER needs the plugin oolong-align-metrics: pip install plugins/oolong-align-metrics in the checkout"
        ) from None
    found = []
    for rttm in sorted(folder.glob("*.rttm")):
        audio = [path for path in folder.iterdir() if path.stem == rttm.stem and path.suffix.lower() in MEDIA]
        if len(audio) != 1:
            raise InputError(f"{rttm}: {len(audio)} recordings of this name beside it; exactly one is needed")
        turns = read_rttm(rttm)
        if len(turns) != 1 or not all(turns.values()):
            raise InputError(f"{rttm}: turns of {len(turns)} recordings; those of one are needed")
        found.append(Conversation(audio=audio[0], reference=next(iter(turns.values()))))
    if not found:
        raise InputError(f"{folder}: holds no conversations; expected NAME.rttm beside NAME.flac or another media file")
    return found


def score_pldas(diarizer: Diarizer, conversations: Sequence[Conversation], pldas: Sequence[Plda]) -> list[Score]:
    """Score each PLDA; the networks run over every conversation once for all."""
    with _quiet():
        results = [diarizer.diarize_each(each.audio, pldas) for each in conversations]
    return [_score(conversations, found) for found in zip(*results, strict=True)]


def score_diarizer(diarizer: Diarizer, conversations: Sequence[Conversation]) -> Score:
    """Score a diarizer as it is."""
    with _quiet():
        return _score(conversations, [diarizer(each.audio) for each in conversations])


def _score(conversations: Sequence[Conversation], results: Sequence[Diarization]) -> Score:
    from oolong_align_metrics import DiarizationErrors, Turn, diarization_errors

    parts = []
    for conversation, result in zip(conversations, results, strict=True):
        turns = [Turn(turn.start, turn.end, speaker_label(turn.speaker_id)) for turn in result.turns]
        parts.append(diarization_errors(conversation.reference, turns))
    difference = [part.hypothesis_speakers - part.reference_speakers for part in parts]
    return Score(
        error_rate=DiarizationErrors.sum(parts).error_rate,
        too_many=sum(max(number, 0) for number in difference),
        too_few=sum(max(-number, 0) for number in difference),
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out the diarizer's doubts about a recording, which its score tells better."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OolongWarning)
        yield
