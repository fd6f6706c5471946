"""Speakers from the local speakers of windows, as pyannote.audio 4 finds them (``method="windows"``).

Each local speaker of a 10 s window gets one embedding. The embeddings are clustered, each local speaker goes to a
cluster, and the windows are summed on the recording's frame grid. With ``exact=True`` and the same PLDA the turns are
those of pyannote.audio's ``speaker-diarization-community-1``.

References
----------
Bredin, "pyannote.audio 2.1 speaker diarization pipeline: principle, benchmark, and recipe", Interspeech 2023.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from oolong_align.audio.recording import Audio
from oolong_align.diarization.activity import FoundSpeakers, SpeakerActivity
from oolong_align.diarization.clustering import (
    Clustering,
    ClusteringOptions,
    bound_clusters,
    initial_clusters,
    vbx_responsibilities,
)
from oolong_align.diarization.embedding import EmbeddingModel, compute_frames
from oolong_align.diarization.fbank import compute_fbank
from oolong_align.diarization.frame_store import FrameStore, Mask
from oolong_align.diarization.pieces import find_changes, find_pieces, find_stretches
from oolong_align.diarization.plda import Plda
from oolong_align.diarization.pooling import pool_statistics
from oolong_align.diarization.segmentation import (
    LOCAL_SPEAKERS,
    MAX_SIMULTANEOUS,
    NO_SPEAKER,
    Labels,
    Segmentation,
)
from oolong_align.options import DiarizerOptions
from oolong_align.timing.grid import FBANK_WIDTH_SAMPLES, VOICE_FRAME_SAMPLES, WINDOW_FRAMES, WINDOW_SAMPLES
from oolong_align.types import FloatArray, Progress
from oolong_align.util.parallel import ordered_map
from oolong_align.util.vectors import l2_normalise

STEP_S: Final = 1.0
WINDOW_THRESHOLD: Final = 0.6
_MIN_CLEAN_SHARE: Final = 0.2
_WINDOW_VOICE_FRAMES: Final = WINDOW_SAMPLES / VOICE_FRAME_SAMPLES
_MIN_CLEAN_FRAMES: Final = -(-WINDOW_FRAMES * FBANK_WIDTH_SAMPLES // WINDOW_SAMPLES)
_POOLED_TOGETHER: Final = 16
_FRAMES_TOGETHER: Final = 16_384


class WindowMethod:
    """Finds speakers from the local speakers of windows; embeds them when it is created.

    Attributes
    ----------
    frames : FrameStore or None
        Backbone frames of the recording; ``None`` with ``exact=True``, where each window has its own.
    """

    def __init__(
        self,
        model: EmbeddingModel,
        audio: Audio,
        segmentation: Segmentation,
        options: DiarizerOptions,
        progress: Progress | None = None,
    ) -> None:
        self._segmentation = segmentation
        self._changes = find_changes(segmentation)
        self.frames: FrameStore | None = None
        exclude_overlap = options.embedding_exclude_overlap
        if options.exact:
            self._embeddings = exact_window_embeddings(
                model, audio, segmentation, exclude_overlap=exclude_overlap, progress=progress
            )
        else:
            stretches = find_stretches(segmentation, self._changes)
            self.frames = compute_frames(model, audio, stretches=stretches, progress=progress)
            pooled = pooled_window_embeddings(model, self.frames, segmentation, exclude_overlap=exclude_overlap)
            self._embeddings = np.concatenate(list(pooled))

    def find_speakers(self, plda: Plda, limits: ClusteringOptions, progress: Progress | None = None) -> FoundSpeakers:
        """Cluster the local speakers, assign them to clusters, and sum the windows."""
        local = self._segmentation.activity
        clustering = cluster_windows(self._embeddings, local, plda, limits)
        labels = assign_speakers(clustering, self._embeddings, local)
        at_most = limits.num_speakers or limits.max_speakers
        activity = reconstruct(self._segmentation, labels, max_simultaneous=at_most)
        embeddings = mean_embeddings(self._embeddings, local, labels, clustering.centroids)
        if progress:
            progress("clustering", 1, 1)
        pieces = find_pieces(self._segmentation, self._changes)
        return FoundSpeakers(activity, embeddings, pieces, clustering.warning)


def embedding_masks(activity: npt.NDArray[np.uint8], *, exclude_overlap: bool) -> Mask:
    """Frames to embed for each local speaker: those without overlap if there are enough, otherwise all.

    ``(windows, 589, 3) -> (windows, 589, 3)``
    """
    active = activity > 0
    if not exclude_overlap:
        return active
    clean = active & (activity.sum(axis=2, keepdims=True) < 2)
    enough = clean.sum(axis=1, keepdims=True) > _MIN_CLEAN_FRAMES
    return np.where(enough, clean, active)


def pooled_window_embeddings(
    model: EmbeddingModel, frames: FrameStore, segmentation: Segmentation, *, exclude_overlap: bool
) -> Iterator[FloatArray]:
    """Embed each local speaker of each window from the recording's backbone frames.

    Yields
    ------
    ndarray, shape (16, 3, D)
        ``float32``, for the next 16 windows or the remaining ones. Rows of inactive local speakers hold the embedding
        of an empty mask; the caller must ignore them.

    Notes
    -----
    Frame g of the recording lies at ``g - start / 1280`` in a window's own 125 frames and takes the activity of the
    segmentation frame at that position. Neighbouring windows share one matrix product.
    """

    def run(first: int) -> FloatArray:
        chosen = slice(first, first + _POOLED_TOGETHER)
        masks = embedding_masks(segmentation.activity[chosen], exclude_overlap=exclude_overlap)
        starts = np.arange(first, first + len(masks)) * segmentation.step_samples / VOICE_FRAME_SAMPLES
        span = int(np.ceil(starts[0])), int(np.ceil(starts[-1] + _WINDOW_VOICE_FRAMES))
        inside = frames.indices(*span)[None, :] - starts[:, None]  # (windows, frames), from the window's start
        index = np.floor(inside * WINDOW_FRAMES / _WINDOW_VOICE_FRAMES).astype(np.int64)
        covered = (index >= 0) & (index < WINDOW_FRAMES)
        rows = np.arange(len(masks))[:, None]
        picked = masks[rows, np.clip(index, 0, WINDOW_FRAMES - 1)] & covered[:, :, None]
        flat = picked.transpose(0, 2, 1).reshape(LOCAL_SPEAKERS * len(masks), inside.shape[1])
        pooled = model.pool(frames.read_stored(*span), flat)
        return pooled.reshape(len(masks), LOCAL_SPEAKERS, -1)

    starts = range(0, len(segmentation.activity), _POOLED_TOGETHER)
    for _, pooled in ordered_map(run, starts, threads=model.threads):
        yield pooled


def exact_window_embeddings(
    model: EmbeddingModel,
    audio: Audio,
    segmentation: Segmentation,
    *,
    exclude_overlap: bool,
    progress: Progress | None = None,
) -> FloatArray:
    """Embed each local speaker with a backbone pass over each window, as pyannote.audio does.

    For comparisons: at a step of 1 s the backbone processes the audio ten times. Returns ``float32[windows, 3, D]``.
    """
    num_windows = len(segmentation.activity)
    masks = embedding_masks(segmentation.activity, exclude_overlap=exclude_overlap)
    embeddings = np.empty((num_windows, LOCAL_SPEAKERS, model.dimension), dtype=np.float32)

    def run(window: int) -> FloatArray:
        start = window * segmentation.step_samples
        samples = audio.read(start, start + WINDOW_SAMPLES)
        features = compute_fbank(np.pad(samples, (0, WINDOW_SAMPLES - len(samples))), model.fbank_window)
        frames = model.frames((features - features.mean(axis=0))[None])[0]
        index = np.arange(len(frames)) * WINDOW_FRAMES // len(frames)
        return model.project(pool_statistics(np.ascontiguousarray(frames), masks[window, index].T))

    for window, embedded in ordered_map(run, range(num_windows), threads=model.threads):
        embeddings[window] = embedded
        if progress:
            progress("embedding", window + 1, num_windows)
    return embeddings


def clean_speakers(activity: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Local speakers who speak alone for at least a fifth of their window: ``(windows, 589, 3) -> (windows, 3)``."""
    alone = activity * (activity.sum(axis=2, keepdims=True) == 1)
    enough: npt.NDArray[np.bool_] = alone.sum(axis=1) >= _MIN_CLEAN_SHARE * activity.shape[1]
    return enough


