"""Speakers of a recording: agglomerative clustering of embeddings, then VBx.

pyannote.audio clusters the local speakers of windows (`oolong_align.diarization.reference.cluster_windows`). A local
speaker mixes people if more than three speak in a window or two voices are similar. Pieces of speech between two
changes of speaker are much purer, so `cluster_pieces` starts from them.

References
----------
Landini et al., "Bayesian HMM clustering of x-vector sequences (VBx) in speaker diarization", 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import cdist, squareform
from scipy.special import entr

from oolong_align.diarization.plda import Plda
from oolong_align.diarization.segmentation import Labels
from oolong_align.diarization.vbx import vbx
from oolong_align.types import FloatArray
from oolong_align.util.vectors import l2_normalise

PIECE_THRESHOLD: Final = 1.05
_MIN_TRAINING_S: Final = 1.0
_OBSERVATION_S: Final = 1.2
_EVIDENCE_S: Final = 75.0
_MIN_PRIOR: Final = 1e-7
_LINKAGE_LIMIT: Final = 6000
_LLOYD_ITERATIONS: Final = 100
_COARSER: Final = 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusteringOptions:
    """Options of the clustering and bounds on the number of speakers; see `oolong_align.options.DiarizerOptions`."""

    threshold: float | None
    fa: float
    fb: float
    max_iterations: int
    num_speakers: int | None = None
    min_speakers: int | None = None
    max_speakers: int | None = None

    def bound(self, found: int) -> int:
        """Allowed number of speakers nearest to the number found."""
        if self.num_speakers is not None:
            return self.num_speakers
        at_least = max(found, self.min_speakers or 1)
        return at_least if self.max_speakers is None else min(at_least, self.max_speakers)

    def limit(self, found: int) -> str:
        """Name of the option that excludes the number of speakers found."""
        if self.num_speakers is not None:
            return "num_speakers"
        return "min_speakers" if self.bound(found) > found else "max_speakers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clustering:
    """Speakers of a recording.

    Attributes
    ----------
    centroids : ndarray, shape (clusters, D)
        ``float32``, L2-normalised.
    one_to_one : bool
        Whether two local speakers of one window must be two people. False if the number of speakers was forced, or if
        all speech was assigned to one person.
    warning : str or None
        Set if the number of speakers was forced.
    """

    centroids: FloatArray
    one_to_one: bool = True
    warning: str | None = None


def cluster_pieces(embeddings: FloatArray, seconds: FloatArray, plda: Plda, options: ClusteringOptions) -> Clustering:
    """Find the speakers from pieces of speech of one speaker each.

    Parameters
    ----------
    embeddings : ndarray, shape (pieces, D)
        At least one.
    seconds : ndarray, shape (pieces,)
        Length of each piece, which weights it. Pieces shorter than 1 s are excluded if at least two longer ones exist.
    plda : Plda
    options : ClusteringOptions

    Notes
    -----
    Initial clusters have a mean cosine above ``1 - threshold^2 / 2``. VBx counts a piece as one observation per 1.2 s.
    If the speakers have more than 75 s each on average, VBx sees an equal share of every cluster. The initial
    clustering takes O(N^2) time and memory up to 6,000 pieces and is linear beyond.
    """
    long = seconds >= _MIN_TRAINING_S
    chosen = long if long.sum() > 1 else np.ones(len(seconds), dtype=np.bool_)
    training, weights = embeddings[chosen].astype(np.float64), seconds[chosen].astype(np.float64)
    if len(training) < 2:
        return Clustering(centroids=l2_normalise(training.astype(np.float32)), one_to_one=False)
    rows = training / np.linalg.norm(training, axis=1, keepdims=True)
    initial = initial_clusters(rows, options.threshold or plda.threshold or PIECE_THRESHOLD, method="average")
    sampled = _sample(initial, weights)
    observations = weights[sampled] / _OBSERVATION_S
    responsibilities = vbx_responsibilities(training[sampled], initial[sampled], plda, options, observations)
    return bound_clusters(training, (responsibilities * weights[sampled, None]).T @ rows[sampled], options)


def initial_clusters(training: npt.NDArray[np.float64], threshold: float, *, method: str = "centroid") -> Labels:
    """Agglomerative clustering of embeddings, ``(N, D) -> (N,)``; labels count from 0 without gaps.

    Parameters
    ----------
    training : ndarray, shape (N, D)
    threshold : float
        Distance at which merging stops, between L2-normalised embeddings.
    method : {"centroid", "average"}
        Distance of two clusters: the distance of their means, or the root of their members' mean squared distance.

    Notes
    -----
    More than 6,000 embeddings are first clustered in blocks of consecutive ones, then the means of those clusters are
    clustered. So no distance matrix exceeds that of one block.
    """
    rows = training / np.linalg.norm(training, axis=1, keepdims=True)
    sizes = np.ones(len(rows))
    labels = np.arange(len(rows))
    while len(rows) > _LINKAGE_LIMIT:
        merged = _cluster_blocks(rows, threshold, method)
        if merged.max() + 1 == len(rows):
            threshold *= _COARSER
        labels = merged[labels]
        rows, sizes = _means(rows, sizes, merged)
    return _linkage_clusters(rows, threshold, method)[labels]


def _cluster_blocks(rows: npt.NDArray[np.float64], threshold: float, method: str) -> Labels:
    labels = np.empty(len(rows), dtype=np.int64)
    count = 0
    for block in np.array_split(np.arange(len(rows)), -(-len(rows) // _LINKAGE_LIMIT)):
        labels[block] = _linkage_clusters(rows[block], threshold, method) + count
        count = int(labels[block].max()) + 1
    return labels


def _means(
    rows: npt.NDArray[np.float64], sizes: npt.NDArray[np.float64], labels: Labels
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    sums = np.zeros((labels.max() + 1, rows.shape[1]))
    np.add.at(sums, labels, rows * sizes[:, None])
    totals = np.zeros(len(sums))
    np.add.at(totals, labels, sizes)
    return sums / totals[:, None], totals


def _linkage_clusters(rows: npt.NDArray[np.float64], threshold: float, method: str) -> Labels:
    if len(rows) < 2:
        return np.zeros(len(rows), dtype=np.int64)
    if method == "centroid":
        tree = linkage(rows, method="centroid", metric="euclidean")
    else:
        tree = linkage(_mean_squared_distances(rows), method="average")
        threshold = threshold**2
    _, labels = np.unique(fcluster(tree, threshold, criterion="distance"), return_inverse=True)
    return labels.astype(np.int64)


def _mean_squared_distances(means: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Mean squared distance of the members of each pair of clusters of unit vectors, ``(N, D) -> (N (N - 1) / 2,)``.

    It is ``2 - 2 mean cosine``, and the mean cosine is the dot product of the clusters' means.
    """
    single = means.astype(np.float32)
    square = np.maximum(2 - 2 * (single @ single.T), 0)
    return np.asarray(squareform(square, checks=False), dtype=np.float64)


