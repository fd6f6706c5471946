"""From clustered windows to the activity of each speaker on the recording's frame grid.

References
----------
Bredin, "pyannote.audio 2.1 speaker diarization pipeline: principle, benchmark, and recipe", Interspeech 2023.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt

from oolong_align.clustering import NOBODY, Labels
from oolong_align.frames import FRAME_STEP_SAMPLES, WINDOW_FRAMES
from oolong_align.segmentation import LOCAL_SPEAKERS, Segmentation

Activity = npt.NDArray[np.bool_]

_SELECTED_TOGETHER: Final = 65_536


def count_speakers(segmentation: Segmentation) -> npt.NDArray[np.int64]:
    """Number of simultaneous speakers in each frame, ``(frames,)``: the rounded mean of the windows' counts."""
    total = np.zeros(segmentation.num_frames, dtype=np.float32)
    for first, counts in zip(segmentation.first_frames, segmentation.activity.sum(axis=2), strict=True):
        total[first : first + WINDOW_FRAMES] += counts[: len(total) - first]
    return np.rint(total / np.maximum(segmentation.frame_coverage(), 1)).astype(np.int64)


def sum_activity(segmentation: Segmentation, labels: Labels, num_clusters: int) -> npt.NDArray[np.float32]:
    """Windows that find each cluster active in each frame, ``(frames, clusters)``.

    Local speakers of one window that share a cluster count once.
    """
    activity, labels = _merge_shared(segmentation.activity, labels)
    summed = np.zeros((segmentation.num_frames, num_clusters), dtype=np.float32)
    windows, speakers = np.nonzero(labels != NOBODY)
    first_frames = segmentation.first_frames
    for window, speaker in zip(windows, speakers, strict=True):
        first = first_frames[window]
        column = summed[first : first + WINDOW_FRAMES, labels[window, speaker]]
        column += activity[window, : len(column), speaker]
    return summed


def _merge_shared(activity: npt.NDArray[np.uint8], labels: Labels) -> tuple[npt.NDArray[np.uint8], Labels]:
    for a, b in combinations(range(LOCAL_SPEAKERS), 2):
        shared = (labels[:, a] == labels[:, b]) & (labels[:, a] != NOBODY)
        if shared.any():
            activity, labels = activity.copy(), labels.copy()
            activity[shared, :, a] |= activity[shared, :, b]
            labels[shared, b] = NOBODY
    return activity, labels


def select_active(summed: npt.NDArray[np.float32], counts: npt.NDArray[np.int64]) -> Activity:
    """Mark the clusters with the largest sums in each frame, as many as speak there: ``(frames, clusters)``."""
    chosen = np.zeros(summed.shape, dtype=np.bool_)
    ranks = np.arange(summed.shape[1])[None, :]
    for first in range(0, len(summed), _SELECTED_TOGETHER):
        block = summed[first : first + _SELECTED_TOGETHER]
        order = np.argsort(-block, axis=1, kind="stable")
        wanted = ranks < counts[first : first + len(block), None]
        np.put_along_axis(chosen[first : first + len(block)], order, wanted, axis=1)
    return chosen & (summed > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerActivity:
    """Who is active in each frame.

    Attributes
    ----------
    together : ndarray, shape (frames, speakers)
        Overlap-aware.
    alone : ndarray, shape (frames, speakers)
        Exclusive: at most one speaker a frame, and only where ``together`` has one.
    clusters : ndarray, shape (speakers,)
        Cluster of each column.
    """

    together: Activity
    alone: Activity
    clusters: Labels

    def order_of_appearance(self) -> Labels:
        """Columns of the speakers who speak at all, by their first frame."""
        speaks = np.flatnonzero(self.together.any(axis=0))
        return speaks[np.argsort(self.together[:, speaks].argmax(axis=0), kind="stable")]

    def take(self, columns: Labels) -> SpeakerActivity:
        """The given columns in the given order."""
        return SpeakerActivity(
            together=self.together[:, columns], alone=self.alone[:, columns], clusters=self.clusters[columns]
        )


def reconstruct(
    segmentation: Segmentation, labels: Labels, *, num_samples: int, max_simultaneous: int | None
) -> SpeakerActivity:
    """Stitch the clustered windows together.

    Parameters
    ----------
    segmentation : Segmentation
    labels : ndarray, shape (windows, 3)
        Cluster of each local speaker, or `NOBODY`.
    num_samples : int
        Length of the recording: nobody is active from the last frame that sees any of it.
    max_simultaneous : int, optional
        Bound on speakers in one frame.
    """
    counts = count_speakers(segmentation)
    if max_simultaneous is not None:
        counts = np.minimum(counts, max_simultaneous)
    counts[num_samples // FRAME_STEP_SAMPLES :] = 0
    num_clusters = max(int(labels.max()) + 1, 1)
    summed = sum_activity(segmentation, labels, num_clusters)
    return SpeakerActivity(
        together=select_active(summed, counts),
        alone=select_active(summed, np.minimum(counts, 1)),
        clusters=np.arange(num_clusters),
    )