def cluster_windows(
    embeddings: FloatArray, activity: npt.NDArray[np.uint8], plda: Plda, options: ClusteringOptions
) -> Clustering:
    """Find the speakers among the local speakers of windows.

    Parameters
    ----------
    embeddings : ndarray, shape (windows, 3, D)
    activity : ndarray, shape (windows, 589, 3)
    plda : Plda
    options : ClusteringOptions

    Notes
    -----
    Only `clean_speakers` form clusters; with fewer than two of them the result is one speaker. The initial clustering
    takes O(N^2) time and memory up to 6,000 embeddings and is linear beyond.
    """
    training = embeddings[clean_speakers(activity)].astype(np.float64)  # (N, D)
    if len(training) < 2:
        sole = training if len(training) else embeddings[np.asarray(activity.any(axis=1))].mean(axis=0, keepdims=True)
        return Clustering(centroids=l2_normalise(sole.astype(np.float32)), one_to_one=False)
    initial = initial_clusters(training, options.threshold or WINDOW_THRESHOLD)
    responsibilities = vbx_responsibilities(training, initial, plda, options)
    return bound_clusters(training, responsibilities.T @ training, options)


def assign_speakers(clustering: Clustering, embeddings: FloatArray, activity: npt.NDArray[np.uint8]) -> Labels:
    """Assign each local speaker to a cluster by cosine, ``(windows, 3, D), (windows, 589, 3) -> (windows, 3)``.

    If `Clustering.one_to_one`, the local speakers of a window get different clusters. The result is `NO_SPEAKER` for
    local speakers who are inactive or left without a cluster.
    """
    active = np.asarray(activity.any(axis=1))
    similarity = l2_normalise(embeddings) @ clustering.centroids.T  # (windows, 3, clusters)
    labels = np.where(active, similarity.argmax(axis=2), NO_SPEAKER)
    if not clustering.one_to_one:
        return labels
    excluded = similarity.min() - 1.0
    for window in np.flatnonzero(active.sum(axis=1) > 1):
        scores = np.where(active[window][:, None], similarity[window], excluded)
        speakers, clusters = linear_sum_assignment(scores, maximize=True)
        labels[window] = NO_SPEAKER
        labels[window, speakers] = np.where(active[window, speakers], clusters, NO_SPEAKER)
    return labels


