"""From activity on the frame grid to spans in seconds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from oolong_align.frames import FRAME_STEP_S, frame_middles_s
from oolong_align.reconstruction import Activity, SpeakerActivity
from oolong_align.types import DiarizeSegment, SpeakerSegment

Runs = npt.NDArray[np.int64]


def find_runs(active: Activity) -> Runs:
    """Runs of true values of each column: rows of ``(first, last + 1, column)``, sorted by start, then column.

    The last frame of the timeline ends a run, as its middle is the last known time.
    """
    padded = np.zeros((len(active) + 1, active.shape[1]), dtype=np.int8)
    padded[1:] = active
    padded[-1] = 0
    edges = np.diff(padded, axis=0, append=np.zeros((1, active.shape[1]), dtype=np.int8))
    columns, begins = np.nonzero(edges.T == 1)
    _, ends = np.nonzero(edges.T == -1)
    runs = np.stack([begins, ends, columns], axis=1).astype(np.int64)
    return runs[np.lexsort((runs[:, 2], runs[:, 0]))]


def fill_gaps(runs: Runs, min_gap_frames: float, *, exclusive: bool) -> Runs:
    """Join runs of one column whose gap is shorter than some frames; if exclusive, only where nobody is between."""
    if len(runs) < 2 or min_gap_frames <= 0:
        return runs
    ordered = runs if exclusive else runs[np.lexsort((runs[:, 0], runs[:, 2]))]
    apart = (np.diff(ordered[:, 2]) != 0) | (ordered[1:, 0] - ordered[:-1, 1] >= min_gap_frames)
    begins = ordered[np.r_[True, apart]]
    ends = ordered[np.r_[apart, True]]
    joined = np.stack([begins[:, 0], ends[:, 1], begins[:, 2]], axis=1)
    return joined[np.lexsort((joined[:, 2], joined[:, 0]))]


def runs_to_seconds(runs: Runs, duration: float) -> npt.NDArray[np.float64]:
    """Start and end of each run in seconds, ``(runs, 2)``, inside the recording."""
    return np.clip(frame_middles_s(runs[:, :2]), 0.0, duration)


def exclusive_segments(
    activity: SpeakerActivity, *, duration: float, min_duration_off: float
) -> tuple[SpeakerSegment, ...]:
    """Sorted segments of which no two overlap, inside the recording."""
    runs = fill_gaps(find_runs(activity.alone), min_duration_off / FRAME_STEP_S, exclusive=True)
    overlapped_before = np.r_[0, np.cumsum(activity.together.sum(axis=1) > 1)]
    overlapped = overlapped_before[runs[:, 1]] > overlapped_before[runs[:, 0]]
    spans = runs_to_seconds(runs, duration)
    return tuple(
        SpeakerSegment(float(start), float(end), int(speaker), bool(is_overlap))
        for (start, end), speaker, is_overlap in zip(spans, runs[:, 2], overlapped, strict=True)
        if end > start
    )


def overlapping_turns(activity: SpeakerActivity, *, min_duration_off: float) -> tuple[DiarizeSegment, ...]:
    """Turns sorted by start; the last may end up to 31 ms behind the recording, as the reference's do."""
    runs = fill_gaps(find_runs(activity.together), min_duration_off / FRAME_STEP_S, exclusive=False)
    return tuple(
        DiarizeSegment(float(start), float(end), int(speaker))
        for (start, end), speaker in zip(frame_middles_s(runs[:, :2]), runs[:, 2], strict=True)
    )
