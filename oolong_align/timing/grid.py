"""The only place that turns samples, frames and seconds into each other.

Segmentation frames are those of the PyanNet/SincNet architecture [1]_: 270 samples apart, each seeing 991
samples. Embedding frames are eight fbank frames of 10 ms apart, as the outputs of a ResNet backbone are; a backbone
with more of them has several in each.

References
----------
.. [1] Plaquet & Bredin, "Powerset multi-class cross entropy loss for neural speaker diarization", 2023.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

Spans: TypeAlias = npt.NDArray[np.int64]
"""Rows of the first frame and the one after the last, ``(spans, 2)``."""

LONGEST_S: Final = 1e9
"""No recording is so long: times from files end there, so that they can be counted in any unit."""

SAMPLE_RATE: Final = 16_000
WINDOW_SAMPLES: Final = 160_000
WINDOW_FRAMES: Final = 589
FRAME_STEP_SAMPLES: Final = 270
FRAME_WIDTH_SAMPLES: Final = 991
FRAME_STEP_S: Final = FRAME_STEP_SAMPLES / SAMPLE_RATE

FBANK_STEP_SAMPLES: Final = 160
FBANK_WIDTH_SAMPLES: Final = 400
VOICE_FRAME_SAMPLES: Final = 8 * FBANK_STEP_SAMPLES


def seconds_to_samples(seconds: float) -> int:
    """Nearest sample to a time in seconds."""
    return round(seconds * SAMPLE_RATE)


def samples_to_seconds(samples: int) -> float:
    """Time in seconds of a sample."""
    return samples / SAMPLE_RATE


def count_windows(num_samples: int, step_samples: int) -> int:
    """Count the windows that cover a recording; the last one is padded with zeros if it runs over the end.

    Examples
    --------
    >>> count_windows(160_000, 16_000), count_windows(160_001, 16_000), count_windows(1, 16_000)
    (1, 2, 1)
    """
    if num_samples <= 0:
        return 0
    whole, rest = divmod(max(num_samples - WINDOW_SAMPLES, 0), step_samples)
    return 1 + whole + (rest > 0)


def window_first_frames(num_windows: int, step_samples: int) -> npt.NDArray[np.int64]:
    """First frame of each window on the recording's frame grid, shape ``(windows,)``: ``rint(start / step)``."""
    starts = np.arange(num_windows, dtype=np.int64) * step_samples
    return np.rint(starts / FRAME_STEP_SAMPLES).astype(np.int64)


def count_frames(num_windows: int, step_samples: int) -> int:
    """Count the frames of the grid that the windows of a recording span."""
    if num_windows == 0:
        return 0
    end = WINDOW_SAMPLES + (num_windows - 1) * step_samples
    return int(np.rint(end / FRAME_STEP_SAMPLES)) + 1


def frame_middles_s(frames: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Middles of the receptive fields of some segmentation frames, in seconds, same shape."""
    return (frames * FRAME_STEP_SAMPLES + 0.5 * FRAME_WIDTH_SAMPLES) / SAMPLE_RATE


def seconds_to_voice_frame(seconds: float) -> int:
    """Embedding frame whose receptive field is centred nearest to a time."""
    return round((seconds * SAMPLE_RATE - 0.5 * FBANK_WIDTH_SAMPLES) / VOICE_FRAME_SAMPLES)


def voice_frame_middles_s(frames: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Middles of the receptive fields of some embedding frames, or of places between them, in seconds, same shape."""
    return np.asarray((frames * VOICE_FRAME_SAMPLES + 0.5 * FBANK_WIDTH_SAMPLES) / SAMPLE_RATE)


def seconds_to_frames(seconds: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Segmentation frames whose receptive fields are centred nearest to some times, same shape."""
    return np.rint((seconds * SAMPLE_RATE - 0.5 * FRAME_WIDTH_SAMPLES) / FRAME_STEP_SAMPLES).astype(np.int64)