def vbx_responsibilities(
    training: npt.NDArray[np.float64],
    initial: Labels,
    plda: Plda,
    options: ClusteringOptions,
    weights: npt.NDArray[np.float64] | None = None,
) -> npt.NDArray[np.float64]:
    """VBx responsibilities of the speakers with a remaining prior, ``(N, speakers)``."""
    responsibilities, priors = vbx(
        plda.transform(training),
        plda.phi,
        initial,
        fa=options.fa,
        fb=options.fb,
        max_iterations=options.max_iterations,
        weights=weights,
    )
    return responsibilities[:, priors > _MIN_PRIOR]


def _sample(labels: Labels, seconds: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Sample the pieces: the same share of each cluster, at least one piece, up to about 75 s per speaker on average.

    VBx assumes independent observations. Observations of one person in one recording are not independent; given enough
    of them, VBx splits a person by manner of speaking. The number of speakers is estimated as the exponential of the
    entropy of the clusters' shares of time.
    """
    total, sizes = seconds.sum(), np.bincount(labels)
    num_speakers = np.exp(entr(np.bincount(labels, seconds) / total).sum())
    share = min(1.0, _EVIDENCE_S * num_speakers / total)
    taken = np.maximum(np.floor(share * np.arange(sizes.max() + 1)), 1)  # among the first pieces of a cluster
    taken[0] = 0
    order = np.argsort(labels, kind="stable")
    place = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(order[taken[place + 1] > taken[place]])


def bound_clusters(
    training: npt.NDArray[np.float64], centroids: npt.NDArray[np.float64], options: ClusteringOptions
) -> Clustering:
    """The given centroids, or those of a forced number of clusters if ``options`` exclude their number."""
    found = len(centroids)
    wanted = min(options.bound(found), len(training))
    warning = None
    if wanted != found:
        centroids = _force_count(training, wanted)
        warning = _forced(found, options)
    return Clustering(centroids=l2_normalise(centroids.astype(np.float32)), one_to_one=wanted == found, warning=warning)


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


def _forced(found: int, options: ClusteringOptions) -> str:
    asked = options.bound(found)
    return (
        f"VBx found {found} speaker{'s' * (found != 1)}, but {options.limit(found)} requires {asked}: speakers were "
        f"{'merged' if asked < found else 'split'} by k-means. Check the speakers, or change the option"
    )
