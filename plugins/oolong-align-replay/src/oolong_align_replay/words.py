"""Words of any recogniser inside the speech ranges."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from oolong_align.errors import InputError, OolongWarning
from oolong_align.hookspecs import Timeline, parse_object, read_json, read_transcript, sanitise_times
from oolong_align.types import Diarization, SpeechRange, Transcript, Words
from oolong_align_replay.files import read_text

if TYPE_CHECKING:
    from oolong_align.hookspecs import Audio

__all__ = ["StoredWords", "read_recognised", "words_in_speech"]

TOLERANCE_S: Final = 0.5
ROUNDING_S: Final = 0.002
_OURS: Final = ("segments", "exclusive_diarization", "speech")


@dataclass(frozen=True, slots=True)
class StoredWords(Words):
    """Words with their stored transcript, which has their speakers."""

    transcript: Transcript

    def fits(self, diarization: Diarization) -> bool:
        """Whether the transcript has these turns, up to the rounding of files."""
        own = self.transcript.diarization
        if own is None or len(own.turns) != len(diarization.turns):
            return False
        return all(
            mine.speaker_id == turn.speaker_id
            and abs(mine.start - turn.start) < ROUNDING_S
            and abs(min(mine.end, diarization.duration) - min(turn.end, diarization.duration)) < ROUNDING_S
            for mine, turn in zip(own.turns, diarization.turns, strict=True)
        )


def read_recognised(path: Path) -> Words:
    """Read words from JSON of oolong-align or from a file that `oolong align` supports.

    Returns
    -------
    Words
        `StoredWords` from JSON of oolong-align.

    Raises
    ------
    InputError
        If the file cannot be read or has another format.
    """
    stored = _read_own(path)
    if stored is not None:
        return StoredWords(stored.language, stored.words, stored)
    return read_transcript(path).words()


def _read_own(path: Path) -> Transcript | None:
    """Return the transcript in JSON of oolong-align, whose reader restores which words have no leading space."""
    try:
        text = read_text(path)
        document = parse_object(text).value
    except InputError:
        return None
    if not (isinstance(document, Mapping) and all(key in document for key in _OURS)):
        return None
    try:
        return read_json(text)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def words_in_speech(words: Words, speech: Sequence[SpeechRange], audio: Audio, path: Path) -> Words:
    """Set missing times, and drop the words that are more than half a second from all speech.

    Parameters
    ----------
    words : Words
        Missing times are NaN.
    speech : sequence of SpeechRange
        Speech ranges. Without any, there are no words.
    audio : Audio
        Words are cut at its end.
    path : Path
        File named in the warning about dropped words.
    """
    ranges = [(each.start, each.end) for each in speech]
    starts, ends = sanitise_times(words.words, limit=audio.duration, speech=Timeline(ranges))
    near = Timeline((max(start - TOLERANCE_S, 0.0), end + TOLERANCE_S) for start, end in ranges)
    inside = near.distance(starts, ends) == 0
    starts, ends = near.trimmed(starts, ends)
    ends = np.maximum(starts, ends)
    if not inside.all():
        warnings.warn(
            f"{path}: Dropped {np.count_nonzero(~inside)} of {len(inside)} words outside speech",
            OolongWarning,
            stacklevel=2,
        )
    kept = tuple(
        # The alignment assigns the speaker.
        replace(word, start=start, end=end, speaker=None, speaker_confidence=None, overlap=False)
        for word, start, end, keep in zip(words.words, starts.tolist(), ends.tolist(), inside.tolist(), strict=True)
        if keep
    )
    return replace(words, words=kept)