def mean_embeddings(
    embeddings: FloatArray, activity: npt.NDArray[np.uint8], labels: Labels, centroids: FloatArray
) -> FloatArray:
    """L2-normalised mean of each cluster's normalised embeddings, ``(windows, 3, D) -> (clusters, D)``.

    The mean is over the `clean_speakers` of the cluster, or over all its local speakers if none is clean; a cluster
    without local speakers keeps its centroid.
    """
    normalised = l2_normalise(embeddings)
    clean = clean_speakers(activity)
    means = centroids.copy()
    for k in range(len(centroids)):
        members = labels == k
        chosen = members & clean if (members & clean).any() else members
        if chosen.any():
            means[k] = normalised[chosen].mean(axis=0)
    return l2_normalise(means)


def sum_activity(
    segmentation: Segmentation, labels: Labels, num_clusters: int, first: int, last: int
) -> npt.NDArray[np.float32]:
    """Count the windows in which each cluster is active, for the frames from ``first`` to ``last``.

    Local speakers of one window that share a cluster count once. Returns shape ``(last - first, num_clusters)``.
    """
    starts = segmentation.first_frames
    windows = slice(*np.searchsorted(starts, [first - WINDOW_FRAMES + 1, last]))
    activity, labels = _merge_shared(segmentation.activity[windows], labels[windows])
    summed = np.zeros((last - first, num_clusters), dtype=np.float32)
    for start, window, own in zip(starts[windows], activity, labels, strict=True):
        begin, end = max(start, first), min(start + WINDOW_FRAMES, last)
        for speaker in np.flatnonzero(own != NO_SPEAKER):
            summed[begin - first : end - first, own[speaker]] += window[begin - start : end - start, speaker]
    return summed


def _merge_shared(activity: npt.NDArray[np.uint8], labels: Labels) -> tuple[npt.NDArray[np.uint8], Labels]:
    """Merge local speakers of one window that share a cluster into the first of them."""
    for a, b in combinations(range(LOCAL_SPEAKERS), 2):
        shared = (labels[:, a] == labels[:, b]) & (labels[:, a] != NO_SPEAKER)
        if shared.any():
            activity, labels = activity.copy(), labels.copy()
            activity[shared, :, a] |= activity[shared, :, b]
            labels[shared, b] = NO_SPEAKER
    return activity, labels


def reconstruct(segmentation: Segmentation, labels: Labels, *, max_simultaneous: int | None) -> SpeakerActivity:
    """Sum the clustered windows: in each frame the clusters active in most windows, as many as speak there.

    Parameters
    ----------
    segmentation : Segmentation
    labels : ndarray, shape (windows, 3)
        Cluster of each local speaker, or `NO_SPEAKER`.
    max_simultaneous : int, optional
        Maximum number of speakers in one frame.

    Notes
    -----
    O(windows) time. Memory: 8 bytes a frame, plus one block of ``16,384 frames x clusters``.
    """
    counts = np.minimum(segmentation.speaker_counts, max_simultaneous or MAX_SIMULTANEOUS)
    num_clusters = max(int(labels.max()) + 1, 1)
    speakers = np.full((len(counts), MAX_SIMULTANEOUS), NO_SPEAKER, dtype=np.int32)
    for first in range(0, len(counts), _FRAMES_TOGETHER):
        last = min(first + _FRAMES_TOGETHER, len(counts))
        summed = sum_activity(segmentation, labels, num_clusters, first, last)
        for rank in range(min(MAX_SIMULTANEOUS, num_clusters)):
            best = summed.argmax(axis=1)
            rows = np.flatnonzero((counts[first:last] > rank) & (summed.max(axis=1) > 0))
            speakers[first + rows, rank] = best[rows]
            summed[np.arange(len(summed)), best] = -1
    return SpeakerActivity(speakers=speakers, num_speakers=num_clusters)


def unused_options(options: DiarizerOptions) -> str | None:
    """Warning about options that only the method "windows" uses, if another method is chosen."""
    of_windows = {
        "exact=True (--exact)": options.exact,
        "embedding_exclude_overlap=False (--no-embedding_exclude_overlap)": not options.embedding_exclude_overlap,
    }
    given = " and ".join(name for name, is_given in of_windows.items() if is_given)
    if not given or options.method == "windows":
        return None
    return f'{given} has no effect with method="pieces". Add method="windows" (--method windows) to use it'
