"""Streaming voice activity detection with the segmentation model alone.

Windows of 10 s start every 2.5 s. A block of 2.5 s is decided when the last window over it is complete; its speech
probability is the mean over all windows that cover it. Complete windows run in one batch. The result of a window does
not depend on the batch, so the chunk size does not change the ranges.
"""

from __future__ import annotations

import os
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from oolong_align.audio.recording import Audio, check_samples, load_audio
from oolong_align.diarization.segmentation import BATCH, Segmenter, speech_probability
from oolong_align.diarization.speech import is_speech
from oolong_align.options import DiarizerOptions
from oolong_align.timing.grid import (
    FRAME_STEP_S,
    FRAME_STEP_SAMPLES,
    SAMPLE_RATE,
    WINDOW_FRAMES,
    WINDOW_SAMPLES,
    frame_middles_s,
)
from oolong_align.types import FloatArray, Progress, SpeechRange
from oolong_align.weights import find_files

STEP_SAMPLES: Final = 40_000


class VoiceActivityDetector:
    """Speech ranges of a stream or a whole file, with equal results.

    Memory is bounded by 40 s of audio, regardless of the length of the stream.

    Examples
    --------
    >>> vad = VoiceActivityDetector.from_pretrained()  # doctest: +SKIP
    >>> for chunk in microphone():  # doctest: +SKIP
    ...     for range_ in vad.detect(chunk):
    ...         print(range_.start, range_.end)
    >>> vad.finish()  # doctest: +SKIP
    """

    _filled: int
    _num_samples: int

    def __init__(self, segmenter: Segmenter, options: DiarizerOptions | None = None) -> None:
        self.options = options or DiarizerOptions()
        self._segmenter = segmenter
        self._buffer: FloatArray = np.zeros(WINDOW_SAMPLES + (BATCH - 1) * STEP_SAMPLES, dtype=np.float32)
        self._reset()

    @classmethod
    def from_pretrained(
        cls,
        bundle: str | os.PathLike[str] | None = None,
        *,
        segmentation: str | os.PathLike[str] | None = None,
        model_dir: str | os.PathLike[str] | None = None,
        options: DiarizerOptions | None = None,
        progress: Progress | None = None,
    ) -> VoiceActivityDetector:
        """Load the segmentation model of a bundle, or a single file; download nothing else.

        Raises
        ------
        ModelError
            If the file is missing, has the wrong hash, or is not a segmentation graph.
        """
        options = options or DiarizerOptions()
        files = find_files(bundle, {"segmentation": segmentation}, model_dir=model_dir, progress=progress)
        segmenter = Segmenter(
            files.files["segmentation"],
            precision=options.precision,
            intra_threads=options.intra_threads,
            providers=options.providers,
        )
        return cls(segmenter, options)

    def detect(self, chunk: npt.NDArray[Any]) -> list[SpeechRange]:
        """Process the next samples and return the ranges that end in them.

        Parameters
        ----------
        chunk : ndarray, shape (samples,)
            ``float32`` mono at 16 kHz, any number of samples.

        Raises
        ------
        InputError
            If the chunk has another dtype, shape or scale, or contains values that are not finite.
        """
        check_samples(chunk)
        ranges: list[SpeechRange] = []
        while len(chunk):
            taken = min(len(chunk), len(self._buffer) - self._filled)
            self._buffer[self._filled : self._filled + taken] = chunk[:taken]
            self._filled += taken
            self._num_samples += taken
            chunk = chunk[taken:]
            complete = 1 + (self._filled - WINDOW_SAMPLES) // STEP_SAMPLES
            if complete > 0:
                span = self._buffer[: WINDOW_SAMPLES + (complete - 1) * STEP_SAMPLES]
                for probability in speech_probability(self._segmenter.infer(span, step_samples=STEP_SAMPLES)):
                    ranges += self._take(probability)
                rest = self._buffer[complete * STEP_SAMPLES : self._filled].copy()
                self._buffer[: len(rest)] = rest
                self._filled = len(rest)
        return ranges

    def finish(self) -> list[SpeechRange]:
        """Return the remaining ranges and reset the detector."""
        carried = WINDOW_SAMPLES - STEP_SAMPLES if self._num_windows else 0
        if self._filled > carried:
            window = self._buffer[:WINDOW_SAMPLES]
            window[self._filled :] = 0.0
            self._add(speech_probability(self._segmenter.infer(window, step_samples=STEP_SAMPLES))[0])
        return self._end()

    def __call__(
        self, audio: str | os.PathLike[str] | npt.NDArray[Any] | Audio, *, progress: Progress | None = None
    ) -> list[SpeechRange]:
        """Speech ranges of a whole recording; does not affect a stream in progress.

        ``progress`` is called as ``progress("segmentation", done, total)`` in samples.
        """
        fresh = VoiceActivityDetector(self._segmenter, self.options)
        loaded = load_audio(audio)
        try:
            fresh._num_samples = loaded.num_samples
            ranges: list[SpeechRange] = []
            for probabilities in self._segmenter.each_batch(loaded, step_samples=STEP_SAMPLES, use=speech_probability):
                for probability in probabilities:
                    ranges += fresh._take(probability)
                if progress:
                    done = WINDOW_SAMPLES + (fresh._num_windows - 1) * STEP_SAMPLES
                    progress("segmentation", min(done, loaded.num_samples), loaded.num_samples)
        finally:
            if loaded is not audio:
                loaded.close()
        return ranges + fresh._end()

    def _reset(self) -> None:
        self._filled = 0
        self._num_samples = 0
        self._num_windows = 0
        self._summed: FloatArray = np.zeros(2 * WINDOW_FRAMES, dtype=np.float32)
        self._coverage = np.zeros(2 * WINDOW_FRAMES, dtype=np.int64)
        self._decided = 0
        self._open_since: int | None = None
        self._closed_at: int | None = None

    @staticmethod
    def _first_frame(window: int) -> int:
        return round(window * STEP_SAMPLES / FRAME_STEP_SAMPLES)

    def _take(self, probability: FloatArray) -> list[SpeechRange]:
        """Add the next window and decide the frames that no later window covers."""
        self._add(probability)
        return self._decide(self._first_frame(self._num_windows))

    def _add(self, probability: FloatArray) -> None:
        at = self._first_frame(self._num_windows) - self._decided
        self._summed[at : at + WINDOW_FRAMES] += probability
        self._coverage[at : at + WINDOW_FRAMES] += 1
        self._num_windows += 1

    def _end(self) -> list[SpeechRange]:
        """Decide the remaining frames and reset."""
        ranges: list[SpeechRange] = []
        if self._num_windows:
            ranges = self._decide(self._first_frame(self._num_windows - 1) + WINDOW_FRAMES)
        if self._open_since is not None:
            end = self._decided if self._closed_at is None else self._closed_at
            ranges += self._range(self._open_since, end)
        self._reset()
        return ranges

    def _decide(self, until: int) -> list[SpeechRange]:
        """Decide the frames before ``until`` and return the ranges that end there."""
        size = until - self._decided
        probability: FloatArray = np.divide(
            self._summed[:size], np.maximum(self._coverage[:size], 1), dtype=np.float32, casting="same_kind"
        )
        before = self._open_since is not None and self._closed_at is None
        speech = is_speech(probability, onset=self.options.vad_onset, offset=self.options.vad_offset, before=before)
        ranges: list[SpeechRange] = []
        for change in np.flatnonzero(np.diff(speech, prepend=before)):
            frame = self._decided + int(change)
            if not speech[change]:
                self._closed_at = frame
                continue
            ranges += self._close_before(frame)
            self._open_since = frame if self._open_since is None else self._open_since
            self._closed_at = None
        self._decided = until
        for pending in (self._summed, self._coverage):
            pending[:-size] = pending[size:].copy()
            pending[-size:] = 0
        return ranges + self._close_before(until)

    def _close_before(self, frame: int) -> list[SpeechRange]:
        """Close the open range if it has been silent for at least ``min_duration_off`` at a frame."""
        if self._open_since is None or self._closed_at is None:
            return []
        if (frame - self._closed_at) * FRAME_STEP_S < self.options.min_duration_off:
            return []
        closed = self._range(self._open_since, self._closed_at)
        self._open_since = self._closed_at = None
        return closed

    def _range(self, first: int, last: int) -> list[SpeechRange]:
        """Range from two frames, clipped to the stream; empty if it starts after the end of the stream."""
        start, end = frame_middles_s(np.array([first, last]))
        end = min(end, self._num_samples / SAMPLE_RATE)
        return [SpeechRange(float(start), float(end))] if start < end else []
