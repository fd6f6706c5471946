"""Local speaker activity: run the segmentation graph on 10 s windows and decode its powerset classes.

References
----------
Plaquet & Bredin, "Powerset multi-class cross entropy loss for neural speaker diarization", Interspeech 2023.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import expit

from oolong_align.audio.recording import Audio
from oolong_align.errors import ModelError
from oolong_align.networks.quantization import quantize_segmentation, quantized
from oolong_align.networks.segmentation_graph import extract_recurrent
from oolong_align.networks.session import count_parallel_calls, open_session
from oolong_align.networks.sincnet import SharedSincNet, derive_part
from oolong_align.timing.grid import (
    FRAME_STEP_SAMPLES,
    WINDOW_FRAMES,
    WINDOW_SAMPLES,
    count_frames,
    count_windows,
    window_first_frames,
)
from oolong_align.types import FloatArray, Progress
from oolong_align.util.parallel import ordered_map

Labels: TypeAlias = npt.NDArray[np.int64]

NO_SPEAKER: Final = -1
LOCAL_SPEAKERS: Final = 3
MAX_SIMULTANEOUS: Final = 2
BATCH: Final = 12

Result = TypeVar("Result")
_log = logging.getLogger(__name__)


def powerset_mapping(num_speakers: int, max_simultaneous: int) -> npt.NDArray[np.uint8]:
    """Activity of each powerset class: no speaker, then single speakers, then pairs, in lexicographic order.

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


_MAPPING: Final = powerset_mapping(LOCAL_SPEAKERS, MAX_SIMULTANEOUS)


def decode_powerset(log_probabilities: FloatArray) -> npt.NDArray[np.uint8]:
    """Most probable class of each frame as 0/1 activity: ``(..., 7) -> (..., 3)``."""
    activity: npt.NDArray[np.uint8] = _MAPPING[np.argmax(log_probabilities, axis=-1)]
    return activity


def speech_probability(log_probabilities: FloatArray) -> FloatArray:
    """Speech probability: ``(..., 7) -> (...)``.

    ``p(best) / (p(best) + p(silence))``, where ``best`` is the most probable class with a speaker. It is above one half
    exactly where `decode_powerset` finds a speaker. ``1 - p(silence)`` would also sum the probabilities of unlikely
    speakers, and detects speech in noise.
    """
    margin = log_probabilities[..., 1:].max(axis=-1) - log_probabilities[..., 0]
    probability: FloatArray = expit(margin)
    return probability


