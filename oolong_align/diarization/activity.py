"""From clustered windows to the speakers of each frame of the recording.

References
----------
Bredin, "pyannote.audio 2.1 speaker diarization pipeline: principle, benchmark, and recipe", Interspeech 2023.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt

from oolong_align.diarization.segmentation import (
    LOCAL_SPEAKERS,
    MAX_SIMULTANEOUS,
    NO_SPEAKER,
    Labels,
    Segmentation,
)
from oolong_align.timing.grid import WINDOW_FRAMES

_FRAMES_TOGETHER: Final = 16_384


def sum_activity(
    segmentation: Segmentation, labels: Labels, num_clusters: int, first: int, last: int
) -> npt.NDArray[np.float32]:
    """Count the windows that find each cluster active in the frames from ``first`` to ``last``.

    Local speakers of one window that share a cluster count once. Returns shape ``(last - first, num_clusters)``.
    """
    starts = segmentation.first_frames
    windows = slice(*np.searchsorted(starts, [first - WINDOW_FRAMES + 1, last]))
    activity, labels = _merge_shared(segmentation.activity[windows], labels[windows])
    summed = np.zeros((last - first, num_clusters), dtype=np.float32)
    for start, window, own in zip(starts[windows], activity, labels, strict=True):
        begin, end = max(start, first), min(start + WINDOW_FRAMES, last)
        for speaker in np.flatnonzero(own != NO_SPEAKER):
            summed[begin - first : end - first, own[speaker]] += window[begin - start : end - start, speaker]
    return summed


def _merge_shared(activity: npt.NDArray[np.uint8], labels: Labels) -> tuple[npt.NDArray[np.uint8], Labels]:
    for a, b in combinations(range(LOCAL_SPEAKERS), 2):
        shared = (labels[:, a] == labels[:, b]) & (labels[:, a] != NO_SPEAKER)
        if shared.any():
            activity, labels = activity.copy(), labels.copy()
            activity[shared, :, a] |= activity[shared, :, b]
            labels[shared, b] = NO_SPEAKER
    return activity, labels


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerActivity:
    """Who is active in each frame.

    Attributes
    ----------
    speakers : ndarray, shape (frames, 2)
        ``int32``. First the speaker of the exclusive output, then the one who speaks at the same time, or `NO_SPEAKER`.
    num_speakers : int
        Speakers are numbered from 0; not all of them need to be active.
    """

    speakers: npt.NDArray[np.int32]
    num_speakers: int

    def counts(self) -> npt.NDArray[np.int64]:
        """Number of simultaneous speakers in each frame, ``(frames,)``."""
        counts: npt.NDArray[np.int64] = (self.speakers != NO_SPEAKER).sum(axis=1, dtype=np.int64)
        return counts

    def order_of_appearance(self) -> Labels:
        """Numbers of the speakers who speak at all, by their first frame."""
        numbers, first = np.unique(self.speakers, return_index=True)
        heard = numbers != NO_SPEAKER
        frame = first[heard] // MAX_SIMULTANEOUS
        order: Labels = numbers[heard][np.lexsort((numbers[heard], frame))].astype(np.int64)
        return order

    def take(self, chosen: Labels) -> SpeakerActivity:
        """The chosen speakers, numbered in the given order; the others fall silent."""
        numbers = np.full(self.num_speakers + 1, NO_SPEAKER, dtype=np.int32)
        numbers[chosen] = np.arange(len(chosen))
        speakers = numbers[self.speakers]
        first_missing = (speakers[:, 0] == NO_SPEAKER) & (speakers[:, 1] != NO_SPEAKER)
        speakers[first_missing] = speakers[first_missing, ::-1]
        return replace(self, speakers=speakers, num_speakers=len(chosen))


def reconstruct(segmentation: Segmentation, labels: Labels, *, max_simultaneous: int | None) -> SpeakerActivity:
    """Stitch the clustered windows together: the clusters that most windows find in a frame, as many as speak there.

    Parameters
    ----------
    segmentation : Segmentation
    labels : ndarray, shape (windows, 3)
        Cluster of each local speaker, or `NO_SPEAKER`.
    max_simultaneous : int, optional
        Bound on speakers in one frame.

    Notes
    -----
    O(windows) time. Memory: 8 bytes a frame, beside one block of ``frames x clusters``.
    """
    counts = np.minimum(segmentation.speaker_counts, max_simultaneous or MAX_SIMULTANEOUS)
    num_clusters = max(int(labels.max()) + 1, 1)
    speakers = np.full((len(counts), MAX_SIMULTANEOUS), NO_SPEAKER, dtype=np.int32)
    for first in range(0, len(counts), _FRAMES_TOGETHER):
        last = min(first + _FRAMES_TOGETHER, len(counts))
        summed = sum_activity(segmentation, labels, num_clusters, first, last)
        for rank in range(min(MAX_SIMULTANEOUS, num_clusters)):
            best = summed.argmax(axis=1)
            rows = np.flatnonzero((counts[first:last] > rank) & (summed.max(axis=1) > 0))
            speakers[first + rows, rank] = best[rows]
            summed[np.arange(len(summed)), best] = -1
    return SpeakerActivity(speakers=speakers, num_speakers=num_clusters)
