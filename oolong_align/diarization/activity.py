"""Active speakers of each frame of a recording, and the result of a method for finding speakers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from oolong_align.diarization.segmentation import MAX_SIMULTANEOUS, NO_SPEAKER, Labels
from oolong_align.timing.grid import Spans
from oolong_align.types import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerActivity:
    """Active speakers of each frame.

    Attributes
    ----------
    speakers : ndarray, shape (frames, 2)
        ``int32``. The speaker of the exclusive output, then a simultaneous one; `NO_SPEAKER` where there is none.
    num_speakers : int
        Speakers are numbered from 0. Some of them may never be active.
    """

    speakers: npt.NDArray[np.int32]
    num_speakers: int

    def counts(self) -> npt.NDArray[np.int64]:
        """Number of simultaneous speakers in each frame, ``(frames,)``."""
        counts: npt.NDArray[np.int64] = (self.speakers != NO_SPEAKER).sum(axis=1, dtype=np.int64)
        return counts

    def order_of_appearance(self) -> Labels:
        """Numbers of the speakers who are ever active, sorted by their first frame."""
        numbers, first = np.unique(self.speakers, return_index=True)
        active = numbers != NO_SPEAKER
        frame = first[active] // MAX_SIMULTANEOUS
        order: Labels = numbers[active][np.lexsort((numbers[active], frame))].astype(np.int64)
        return order

    def take(self, chosen: Labels) -> SpeakerActivity:
        """Keep the chosen speakers, renumbered in the given order."""
        numbers = np.full(self.num_speakers + 1, NO_SPEAKER, dtype=np.int32)
        numbers[chosen] = np.arange(len(chosen))
        speakers = numbers[self.speakers]
        first_missing = (speakers[:, 0] == NO_SPEAKER) & (speakers[:, 1] != NO_SPEAKER)
        speakers[first_missing] = speakers[first_missing, ::-1]
        return replace(self, speakers=speakers, num_speakers=len(chosen))


class FoundSpeakers(NamedTuple):
    """Result of a method for finding speakers.

    ``embeddings`` are the speakers' L2-normalised mean embeddings, ``(speakers, D)``; ``pieces`` are spans of one
    speaker each, in frames; ``warning`` says how the number of speakers was forced.
    """

    activity: SpeakerActivity
    embeddings: FloatArray
    pieces: Spans
    warning: str | None
