"""Who spoke when: segmentation, embedding, clustering and reconstruction in one call."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from oolong_align.audio.recording import Audio, load_audio
from oolong_align.diarization.activity import SpeakerActivity, reconstruct
from oolong_align.diarization.clustering import Clustering, ClusteringOptions, cluster_windows, mean_embeddings
from oolong_align.diarization.embedding import (
    EmbeddingModel,
    compute_frames,
    exact_window_embeddings,
    pooled_window_embeddings,
)
from oolong_align.diarization.frame_store import FrameStore
from oolong_align.diarization.pieces import cut_segments, find_changes, find_pieces, find_stretches
from oolong_align.diarization.plda import Plda
from oolong_align.diarization.reassignment import reconstruct_from_pieces
from oolong_align.diarization.resegmentation import cluster_resegmented
from oolong_align.diarization.result_warnings import alike_speakers, shortfall, unused_options
from oolong_align.diarization.segmentation import Segmentation, Segmenter
from oolong_align.diarization.speech import speech_ranges
from oolong_align.diarization.turns import exclusive_segments, overlapping_turns
from oolong_align.diarization.voice_lookup import FrameEvidence
from oolong_align.errors import ModelError, warn
from oolong_align.options import DiarizerOptions, check_speaker_bounds
from oolong_align.timing.grid import FRAME_STEP_S, Spans, frame_middles_s, seconds_to_samples
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

_Speakers: TypeAlias = tuple[SpeakerActivity, FloatArray, Clustering, Spans]
"""Who is active when, the speakers' mean embeddings, how they were found, and the pieces of one speaker each."""

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
        step = self.options.step or (_STEP_S if self.options.refine else _REFERENCE_STEP_S)
        segmentation = self._segmenter(audio, step_samples=seconds_to_samples(step), progress=progress)
        segmentation_ms = clock.lap()
        if FRAME_STEP_S * np.count_nonzero(segmentation.speaker_counts) < _LEAST_SPEECH_S:
            return _Heard(segmentation, np.empty(0, dtype=np.int64), None, None, segmentation_ms, 0.0)
        changes = find_changes(segmentation)
        frames = windows = None
        if self.options.refine or not self.options.exact:
            stretches = find_stretches(segmentation, changes)
            frames = compute_frames(self._embedder, audio, stretches=stretches, progress=progress)
        if not self.options.refine:
            windows = self._window_embeddings(audio, segmentation, frames, progress)
        return _Heard(segmentation, changes, frames, windows, segmentation_ms, clock.lap())

    def _window_embeddings(
        self, audio: Audio, segmentation: Segmentation, frames: FrameStore | None, progress: Progress | None
    ) -> FloatArray:
        exclude_overlap = self.options.embedding_exclude_overlap
        if frames is None:
            return exact_window_embeddings(
                self._embedder, audio, segmentation, exclude_overlap=exclude_overlap, progress=progress
            )
        pooled = pooled_window_embeddings(self._embedder, frames, segmentation, exclude_overlap=exclude_overlap)
        return np.concatenate(list(pooled))

    def _find_speakers(
        self, audio: Audio, heard: _Heard, plda: Plda, limits: ClusteringOptions, progress: Progress | None
    ) -> Diarization:
        clock = _Stopwatch()
        heard_ms = heard.segmentation_ms + heard.embedding_ms
        if heard.windows is not None:
            found = self._speakers_of_windows(audio, heard, heard.windows, plda, limits, progress)
        elif heard.frames is not None:
            found = self._speakers_of_pieces(audio, heard, heard.frames, plda, limits, progress)
        else:
            return self._nobody(audio, heard_ms)
        activity, voices, clustering, pieces = found
        order = activity.order_of_appearance()
        if not len(order):
            return self._nobody(audio, heard_ms + clock.lap())
        activity, voices = activity.take(order), voices[order]
        result = self._assemble(audio, heard.segmentation, activity, voices, heard.frames)
        result = replace(result, pieces=cut_segments(result.segments, frame_middles_s(pieces.ravel())))
        clustering_ms = clock.lap()
        doubts = alike_speakers(activity, voices) if clustering.warning is None else ()
        told = (unused_options(self.options), clustering.warning, shortfall(len(voices), limits), *doubts)
        warned = tuple(text for text in told if text is not None)
        for text in warned:
            warn(text)
        timing = DiarizeTiming(heard.segmentation_ms, heard.embedding_ms, clustering_ms, heard_ms + clock.total())
        return replace(result, timing=timing, warnings=warned)

    def _speakers_of_windows(
        self,
        audio: Audio,
        heard: _Heard,
        windows: FloatArray,
        plda: Plda,
        limits: ClusteringOptions,
        progress: Progress | None,
    ) -> _Speakers:
        """Speakers as the reference finds them."""
        local = heard.segmentation.activity
        clustering = cluster_windows(windows, local, plda, limits)
        labels = clustering.assign(windows, local)
        at_most = limits.num_speakers or limits.max_speakers
        activity = reconstruct(heard.segmentation, labels, max_simultaneous=at_most)
        voices = mean_embeddings(windows, local, labels, clustering.centroids)
        if progress:
            progress("clustering", 1, 1)
        return activity, voices, clustering, find_pieces(heard.segmentation, heard.changes)

    def _speakers_of_pieces(
        self,
        audio: Audio,
        heard: _Heard,
        frames: FrameStore,
        plda: Plda,
        limits: ClusteringOptions,
        progress: Progress | None,
    ) -> _Speakers:
        """Speakers from pieces that each have one."""
        model = self._embedder
        pieces = find_pieces(heard.segmentation, heard.changes)
        clustering, pieces, embeddings = cluster_resegmented(pieces, model, frames, plda, limits, progress)
        voices = clustering.centroids
        activity, voices = reconstruct_from_pieces(
            pieces,
            embeddings,
            voices,
            np.minimum(heard.segmentation.speaker_counts, len(voices)),
            model,
            frames,
            at_least=limits.bound(1),
        )
        return activity, voices, clustering, pieces

    def _assemble(
        self,
        audio: Audio,
        segmentation: Segmentation,
        activity: SpeakerActivity,
        voices: FloatArray,
        frames: FrameStore | None,
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
            voice=FrameEvidence(self._embedder, frames, speakers) if frames is not None else None,
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


class _Heard(NamedTuple):
    """What the networks say of a recording.

    ``changes`` are the frames at which the speakers may change. There are neither frames nor embeddings of
    windows where nobody speaks, and no embeddings of windows if pieces are enough.
    """

    segmentation: Segmentation
    changes: npt.NDArray[np.int64]
    frames: FrameStore | None
    windows: FloatArray | None
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