@dataclass(frozen=True, kw_only=True)
class Segmentation:
    """Activity of up to three local speakers in each window of a recording.

    Attributes
    ----------
    activity : ndarray, shape (windows, 589, 3)
        ``uint8``, 0 or 1.
    speech : ndarray, shape (frames,)
        ``float32``, mean over windows of `speech_probability`, on the recording's frame grid.
    step_samples : int
        Distance between the starts of two windows.
    num_samples : int
        Length of the recording.
    """

    activity: npt.NDArray[np.uint8]
    speech: FloatArray
    step_samples: int
    num_samples: int

    @property
    def first_frames(self) -> npt.NDArray[np.int64]:
        """First frame of each window on the recording's grid, ``(windows,)``."""
        return window_first_frames(len(self.activity), self.step_samples)

    @property
    def num_frames(self) -> int:
        """Number of frames of the recording's grid."""
        return count_frames(len(self.activity), self.step_samples)

    @cached_property
    def speaker_counts(self) -> npt.NDArray[np.int64]:
        """Number of simultaneous speakers in each frame, ``(frames,)``, read-only.

        The rounded mean of the windows' counts, at most `MAX_SIMULTANEOUS`; 0 from the last frame that overlaps the
        recording.
        """
        total = np.zeros(self.num_frames, dtype=np.float32)
        for first, window in zip(self.first_frames, self.activity, strict=True):
            total[first : first + WINDOW_FRAMES] += window.sum(axis=1)[: len(total) - first]
        counts = np.rint(total / np.maximum(self.frame_coverage(), 1)).astype(np.int64)
        counts[self.num_samples // FRAME_STEP_SAMPLES :] = 0
        counts.flags.writeable = False
        return counts

    def frame_coverage(self) -> npt.NDArray[np.int64]:
        """Number of windows that cover each frame of the grid, ``(frames,)``."""
        edges = np.zeros(self.num_frames + 1, dtype=np.int64)
        np.add.at(edges, self.first_frames, 1)
        np.add.at(edges, np.minimum(self.first_frames + WINDOW_FRAMES, self.num_frames), -1)
        return np.cumsum(edges)[:-1]


class Segmenter:
    """The segmentation graph: ``[B, 1, 160000] -> [B, 589, 7]`` log-probabilities.

    Overlapping windows share the first convolution if the graph can be split; see `SharedSincNet`. Each batch of
    windows runs on one thread and several batches run in parallel, because recurrent layers gain little from threads.
    """

    def __init__(
        self,
        path: Path,
        *,
        precision: str = "fp32",
        intra_threads: int | None = None,
        providers: Sequence[str] = (),
    ) -> None:
        recurrent = path
        self._convolutions: SharedSincNet | None = None
        try:
            self._convolutions = SharedSincNet(path, providers=providers)
            recurrent = derive_part(path, extract_recurrent)
        except ModelError as error:
            _log.info("%s. Running the whole graph on each window", error)
        if precision == "int8":
            recurrent = quantized(recurrent, quantize_segmentation)
        self._session = open_session(
            recurrent, inputs={0: (None, None, None)}, outputs={0: (None, None, len(_MAPPING))}, providers=providers
        )
        self._input = self._session.get_inputs()[0].name
        # 8-bit activations share one range per batch. A batch of one keeps windows independent of each other.
        self._together = 1 if precision == "int8" else BATCH
        self._threads = count_parallel_calls(self._session, intra_threads)

    def infer(self, samples: FloatArray, *, step_samples: int = WINDOW_SAMPLES) -> FloatArray:
        """Log-probabilities of the windows in a block of samples.

        Parameters
        ----------
        samples : ndarray, shape (160000 + (windows - 1) * step,)
            ``float32``.
        step_samples : int
            Distance between the starts of two windows.

        Returns
        -------
        ndarray, shape (windows, 589, 7)
            ``float32``. The result of a window does not depend on the other windows.
        """
        windows = sliding_window_view(samples, WINDOW_SAMPLES)[::step_samples]
        silent = np.array([not window.any() for window in windows])
        chosen = np.flatnonzero(~silent | (np.cumsum(silent) == 1))  # only the first digitally silent one
        inputs = self._convolutions(samples, step_samples, chosen) if self._convolutions else windows[chosen, None]
        batches = (inputs[first : first + self._together] for first in range(0, len(inputs), self._together))
        scores = np.concatenate([self._session.run(None, {self._input: batch})[0] for batch in batches])
        return scores[np.searchsorted(chosen, np.where(silent, silent.argmax(), np.arange(len(windows))))]

    def each_batch(self, audio: Audio, *, step_samples: int, use: Callable[[FloatArray], Result]) -> Iterator[Result]:
        """Run on the windows of a recording; the last one is padded with zeros.

        Parameters
        ----------
        audio : Audio
        step_samples : int
        use : callable
            Function of the log-probabilities of a batch, ``(B, 589, 7)``; called on several threads.

        Yields
        ------
        object
            Results of ``use``, in the order of the windows.
        """
        num_windows = count_windows(audio.num_samples, step_samples)
        rounds = -(-num_windows // (BATCH * self._threads))
        together = -(-num_windows // max(rounds * self._threads, 1))

        def run(first: int) -> Result:
            size = min(together, num_windows - first)
            span = (size - 1) * step_samples + WINDOW_SAMPLES
            samples = audio.read(first * step_samples, first * step_samples + span)
            return use(self.infer(np.pad(samples, (0, span - len(samples))), step_samples=step_samples))

        for _, result in ordered_map(run, range(0, num_windows, max(together, 1)), threads=self._threads):
            yield result

    def __call__(self, audio: Audio, *, step_samples: int, progress: Progress | None = None) -> Segmentation:
        """Segment a recording; an empty one has no windows.

        Cost: O(windows) inference. Memory: a batch of windows for each thread, and 1.8 kB for each window.
        """
        num_windows = count_windows(audio.num_samples, step_samples)
        activity = np.empty((num_windows, WINDOW_FRAMES, LOCAL_SPEAKERS), dtype=np.uint8)
        first_frames = window_first_frames(num_windows, step_samples)
        speech = np.zeros(count_frames(num_windows, step_samples) + 1, dtype=np.float32)
        done = 0
        for decoded, probabilities in self.each_batch(audio, step_samples=step_samples, use=_decode):
            activity[done : done + len(decoded)] = decoded
            for start, probability in zip(first_frames[done:], probabilities, strict=False):
                speech[start : start + WINDOW_FRAMES] += probability[: len(speech) - start]
            done += len(decoded)
            if progress:
                progress("segmentation", done, num_windows)
        result = Segmentation(
            activity=activity, speech=speech[:-1], step_samples=step_samples, num_samples=audio.num_samples
        )
        np.divide(result.speech, np.maximum(result.frame_coverage(), 1), out=result.speech)
        return result


def _decode(log_probabilities: FloatArray) -> tuple[npt.NDArray[np.uint8], FloatArray]:
    return decode_powerset(log_probabilities), speech_probability(log_probabilities)
