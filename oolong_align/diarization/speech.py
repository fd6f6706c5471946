"""Speech ranges from the speech probability: two thresholds with hysteresis, then short gaps are filled."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from oolong_align.diarization.segmentation import NO_SPEAKER
from oolong_align.diarization.turns import fill_gaps, find_runs, runs_to_seconds
from oolong_align.timing.grid import FRAME_STEP_S
from oolong_align.types import FloatArray, SpeechRange


def is_speech(probability: FloatArray, *, onset: float, offset: float, before: bool = False) -> npt.NDArray[np.bool_]:
    """State of each frame: on from a probability above ``onset``, off from one below ``offset``.

    Parameters
    ----------
    probability : ndarray, shape (frames,)
    onset, offset : float
        In [0, 1], ``offset <= onset``.
    before : bool
        State before the first frame.
    """
    decided = np.where(probability > onset, 1, np.where(probability < offset, -1, 0))
    last_decided = np.maximum.accumulate(np.where(decided != 0, np.arange(len(decided)), -1))
    return np.where(last_decided >= 0, decided[last_decided] > 0, before)


def speech_ranges(
    probability: FloatArray, *, onset: float, offset: float, min_duration_off: float, duration: float
) -> tuple[SpeechRange, ...]:
    """Speech ranges of a recording from ``(frames,)`` probabilities, in seconds, clipped to the recording."""
    active = is_speech(probability, onset=onset, offset=offset)
    runs = fill_gaps(
        find_runs(np.where(active, 0, NO_SPEAKER)[:, None]), min_duration_off / FRAME_STEP_S, exclusive=True
    )
    spans = runs_to_seconds(runs, duration)
    return tuple(SpeechRange(float(start), float(end)) for start, end in spans if start < end)
