"""Global speakers from local ones: agglomerative clustering, VBx, and one-to-one assignment inside each window.

References
----------
Landini et al., "Bayesian HMM clustering of x-vector sequences (VBx) in speaker diarization", 2022; Bredin,
"pyannote.audio 2.1 speaker diarization pipeline", Interspeech 2023 (local speakers, constrained assignment).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from oolong_align.plda import Plda
from oolong_align.types import FloatArray
from oolong_align.vbx import vbx
from oolong_align.vectors import l2_normalise

Labels = npt.NDArray[np.int64]

NOBODY: Final = -1
_MIN_CLEAN_SHARE: Final = 0.2
_MIN_PRIOR: Final = 1e-7
_LINKAGE_LIMIT: Final = 6000
_LLOYD_ITERATIONS: Final = 100
_COARSER: Final = 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusteringOptions:
    """Thresholds of the clustering; see `oolong_align.diarizer.DiarizerOptions` for units and ranges."""

    threshold: float
    fa: float
    fb: float
    max_iterations: int
    num_speakers: int | None = None
    min_speakers: int | None = None
    max_speakers: int | None = None

    def bound(self, found: int) -> int:
        """Number of speakers nearest to the one found that the caller allows."""
        if self.num_speakers is not None:
            return self.num_speakers
        at_least = max(found, self.min_speakers or 1)
        return at_least if self.max_speakers is None else min(at_least, self.max_speakers)

    def limit(self, found: int) -> str:
        """Name of the option that forbids the number of speakers found."""
        if self.num_speakers is not None:
            return "num_speakers"
        return "min_speakers" if self.bound(found) > found else "max_speakers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clustering:
    """Cluster of each local speaker.

    Attributes
    ----------
    labels : ndarray, shape (windows, 3)
        ``int64``; `NOBODY` for local speakers who are inactive or found no place.
    centroids : ndarray, shape (clusters, D)
    warning : str or None
        How a number of speakers was forced.
    """

    labels: Labels
    centroids: npt.NDArray[np.float64]
    warning: str | None = None


def clean_speakers(activity: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Local speakers who are alone for at least a fifth of their window: ``(windows, 589, 3) -> (windows, 3)``."""
    alone = activity * (activity.sum(axis=2, keepdims=True) == 1)
    enough: npt.NDArray[np.bool_] = alone.sum(axis=1) >= _MIN_CLEAN_SHARE * activity.shape[1]
    return enough


def cluster(
    embeddings: FloatArray, activity: npt.NDArray[np.uint8], plda: Plda, options: ClusteringOptions
) -> Clustering:
    """Give every active local speaker a global one.

    Parameters
    ----------
    embeddings : ndarray, shape (windows, 3, D)
    activity : ndarray, shape (windows, 589, 3)
    plda : Plda
    options : ClusteringOptions

    Notes
    -----
    Clusters are found on the embeddings of local speakers who are alone long enough; with fewer than two of them
    there is one speaker. O(N^2) time and memory in the initial clustering up to 6,000 embeddings, linear beyond.
    """
    active = np.asarray(activity.any(axis=1))
    training = embeddings[clean_speakers(activity)].astype(np.float64)  # (N, D)
    if len(training) < 2:
        centroid = training if len(training) else embeddings[active].astype(np.float64).mean(axis=0, keepdims=True)
        return Clustering(
            labels=np.where(active, 0, NOBODY),
            centroids=centroid,
        )

    centroids = _vbx_centroids(training, plda, options)
    found = len(centroids)
    wanted = min(options.bound(found), len(training))
    warning = None
    if wanted != found:
        centroids = _force_count(training, wanted)
        warning = _forced(found, options)
    similarity = l2_normalise(embeddings) @ l2_normalise(centroids.astype(np.float32)).T
    labels = _assign(similarity, active, one_to_one=wanted == found)
    return Clustering(labels=labels, centroids=centroids, warning=warning)


def initial_clusters(training: npt.NDArray[np.float64], threshold: float) -> Labels:
    """Centroid-linkage clusters of L2-normalised embeddings, ``(N, D) -> (N,)``, from 0 without gaps.

    More than 6,000 embeddings are clustered in blocks of neighbours first, then the means of their clusters, so that
    no distance matrix is larger than that of one block.
    """
    rows = training / np.linalg.norm(training, axis=1, keepdims=True)
    labels = np.arange(len(rows))
    while len(rows) > _LINKAGE_LIMIT:
        merged = _cluster_blocks(rows, threshold)
        if merged.max() + 1 == len(rows):
            threshold *= _COARSER
        labels = merged[labels]
        rows = _means(rows, merged)
    return _linkage_clusters(rows, threshold)[labels]


