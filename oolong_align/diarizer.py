"""Who spoke when: segmentation, embedding, clustering and reconstruction in one call."""

from __future__ import annotations

import os
import time
import warnings
from dataclasses import replace
from typing import Any, TypeAlias

import numpy.typing as npt

from oolong_align.audio import Audio, load_audio
from oolong_align.bundles import find_files
from oolong_align.clustering import ClusteringOptions, cluster, mean_embeddings
from oolong_align.embedding import (
    EmbeddingModel,
    VoiceFrames,
    compute_voice_frames,
    exact_window_embeddings,
    pooled_window_embeddings,
)
from oolong_align.errors import ModelError, OolongWarning
from oolong_align.frames import seconds_to_samples
from oolong_align.models import Bundle
from oolong_align.options import DiarizerOptions, check_speaker_bounds
from oolong_align.plda import Plda
from oolong_align.reconstruction import SpeakerActivity, reconstruct
from oolong_align.refinement import refine
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

__all__ = ["Diarizer", "DiarizerOptions"]

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
            Without turns, speech and speakers where nobody speaks.

        Raises
        ------
        InputError
            If the audio cannot be used.
        UsageError
            If the numbers of speakers contradict each other.
        """
        check_speaker_bounds(num_speakers, min_speakers, max_speakers)
        loaded = load_audio(audio)
        try:
            limits = ClusteringOptions(
                threshold=self.options.clustering_threshold,
                fa=self.options.fa,
                fb=self.options.fb,
                max_iterations=self.options.max_iterations,
                num_speakers=num_speakers,
                min_speakers=min_speakers,
                max_speakers=max_speakers,
            )
            return self._diarize(loaded, limits, progress)
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

    def _diarize(self, audio: Audio, limits: ClusteringOptions, progress: Progress | None) -> Diarization:
        clock = _Stopwatch()
        segmentation = self._segmenter(audio, step_samples=seconds_to_samples(self.options.step), progress=progress)
        segmentation_ms = clock.lap()
        if not segmentation.activity.any():
            return self._nobody(audio, segmentation_ms)

        embeddings, frames = self._embed(audio, segmentation, progress)
        embedding_ms = clock.lap()

        clustering = cluster(embeddings, segmentation.activity, self._plda, limits)
        activity = reconstruct(
            segmentation,
            clustering.labels,
            num_samples=audio.num_samples,
            max_simultaneous=limits.num_speakers or limits.max_speakers,
        )
        activity = activity.take(activity.order_of_appearance())
        if not activity.together.any():
            return self._nobody(audio, segmentation_ms + embedding_ms + clock.lap())
        voices = mean_embeddings(embeddings, segmentation.activity, clustering.labels, activity.clusters)
        if self.options.refine and frames is not None:
            activity, voices = self._refine(activity, voices, frames, limits)
        result = self._assemble(audio, segmentation, activity, voices, frames)
        clustering_ms = clock.lap()
        if progress:
            progress("clustering", 1, 1)
        told = tuple(filter(None, (clustering.warning, _shortfall(len(voices), limits))))
        for text in told:
            warnings.warn(text, OolongWarning, stacklevel=4)
        timing = DiarizeTiming(segmentation_ms, embedding_ms, clustering_ms, clock.total())
        return replace(result, timing=timing, warnings=told)

    def _refine(
        self, activity: SpeakerActivity, voices: FloatArray, frames: VoiceFrames, limits: ClusteringOptions
    ) -> tuple[SpeakerActivity, FloatArray]:
        """Refine, unless that would lose a speaker whom the caller asked for."""
        refined, refined_voices = refine(activity, voices, self._embedder, frames)
        order = refined.order_of_appearance()
        if len(order) < min(limits.bound(len(order)), len(voices)):
            return activity, voices
        return refined.take(order), refined_voices[order]

    def _embed(
        self, audio: Audio, segmentation: Segmentation, progress: Progress | None
    ) -> tuple[FloatArray, VoiceFrames | None]:
        exclude_overlap = self.options.embedding_exclude_overlap
        if not self.options.exact:
            frames = compute_voice_frames(self._embedder, audio, progress=progress)
            pooled = pooled_window_embeddings(self._embedder, frames, segmentation, exclude_overlap=exclude_overlap)
            return pooled, frames
        embeddings = exact_window_embeddings(
            self._embedder, audio, segmentation, exclude_overlap=exclude_overlap, progress=progress
        )
        return embeddings, compute_voice_frames(self._embedder, audio) if self.options.refine else None

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
            voice=FrameVoice(self._embedder, frames, speakers) if frames is not None else None,
        )

    def _nobody(self, audio: Audio, elapsed_ms: float) -> Diarization:
        return Diarization(
            segments=(),
            turns=(),
            speech=(),
            duration=audio.duration,
            model=self.model,
            timing=DiarizeTiming(elapsed_ms, 0.0, 0.0, elapsed_ms),
        )


def _shortfall(found: int, limits: ClusteringOptions) -> str | None:
    if limits.bound(found) == found:
        return None
    return f"{limits.limit(found)} asks for {limits.bound(found)} speakers, but only {found} could be told apart"


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
