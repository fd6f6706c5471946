"""Converts between samples, frames and seconds. No other module does this.

Segmentation frames are those of the PyanNet/SincNet architecture [1]_: 270 samples apart, with a receptive field of 991
samples. Embedding frames are eight fbank frames of 10 ms apart, like the outputs of a ResNet backbone. A backbone with
a higher frame rate has several outputs per embedding frame.

References
----------
.. [1] Plaquet & Bredin, "Powerset multi-class cross entropy loss for neural speaker diarization", 2023.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

Spans: TypeAlias = npt.NDArray[np.int64]
"""First frame and the frame after the last of each span, shape ``(spans, 2)``."""

LONGEST_S: Final = 1e9
"""Maximum time that is accepted from a file, so that conversions to other units cannot overflow."""

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
    """Return the nearest sample to a time in seconds."""
    return round(seconds * SAMPLE_RATE)


def samples_to_seconds(samples: int) -> float:
    """Return the time of a sample in seconds."""
    return samples / SAMPLE_RATE


def count_windows(num_samples: int, step_samples: int) -> int:
    """Count the windows that cover a recording. The last window is zero-padded if it extends beyond the end.

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
    """Return the first frame of each window on the recording's grid, ``rint(start / step)``, shape ``(windows,)``."""
    starts = np.arange(num_windows, dtype=np.int64) * step_samples
    return np.rint(starts / FRAME_STEP_SAMPLES).astype(np.int64)


def count_frames(num_windows: int, step_samples: int) -> int:
    """Count the frames of the grid that are covered by the windows of a recording."""
    if num_windows == 0:
        return 0
    end = WINDOW_SAMPLES + (num_windows - 1) * step_samples
    return int(np.rint(end / FRAME_STEP_SAMPLES)) + 1


def frame_middles_s(frames: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return the middles of the receptive fields of segmentation frames in seconds, same shape."""
    return (frames * FRAME_STEP_SAMPLES + 0.5 * FRAME_WIDTH_SAMPLES) / SAMPLE_RATE


def seconds_to_voice_frame(seconds: float) -> int:
    """Return the embedding frame with the receptive field centred nearest to a time."""
    return round((seconds * SAMPLE_RATE - 0.5 * FBANK_WIDTH_SAMPLES) / VOICE_FRAME_SAMPLES)


def voice_frame_middles_s(frames: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return the middles of the receptive fields of (fractional) embedding frames in seconds, same shape."""
    return np.asarray((frames * VOICE_FRAME_SAMPLES + 0.5 * FBANK_WIDTH_SAMPLES) / SAMPLE_RATE)


def seconds_to_frames(seconds: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return the segmentation frames with receptive fields centred nearest to times, same shape."""
    return np.rint((seconds * SAMPLE_RATE - 0.5 * FRAME_WIDTH_SAMPLES) / FRAME_STEP_SAMPLES).astype(np.int64)