def _cluster_blocks(rows: npt.NDArray[np.float64], threshold: float) -> Labels:
    labels = np.empty(len(rows), dtype=np.int64)
    count = 0
    for block in np.array_split(np.arange(len(rows)), -(-len(rows) // _LINKAGE_LIMIT)):
        labels[block] = _linkage_clusters(rows[block], threshold) + count
        count = int(labels[block].max()) + 1
    return labels


def _means(rows: npt.NDArray[np.float64], labels: Labels) -> npt.NDArray[np.float64]:
    sums = np.zeros((labels.max() + 1, rows.shape[1]))
    np.add.at(sums, labels, rows)
    return np.asarray(sums / np.bincount(labels)[:, None])


def mean_embeddings(
    embeddings: FloatArray, activity: npt.NDArray[np.uint8], labels: Labels, clusters: Labels
) -> FloatArray:
    """L2-normalised mean of each cluster's normalised embeddings, from clean local speakers where there are any.

    ``(windows, 3, D) -> (clusters, D)``
    """
    normalised = l2_normalise(embeddings)
    clean = clean_speakers(activity)
    means = np.empty((len(clusters), embeddings.shape[2]), dtype=np.float32)
    for index, k in enumerate(clusters):
        members = labels == k
        chosen = members & clean if (members & clean).any() else members
        means[index] = normalised[chosen].mean(axis=0)
    return l2_normalise(means)


def _linkage_clusters(rows: npt.NDArray[np.float64], threshold: float) -> Labels:
    if len(rows) < 2:
        return np.zeros(len(rows), dtype=np.int64)
    tree = linkage(rows, method="centroid", metric="euclidean")
    _, labels = np.unique(fcluster(tree, threshold, criterion="distance"), return_inverse=True)
    return labels.astype(np.int64)


def _vbx_centroids(
    training: npt.NDArray[np.float64], plda: Plda, options: ClusteringOptions
) -> npt.NDArray[np.float64]:
    responsibilities, priors = vbx(
        plda.transform(training),
        plda.phi,
        initial_clusters(training, options.threshold),
        fa=options.fa,
        fb=options.fb,
        max_iterations=options.max_iterations,
    )
    kept = responsibilities[:, priors > _MIN_PRIOR]
    centroids: npt.NDArray[np.float64] = (kept.T @ training) / kept.sum(axis=0)[:, None]
    return centroids


def _force_count(training: npt.NDArray[np.float64], wanted: int) -> npt.NDArray[np.float64]:
    """Centroids of exactly ``wanted`` clusters: k-means from a Ward tree cut at that number; deterministic."""
    normalised = training / np.linalg.norm(training, axis=1, keepdims=True)
    sample = normalised[:: -(-len(normalised) // _LINKAGE_LIMIT)]
    tree = linkage(sample, method="ward")
    labels = fcluster(tree, wanted, criterion="maxclust") - 1
    means = np.stack([sample[labels == k].mean(axis=0) for k in range(labels.max() + 1)])
    nearest = np.argmin(cdist(normalised, means), axis=1)
    for _ in range(_LLOYD_ITERATIONS):
        kept = np.unique(nearest)
        means = np.stack([normalised[nearest == k].mean(axis=0) for k in kept])
        moved = np.argmin(cdist(normalised, means), axis=1)
        if len(kept) == moved.max() + 1 and np.array_equal(moved, nearest):
            break
        nearest = moved
    return np.stack([training[nearest == k].mean(axis=0) for k in np.unique(nearest)])


def _assign(similarity: FloatArray, active: npt.NDArray[np.bool_], *, one_to_one: bool) -> Labels:
    """Nearest cluster of each active local speaker; two of one window share a cluster only if allowed.

    ``similarity (windows, 3, clusters) -> (windows, 3)``
    """
    labels = np.where(active, similarity.argmax(axis=2), NOBODY)
    if not one_to_one:
        return labels
    excluded = similarity.min() - 1.0
    for window in np.flatnonzero(active.sum(axis=1) > 1):
        scores = np.where(active[window][:, None], similarity[window], excluded)
        speakers, clusters = linear_sum_assignment(scores, maximize=True)
        labels[window] = NOBODY
        labels[window, speakers] = np.where(active[window, speakers], clusters, NOBODY)
    return labels


def _forced(found: int, options: ClusteringOptions) -> str:
    asked = options.bound(found)
    return (
        f"VBx found {found} speaker{'s' * (found != 1)} where {options.limit(found)} asks for {asked}: the speakers "
        "were formed by k-means on the embeddings instead, and two local speakers of one window may share a global one"
    )
