"""Diarization error rate over a folder of recordings, each with a reference ``NAME.rttm``.

The plugin ``oolong-align-metrics`` computes the rates: no collar, overlap included, from 0 to the end of the last turn.
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
        DER over all recordings: 0 or more, possibly above 1.
    too_many, too_few : int
        Extra and missing speakers, compared with the reference, summed over the recordings.
    """

    error_rate: float
    too_many: int
    too_few: int

    @property
    def counts(self) -> str:
        """Extra and missing speakers, such as ``+2 -0``."""
        return f"+{self.too_many} -{self.too_few}"


def find_conversations(folder: Path) -> list[Conversation]:
    """Recordings of a folder that have a reference, sorted by name.

    Raises
    ------
    UsageError
        If the metrics plugin is not installed.
    InputError
        If there are none, or if a reference is invalid or does not belong to exactly one recording.
    """
    try:
        from oolong_align_metrics import read_rttm
    except ImportError:
        raise UsageError(
            "DER requires the plugin oolong-align-metrics. Run pip install plugins/oolong-align-metrics in the checkout"
        ) from None
    found = []
    for rttm in sorted(folder.glob("*.rttm")):
        audio = [path for path in folder.iterdir() if path.stem == rttm.stem and path.suffix.lower() in MEDIA]
        if len(audio) != 1:
            raise InputError(f"{rttm}: Expected one recording with this stem in the folder, found {len(audio)}")
        turns = read_rttm(rttm)
        if len(turns) != 1 or not all(turns.values()):
            raise InputError(f"{rttm}: Expected turns of one recording, found {len(turns)} recordings")
        found.append(Conversation(audio=audio[0], reference=next(iter(turns.values()))))
    if not found:
        raise InputError(
            f"{folder}: No conversations found. Add pairs of NAME.rttm and NAME.flac, or another media format"
        )
    return found


def score_pldas(diarizer: Diarizer, conversations: Sequence[Conversation], pldas: Sequence[Plda]) -> list[Score]:
    """Score each PLDA. The networks run only once on each conversation."""
    with _quiet():
        results = [diarizer.diarize_each(each.audio, pldas) for each in conversations]
    return [_score(conversations, found) for found in zip(*results, strict=True)]


def score_diarizer(diarizer: Diarizer, conversations: Sequence[Conversation]) -> Score:
    """Score a diarizer."""
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
    """Suppress the diarizer's warnings about a recording; its score shows the problem better."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OolongWarning)
        yield
