"""Who spoke when: the default diarizer, step by step.

The segmentation network finds up to three local speakers in each 10 s window. From there, two methods find the speakers
of the recording: `PieceMethod` (the default) and `oolong_align.diarization.reference.WindowMethod` (pyannote.audio's).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from oolong_align.audio.recording import Audio, load_audio
from oolong_align.diarization import reference
from oolong_align.diarization.activity import FoundSpeakers
from oolong_align.diarization.clustering import ClusteringOptions
from oolong_align.diarization.embedding import EmbeddingModel, compute_frames
from oolong_align.diarization.frame_store import FrameStore
from oolong_align.diarization.pieces import cut_segments, find_changes, find_pieces, find_stretches
from oolong_align.diarization.plda import Plda
from oolong_align.diarization.reassignment import reconstruct_from_pieces
from oolong_align.diarization.resegmentation import cluster_resegmented
from oolong_align.diarization.result_warnings import shortfall, similar_speakers
from oolong_align.diarization.segmentation import Segmentation, Segmenter
from oolong_align.diarization.speaker_evidence import FrameEvidence
from oolong_align.diarization.speech import speech_ranges
from oolong_align.diarization.turns import exclusive_segments, overlapping_turns
from oolong_align.errors import ModelError, warn
from oolong_align.options import DiarizerOptions, check_speaker_bounds
from oolong_align.timing.grid import FRAME_STEP_S, frame_middles_s, seconds_to_samples
from oolong_align.types import (
    Diarization,
    DiarizeSegment,
    DiarizeTiming,
    FloatArray,
    ModelInfo,
    Progress,
    SpeakerSegment,
)
from oolong_align.weights import Bundle, find_files

__all__ = ["Diarizer", "DiarizerOptions"]

_STEP_S: Final = 79 * FRAME_STEP_S
_LEAST_SPEECH_S: Final = 0.3

Source: TypeAlias = "str | os.PathLike[str] | npt.NDArray[Any] | Audio"


class Diarizer:
    """The default diarizer. Load it once and use it for many recordings.

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
                f"{bundle.files['plda']} expects embeddings of size {self._plda.dimension}, but "
                f"{bundle.files['embedding']} produces size {self._embedder.dimension}. Use files of one bundle"
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
        """Load the models, downloading missing files.

        Parameters
        ----------
        bundle : str or path, optional
            Name or folder of a bundle; the default bundle if not given.
        segmentation, embedding, plda : path, optional
            Files to use instead of the bundle's.
        model_dir : path, optional
            Folder to search first.
        options : DiarizerOptions, optional
        progress : callable, optional
            Called as ``progress(stage, done, total)`` during downloads.

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
            Called as ``progress(stage, done, total)`` in the stages segmentation, embedding and clustering.

        Returns
        -------
        Diarization
            Without turns, speech and speakers if the recording has less than 0.3 s of speech in all.

        Raises
        ------
        InputError
            If the audio cannot be used.
        UsageError
            If the numbers of speakers contradict each other.
        """
        check_speaker_bounds(num_speakers, min_speakers, max_speakers)
        limits = self._limits(num_speakers, min_speakers, max_speakers)
        return self._diarize(audio, [self._plda], limits, progress)[0]

    def diarize_each(self, audio: Source, pldas: Iterable[Plda]) -> list[Diarization]:
        """Diarize with each of several PLDAs instead of the bundle's; the networks run only once.

        Raises
        ------
        ModelError
            If a PLDA does not fit the size of the embeddings.
        InputError
            If the audio cannot be used.
        """
        for plda in (listed := list(pldas)):
            if plda.dimension != self.model.dimension:
                raise ModelError(
                    f"PLDA for embeddings of size {plda.dimension} does not fit the model's size "
                    f"{self.model.dimension}. Use files of one bundle"
                )
        return self._diarize(audio, listed, self._limits(), None)

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
        """Overlap-aware turns: overlapping speech has one record for each speaker."""
        return list(self(pcm).turns)

    def _diarize(
        self, audio: Source, pldas: Iterable[Plda], limits: ClusteringOptions, progress: Progress | None
    ) -> list[Diarization]:
        loaded = load_audio(audio)
        try:
            clock = _Stopwatch()
            segmentation = self._segmenter(loaded, step_samples=self._step_samples(), progress=progress)
            segmentation_ms = clock.lap()
            if FRAME_STEP_S * np.count_nonzero(segmentation.speaker_counts) < _LEAST_SPEECH_S:
                return [self._empty(loaded, segmentation_ms) for _ in pldas]
            method = self._method(loaded, segmentation, progress)
            timing = DiarizeTiming(segmentation_ms, clock.lap(), 0.0, 0.0)
            return [self._find_speakers(loaded, segmentation, method, plda, limits, timing, progress) for plda in pldas]
        finally:
            if loaded is not audio:
                loaded.close()

    def _find_speakers(
        self,
        audio: Audio,
        segmentation: Segmentation,
        method: _Method,
        plda: Plda,
        limits: ClusteringOptions,
        before: DiarizeTiming,
        progress: Progress | None,
    ) -> Diarization:
        clock = _Stopwatch()
        networks_ms = before.segmentation_ms + before.embedding_ms
        found = method.find_speakers(plda, limits, progress)
        order = found.activity.order_of_appearance()
        if not len(order):
            return self._empty(audio, networks_ms + clock.lap())
        activity, embeddings = found.activity.take(order), found.embeddings[order]
        gap = self.options.min_duration_off
        segments = exclusive_segments(activity, duration=audio.duration, min_duration_off=gap)
        turns = overlapping_turns(activity, min_duration_off=gap)
        speech = speech_ranges(
            segmentation.speech,
            onset=self.options.vad_onset,
            offset=self.options.vad_offset,
            min_duration_off=gap,
            duration=audio.duration,
        )
        pieces = cut_segments(segments, frame_middles_s(found.pieces.ravel()))
        clustering_ms = clock.lap()
        alike = similar_speakers(activity, embeddings) if found.warning is None else ()
        messages = (reference.unused_options(self.options), found.warning, shortfall(len(embeddings), limits), *alike)
        warnings = tuple(message for message in messages if message is not None)
        for message in warnings:
            warn(message)
        speakers = dict(enumerate(embeddings))
        return Diarization(
            segments=segments,
            turns=turns,
            speech=speech,
            pieces=pieces,
            duration=audio.duration,
            embeddings=speakers,
            model=self.model,
            recording=audio.fingerprint(),
            voice=FrameEvidence(self._embedder, method.frames, speakers) if method.frames is not None else None,
            timing=replace(before, clustering_ms=clustering_ms, total_ms=networks_ms + clock.total()),
            warnings=warnings,
        )

    def _empty(self, audio: Audio, elapsed_ms: float) -> Diarization:
        return Diarization(
            segments=(),
            turns=(),
            speech=(),
            duration=audio.duration,
            model=self.model,
            recording=audio.fingerprint(),
            timing=DiarizeTiming(elapsed_ms, 0.0, 0.0, elapsed_ms),
        )

    def _step_samples(self) -> int:
        default = _STEP_S if self.options.method == "pieces" else reference.STEP_S
        return seconds_to_samples(self.options.step or default)

    def _method(self, audio: Audio, segmentation: Segmentation, progress: Progress | None) -> _Method:
        if self.options.method == "pieces":
            return PieceMethod(self._embedder, audio, segmentation, progress)
        return reference.WindowMethod(self._embedder, audio, segmentation, self.options, progress)

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


