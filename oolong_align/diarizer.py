"""Who spoke when: segmentation, embedding, clustering and reconstruction in one call."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from oolong_align.audio import Audio, load_audio
from oolong_align.bundles import find_files
from oolong_align.clustering import (
    Clustering,
    ClusteringOptions,
    Labels,
    cluster_windows,
    mean_embeddings,
)
from oolong_align.doubts import alike_speakers, shortfall
from oolong_align.embedding import (
    EmbeddingModel,
    compute_voice_frames,
    exact_window_embeddings,
    pooled_window_embeddings,
)
from oolong_align.errors import ModelError, OolongWarning
from oolong_align.frames import FRAME_STEP_S, FRAME_STEP_SAMPLES, Spans, frame_middles_s, seconds_to_samples
from oolong_align.models import Bundle
from oolong_align.options import DiarizerOptions, check_speaker_bounds
from oolong_align.pieces import cut_segments, find_pieces, find_stretches
from oolong_align.plda import Plda
from oolong_align.reconstruction import SpeakerActivity, count_speakers, reconstruct
from oolong_align.refinement import refine
from oolong_align.resegmentation import cluster_resegmented
from oolong_align.segmentation import Segmentation, Segmenter
from oolong_align.speech import speech_ranges
from oolong_align.turns import exclusive_segments, overlapping_turns
from oolong_align.types import (
    Diarization,
    DiarizeSegment,
    DiarizeTiming,
    FloatArray,
    ModelInfo,
    Progress,
    SpeakerSegment,
)
from oolong_align.voice import FrameVoice
from oolong_align.voice_frames import VoiceFrames

__all__ = ["Diarizer", "DiarizerOptions"]

_STEP_S: Final = 79 * FRAME_STEP_S
_REFERENCE_STEP_S: Final = 1.0
_LEAST_SPEECH_S: Final = 0.3

Source: TypeAlias = "str | os.PathLike[str] | npt.NDArray[Any] | Audio"


class Diarizer:
    """The default diarizer; load it once, use it for many recordings.

    Examples
    --------
    >>> diarizer = Diarizer.from_pretrained()  # doctest: +SKIP
    >>> for segment in diarizer("meeting.wav").segments:  # doctest: +SKIP
    ...     print(segment.start, segment.end, segment.speaker_id)
    """

    def __init__(self, bundle: Bundle, options: DiarizerOptions | None = None) -> None:
        self.options = options or DiarizerOptions()
        self._segmenter = Segmenter(
            bundle.files["segmentation"],
            precision=self.options.precision,
            intra_threads=self.options.intra_threads,
            providers=self.options.providers,
        )
        self._embedder = EmbeddingModel(
            bundle.files["embedding"],
            precision=self.options.precision,
            intra_threads=self.options.intra_threads,
            providers=self.options.providers,
        )
        self._plda = Plda.load(bundle.files["plda"])
        if self._plda.dimension != self._embedder.dimension:
            raise ModelError(
                f"{bundle.files['plda']} is made for embeddings of {self._plda.dimension} numbers, but "
                f"{bundle.files['embedding']} gives {self._embedder.dimension}; use files of one bundle"
            )
        self.model = ModelInfo(bundle=bundle.name, hashes=bundle.hashes, dimension=self._embedder.dimension)

    @classmethod
    def from_pretrained(
        cls,
        bundle: str | os.PathLike[str] | None = None,
        *,
        segmentation: str | os.PathLike[str] | None = None,
        embedding: str | os.PathLike[str] | None = None,
        plda: str | os.PathLike[str] | None = None,
        model_dir: str | os.PathLike[str] | None = None,
        options: DiarizerOptions | None = None,
        progress: Progress | None = None,
    ) -> Diarizer:
        """Load a bundle, fetching what is missing.

        Parameters
        ----------
        bundle : str or path, optional
            Name of a bundle, or a folder that is one; the default bundle if not given.
        segmentation, embedding, plda : path, optional
            Single files, used instead of the bundle's.
        model_dir : path, optional
            Folder in which to look first.
        options : DiarizerOptions, optional
        progress : callable, optional
            Told about downloads.

        Raises
        ------
        ModelError
            If a file is missing, has the wrong hash, or does not fit the others.
        """
        singles = {"segmentation": segmentation, "embedding": embedding, "plda": plda}
        return cls(find_files(bundle, singles, model_dir=model_dir, progress=progress), options)

    def __call__(
        self,
        audio: Source,
        *,
        num_speakers: int | None = None,
        min_speakers: int | None = None,
        max_speakers: int | None = None,
        progress: Progress | None = None,
    ) -> Diarization:
        """Diarize a recording.

        Parameters
        ----------
        audio : path, ndarray or Audio
            A media file, or ``float32`` mono samples at 16 kHz in [-1, 1].
        num_speakers, min_speakers, max_speakers : int, optional
            Exact number of speakers, or bounds.
        progress : callable, optional
            ``progress(stage, done, total)`` for the stages segmentation, embedding and clustering.

        Returns
        -------
        Diarization
            Without turns, speech and speakers where nobody speaks; less than 0.3 s in all is a noise, not a voice.

        Raises
        ------
        InputError
            If the audio cannot be used.
        UsageError
            If the numbers of speakers contradict each other.
        """
        check_speaker_bounds(num_speakers, min_speakers, max_speakers)
        limits = self._limits(num_speakers, min_speakers, max_speakers)
        loaded = load_audio(audio)
        try:
            return self._find_speakers(loaded, self._hear(loaded, progress), self._plda, limits, progress)
        finally:
            if loaded is not audio:
                loaded.close()

    def diarize_each(self, audio: Source, pldas: Iterable[Plda]) -> list[Diarization]:
        """Diarize with each of several PLDAs instead of the bundle's own; the networks run only once for all.

        Raises
        ------
        ModelError
            If a PLDA is made for embeddings of another size.
        InputError
            If the audio cannot be used.
        """
        for plda in (listed := list(pldas)):
            if plda.dimension != self.model.dimension:
                raise ModelError(f"a PLDA for {plda.dimension} numbers does not fit the model's {self.model.dimension}")
        loaded = load_audio(audio)
        try:
            heard = self._hear(loaded, None)
            if heard.windows is not None:
                heard = heard._replace(windows=list(heard.windows))
            return [self._find_speakers(loaded, heard, plda, self._limits(), None) for plda in listed]
        finally:
            if loaded is not audio:
                loaded.close()

    def diarize(self, pcm: Source) -> list[SpeakerSegment]:
        """Exclusive segments: at most one speaker at a time, for the alignment with words."""
        return list(self(pcm).segments)

    def diarize_timed(self, pcm: Source) -> tuple[list[SpeakerSegment], DiarizeTiming]:
        """Exclusive segments and the time of each stage."""
        result = self(pcm)
        return list(result.segments), result.timing or DiarizeTiming(0.0, 0.0, 0.0, 0.0)

    def diarize_with_embeddings(self, pcm: Source) -> tuple[list[SpeakerSegment], dict[int, FloatArray]]:
        """Exclusive segments and the L2-normalised mean embedding of each speaker, ``float32[D]``."""
        result = self(pcm)
        return list(result.segments), dict(result.embeddings)

    def diarize_overlap(self, pcm: Source) -> list[DiarizeSegment]:
        """Overlap-aware turns: overlapping speech has several records."""
        return list(self(pcm).turns)

    def _limits(self, num: int | None = None, low: int | None = None, high: int | None = None) -> ClusteringOptions:
        return ClusteringOptions(
            threshold=self.options.clustering_threshold,
            fa=self.options.fa,
            fb=self.options.fb,
            max_iterations=self.options.max_iterations,
            num_speakers=num,
            min_speakers=low,
            max_speakers=high,
        )

    def _hear(self, audio: Audio, progress: Progress | None) -> _Heard:
        """Run the networks."""
        clock = _Stopwatch()
        as_reference = self.options.exact or not self.options.refine
        step = self.options.step or (_REFERENCE_STEP_S if as_reference else _STEP_S)
        segmentation = self._segmenter(audio, step_samples=seconds_to_samples(step), progress=progress)
        segmentation_ms = clock.lap()
        spoken = count_speakers(segmentation)[: audio.num_samples // FRAME_STEP_SAMPLES]
        if FRAME_STEP_S * np.count_nonzero(spoken) < _LEAST_SPEECH_S:
            return _Heard(segmentation, None, None, segmentation_ms, 0.0)
        frames = self._voice_frames(audio, segmentation, progress)
        windows = self._window_embeddings(audio, segmentation, frames, progress)
        return _Heard(segmentation, frames, windows, segmentation_ms, clock.lap())

    def _find_speakers(
        self, audio: Audio, heard: _Heard, plda: Plda, limits: ClusteringOptions, progress: Progress | None
    ) -> Diarization:
        clock = _Stopwatch()
        segmentation, frames, windows, segmentation_ms, embedding_ms = heard
        if windows is None:
            return self._nobody(audio, segmentation_ms)
        counted = _report(windows, len(segmentation.activity) + 1, progress)
        activity, voices, clustering, pieces = self._identify(audio, segmentation, counted, frames, plda, limits)
        heard_ms = segmentation_ms + embedding_ms
        if not len(voices):
            return self._nobody(audio, heard_ms + clock.lap())
        result = self._assemble(audio, segmentation, activity, voices, frames)
        result = replace(result, pieces=cut_segments(result.segments, frame_middles_s(pieces.ravel())))
        clustering_ms = clock.lap()
        if progress:
            progress("clustering", len(segmentation.activity) + 1, len(segmentation.activity) + 1)
        doubts = alike_speakers(activity, voices) if clustering.warning is None else ()
        told = (clustering.warning, shortfall(len(voices), limits), *doubts)
        warned = tuple(text for text in told if text is not None)
        for text in warned:
            warnings.warn(text, OolongWarning, stacklevel=3)
        timing = DiarizeTiming(segmentation_ms, embedding_ms, clustering_ms, heard_ms + clock.total())
        return replace(result, timing=timing, warnings=warned)

    def _voice_frames(self, audio: Audio, segmentation: Segmentation, progress: Progress | None) -> VoiceFrames | None:
        if self.options.exact and not self.options.refine:
            return None
        told = None if self.options.exact else progress
        stretches = find_stretches(segmentation, audio)
        return compute_voice_frames(self._embedder, audio, stretches=stretches, progress=told)

    def _window_embeddings(
        self, audio: Audio, segmentation: Segmentation, frames: VoiceFrames | None, progress: Progress | None
    ) -> Iterable[FloatArray]:
        exclude_overlap = self.options.embedding_exclude_overlap
        if frames is not None and not self.options.exact:
            return pooled_window_embeddings(self._embedder, frames, segmentation, exclude_overlap=exclude_overlap)
        return [
            exact_window_embeddings(
                self._embedder, audio, segmentation, exclude_overlap=exclude_overlap, progress=progress
            )
        ]

    def _identify(
        self,
        audio: Audio,
        segmentation: Segmentation,
        windows: Iterable[FloatArray],
        frames: VoiceFrames | None,
        plda: Plda,
        limits: ClusteringOptions,
    ) -> tuple[SpeakerActivity, FloatArray, Clustering, Spans]:
        """Find the speakers, then their activity, numbered by appearance, their mean embeddings, and the pieces."""
        pieces = find_pieces(segmentation, num_samples=audio.num_samples)
        checked = frames if self.options.refine else None
        if checked is None or not len(pieces):
            embeddings = np.concatenate(list(windows))
            clustering = cluster_windows(embeddings, segmentation.activity, plda, limits)
            labels = clustering.assign(embeddings, segmentation.activity)
            voices = mean_embeddings(embeddings, segmentation.activity, labels, clustering.centroids)
        else:
            clustering, pieces = cluster_resegmented(pieces, self._embedder, checked, plda, limits)
            labels = _assign_each(clustering, windows, segmentation)
            voices = clustering.centroids
        activity = reconstruct(
            segmentation,
            labels,
            num_samples=audio.num_samples,
            max_simultaneous=limits.num_speakers or limits.max_speakers,
        )
        if checked is not None:
            refined, means = refine(activity, voices, self._embedder, checked, segmentation, labels, pieces)
            remaining = len(refined.order_of_appearance())
            if remaining >= min(limits.bound(remaining), len(activity.order_of_appearance())):
                activity, voices = refined, means
        order = activity.order_of_appearance()
        return activity.take(order), voices[order], clustering, pieces

    def _assemble(
        self,
        audio: Audio,
        segmentation: Segmentation,
        activity: SpeakerActivity,
        voices: FloatArray,
        frames: VoiceFrames | None,
    ) -> Diarization:
        gap = self.options.min_duration_off
        speakers = dict(enumerate(voices))
        return Diarization(
            segments=exclusive_segments(activity, duration=audio.duration, min_duration_off=gap),
            turns=overlapping_turns(activity, min_duration_off=gap),
            speech=speech_ranges(
                segmentation.speech,
                onset=self.options.vad_onset,
                offset=self.options.vad_offset,
                min_duration_off=gap,
                duration=audio.duration,
            ),
            duration=audio.duration,
            embeddings=speakers,
            model=self.model,
            recording=audio.fingerprint(),
            voice=FrameVoice(self._embedder, frames, speakers) if frames is not None else None,
        )

    def _nobody(self, audio: Audio, elapsed_ms: float) -> Diarization:
        return Diarization(
            segments=(),
            turns=(),
            speech=(),
            duration=audio.duration,
            model=self.model,
            recording=audio.fingerprint(),
            timing=DiarizeTiming(elapsed_ms, 0.0, 0.0, elapsed_ms),
        )


def _assign_each(clustering: Clustering, windows: Iterable[FloatArray], segmentation: Segmentation) -> Labels:
    """Assign the local speakers of some windows at a time: all embeddings of a day would be 265 MB."""
    labels = np.empty(segmentation.activity.shape[::2], dtype=np.int64)
    done = 0
    for embeddings in windows:
        rows = slice(done, done + len(embeddings))
        labels[rows] = clustering.assign(embeddings, segmentation.activity[rows])
        done = rows.stop
    return labels


def _report(windows: Iterable[FloatArray], total: int, progress: Progress | None) -> Iterator[FloatArray]:
    """Tell of each batch of windows as it is asked for; the last of ``total`` stands for the check of the turns."""
    done = 0
    for embeddings in windows:
        yield embeddings
        done += len(embeddings)
        if progress:
            progress("clustering", done, total)


class _Heard(NamedTuple):
    """What the networks say of a recording; ``windows`` is ``None`` where nobody speaks."""

    segmentation: Segmentation
    frames: VoiceFrames | None
    windows: Iterable[FloatArray] | None
    segmentation_ms: float
    embedding_ms: float


class _Stopwatch:
    """Milliseconds since it was made and since the last lap."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()

    def lap(self) -> float:
        now = time.perf_counter()
        elapsed, self._last = now - self._last, now
        return 1000 * elapsed

    def total(self) -> float:
        return 1000 * (time.perf_counter() - self._start)
