"""From activity on the frame grid to segments and turns in seconds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from oolong_align.diarization.activity import SpeakerActivity
from oolong_align.diarization.segmentation import NO_SPEAKER
from oolong_align.timing.grid import FRAME_STEP_S, frame_middles_s
from oolong_align.types import DiarizeSegment, SpeakerSegment

Runs = npt.NDArray[np.int64]


def find_runs(speakers: npt.NDArray[np.int32]) -> Runs:
    """Runs of each speaker: rows of ``(first, last + 1, speaker)``, sorted by start, then speaker.

    Parameters
    ----------
    speakers : ndarray, shape (frames, slots)
        Speakers of each frame, or `NO_SPEAKER`. Runs end at the last frame, whose middle is the last known time.
    """
    found = [_runs_of_slot(slot) for slot in speakers[:-1].T]
    runs = np.concatenate(found)
    runs = runs[np.lexsort((runs[:, 0], runs[:, 2]))]
    follows = np.r_[False, (runs[1:, 2] == runs[:-1, 2]) & (runs[1:, 0] == runs[:-1, 1])][: len(runs)]
    begins, ends = runs[~follows], runs[np.r_[~follows[1:], True][: len(runs)]]
    joined = np.stack([begins[:, 0], ends[:, 1], begins[:, 2]], axis=1)
    return joined[np.lexsort((joined[:, 2], joined[:, 0]))]


def _runs_of_slot(speaker: npt.NDArray[np.int32]) -> Runs:
    bounds = np.r_[0, np.flatnonzero(np.diff(speaker)) + 1, len(speaker)].astype(np.int64)
    runs = np.stack([bounds[:-1], bounds[1:], speaker[bounds[:-1]] if len(speaker) else bounds[:-1]], axis=1)
    active: Runs = runs[(runs[:, 2] != NO_SPEAKER) & (runs[:, 1] > runs[:, 0])]
    return active


def fill_gaps(runs: Runs, min_gap_frames: float, *, exclusive: bool) -> Runs:
    """Join runs of one speaker across shorter gaps; if exclusive, only where no other run lies between."""
    if len(runs) < 2 or min_gap_frames <= 0:
        return runs
    ordered = runs if exclusive else runs[np.lexsort((runs[:, 0], runs[:, 2]))]
    apart = (np.diff(ordered[:, 2]) != 0) | (ordered[1:, 0] - ordered[:-1, 1] >= min_gap_frames)
    begins = ordered[np.r_[True, apart]]
    ends = ordered[np.r_[apart, True]]
    joined = np.stack([begins[:, 0], ends[:, 1], begins[:, 2]], axis=1)
    return joined[np.lexsort((joined[:, 2], joined[:, 0]))]


def runs_to_seconds(runs: Runs, duration: float) -> npt.NDArray[np.float64]:
    """Start and end of each run in seconds, ``(runs, 2)``, clipped to the recording."""
    return np.clip(frame_middles_s(runs[:, :2]), 0.0, duration)


def exclusive_segments(
    activity: SpeakerActivity, *, duration: float, min_duration_off: float
) -> tuple[SpeakerSegment, ...]:
    """Sorted segments without overlap, clipped to the recording."""
    runs = fill_gaps(find_runs(activity.speakers[:, :1]), min_duration_off / FRAME_STEP_S, exclusive=True)
    overlapped_before = np.r_[0, np.cumsum(activity.counts() > 1)]
    overlapped = overlapped_before[runs[:, 1]] > overlapped_before[runs[:, 0]]
    spans = runs_to_seconds(runs, duration)
    return tuple(
        SpeakerSegment(float(start), float(end), int(speaker), bool(is_overlap))
        for (start, end), speaker, is_overlap in zip(spans, runs[:, 2], overlapped, strict=True)
        if end > start
    )


def overlapping_turns(activity: SpeakerActivity, *, min_duration_off: float) -> tuple[DiarizeSegment, ...]:
    """Turns sorted by start. The last may end up to 31 ms after the recording, as in pyannote.audio."""
    runs = fill_gaps(find_runs(activity.speakers), min_duration_off / FRAME_STEP_S, exclusive=False)
    return tuple(
        DiarizeSegment(float(start), float(end), int(speaker))
        for (start, end), speaker in zip(frame_middles_s(runs[:, :2]), runs[:, 2], strict=True)
    )