class _Method(Protocol):
    """Finds the speakers of a segmented recording; embeds its speech when it is created."""

    @property
    def frames(self) -> FrameStore | None: ...

    def find_speakers(
        self, plda: Plda, limits: ClusteringOptions, progress: Progress | None = None
    ) -> FoundSpeakers: ...


class PieceMethod:
    """Finds speakers from pieces: spans of speech between two changes of speaker."""

    def __init__(
        self, model: EmbeddingModel, audio: Audio, segmentation: Segmentation, progress: Progress | None = None
    ) -> None:
        changes = find_changes(segmentation)
        self._model = model
        self._counts = segmentation.speaker_counts
        self._pieces = find_pieces(segmentation, changes)
        stretches = find_stretches(segmentation, changes)
        self.frames = compute_frames(model, audio, stretches=stretches, progress=progress)

    def find_speakers(self, plda: Plda, limits: ClusteringOptions, progress: Progress | None = None) -> FoundSpeakers:
        """Cluster the pieces, cut them where the voice changes, and assign pieces and overlaps to speakers."""
        model, frames = self._model, self.frames
        clustering, pieces, embeddings = cluster_resegmented(self._pieces, model, frames, plda, limits, progress)
        centroids = clustering.centroids
        counts = np.minimum(self._counts, len(centroids))
        activity, speakers = reconstruct_from_pieces(
            pieces, embeddings, centroids, counts, model, frames, at_least=limits.bound(1)
        )
        return FoundSpeakers(activity, speakers, pieces, clustering.warning)


class _Stopwatch:
    """Milliseconds since its creation and since the last lap."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()

    def lap(self) -> float:
        now = time.perf_counter()
        elapsed, self._last = now - self._last, now
        return 1000 * elapsed

    def total(self) -> float:
        return 1000 * (time.perf_counter() - self._start)
