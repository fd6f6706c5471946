"""Local speaker activity: 10 s windows through the segmentation graph, and its powerset classes decoded.

References
----------
Plaquet & Bredin, "Powerset multi-class cross entropy loss for neural speaker diarization", Interspeech 2023.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from oolong_align.audio import Audio
from oolong_align.frames import (
    WINDOW_FRAMES,
    WINDOW_SAMPLES,
    count_frames,
    count_windows,
    window_first_frames,
)
from oolong_align.onnx import open_session
from oolong_align.quantization import quantize_segmentation, quantized
from oolong_align.types import FloatArray, Progress

LOCAL_SPEAKERS: Final = 3
_BATCH: Final = 16


def powerset_mapping(num_speakers: int, max_simultaneous: int) -> npt.NDArray[np.uint8]:
    """Activity of each powerset class: nobody, then single speakers, then pairs, in lexicographic order.

    Returns
    -------
    ndarray, shape (classes, speakers)

    Examples
    --------
    >>> powerset_mapping(3, 2).tolist()
    [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]]
    """
    sets = [s for size in range(max_simultaneous + 1) for s in combinations(range(num_speakers), size)]
    mapping = np.zeros((len(sets), num_speakers), dtype=np.uint8)
    for index, speakers in enumerate(sets):
        mapping[index, list(speakers)] = 1
    return mapping


_MAPPING: Final = powerset_mapping(LOCAL_SPEAKERS, 2)


def decode_powerset(log_probabilities: FloatArray) -> npt.NDArray[np.uint8]:
    """Most probable class of each frame as 0/1 activity: ``(..., 7) -> (..., 3)``."""
    activity: npt.NDArray[np.uint8] = _MAPPING[np.argmax(log_probabilities, axis=-1)]
    return activity


def speech_probability(log_probabilities: FloatArray) -> FloatArray:
    """Evidence that somebody speaks: ``(..., 7) -> (...)``.

    ``p(best) / (p(best) + p(nobody))`` with the most probable class in which somebody speaks, so that it is above one
    half exactly where `decode_powerset` finds a speaker. One minus ``p(nobody)`` would add up the doubts about who
    it is, and finds speech in noise.
    """
    margin = log_probabilities[..., 1:].max(axis=-1) - log_probabilities[..., 0]
    probability: FloatArray = expit(margin)
    return probability


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmentation:
    """Activity of up to three local speakers in each window.

    Attributes
    ----------
    activity : ndarray, shape (windows, 589, 3)
        ``uint8``, 0 or 1.
    speech : ndarray, shape (frames,)
        ``float32``, mean over windows of `speech_probability`, on the recording's frame grid.
    step_samples : int
        Distance of two windows.
    """

    activity: npt.NDArray[np.uint8]
    speech: FloatArray
    step_samples: int

    @property
    def first_frames(self) -> npt.NDArray[np.int64]:
        """First frame of each window on the recording's grid, ``(windows,)``."""
        return window_first_frames(len(self.activity), self.step_samples)

    @property
    def num_frames(self) -> int:
        """Length of the recording's frame grid."""
        return count_frames(len(self.activity), self.step_samples)

    def frame_coverage(self) -> npt.NDArray[np.int64]:
        """Count the windows over each frame of the grid, ``(frames,)``."""
        edges = np.zeros(self.num_frames + 1, dtype=np.int64)
        np.add.at(edges, self.first_frames, 1)
        np.add.at(edges, np.minimum(self.first_frames + WINDOW_FRAMES, self.num_frames), -1)
        return np.cumsum(edges)[:-1]


class Segmenter:
    """The segmentation graph: ``[B, 1, 160000] -> [B, 589, 7]`` log-probabilities."""

    def __init__(
        self,
        path: Path,
        *,
        precision: str = "fp32",
        intra_threads: int | None = None,
        providers: Sequence[str] = (),
    ) -> None:
        if precision == "int8":
            path = quantized(path, quantize_segmentation)
        self._session = open_session(
            path,
            inputs={0: (None, None, None)},
            outputs={0: (None, None, len(_MAPPING))},
            intra_threads=intra_threads,
            providers=providers,
        )
        self._input = self._session.get_inputs()[0].name

    def infer(self, windows: FloatArray) -> FloatArray:
        """Log-probabilities of some windows: ``(B, 160000) -> (B, 589, 7)``."""
        (scores,) = self._session.run(None, {self._input: windows[:, None, :]})
        return np.asarray(scores, dtype=np.float32)

    def __call__(self, audio: Audio, *, step_samples: int, progress: Progress | None = None) -> Segmentation:
        """Run over a recording; a recording without samples has no windows.

        Cost: O(windows) inference. Memory: one batch of windows, and 1.8 kB a window for the result.
        """
        num_windows = count_windows(audio.num_samples, step_samples)
        activity = np.empty((num_windows, WINDOW_FRAMES, LOCAL_SPEAKERS), dtype=np.uint8)
        first_frames = window_first_frames(num_windows, step_samples)
        speech = np.zeros(count_frames(num_windows, step_samples) + 1, dtype=np.float32)
        for first, windows in _window_batches(audio, num_windows, step_samples):
            scores = self.infer(windows)
            activity[first : first + len(scores)] = decode_powerset(scores)
            for start, probability in zip(first_frames[first:], speech_probability(scores), strict=False):
                speech[start : start + WINDOW_FRAMES] += probability[: len(speech) - start]
            if progress:
                progress("segmentation", first + len(scores), num_windows)
        result = Segmentation(activity=activity, speech=speech[:-1], step_samples=step_samples)
        np.divide(result.speech, np.maximum(result.frame_coverage(), 1), out=result.speech)
        return result


def _window_batches(audio: Audio, num_windows: int, step_samples: int) -> Iterator[tuple[int, FloatArray]]:
    """Yield the index of a batch's first window and the batch, ``(B, 160000)``, padded with zeros at the end."""
    for first in range(0, num_windows, _BATCH):
        size = min(_BATCH, num_windows - first)
        span = (size - 1) * step_samples + WINDOW_SAMPLES
        samples = audio.read(first * step_samples, first * step_samples + span)
        padded = np.pad(samples, (0, span - len(samples)))
        yield first, np.stack([padded[i * step_samples :][:WINDOW_SAMPLES] for i in range(size)])
