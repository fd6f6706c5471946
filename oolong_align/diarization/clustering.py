"""Speakers of a recording: agglomerative clustering, VBx, and one-to-one assignment inside each window.

The reference clusters the local speakers of windows (`cluster_windows`). A local speaker mixes people where more than
three speak in a window or two voices are alike; pieces of speech between two changes of speaker do so far less, and
`cluster_pieces` starts from them.

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
    """Thresholds of the clustering; see `oolong_align.diarization.diarizer.DiarizerOptions` for units and ranges."""

    threshold: float | None
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
    """Speakers of a recording.

    Attributes
    ----------
    centroids : ndarray, shape (clusters, D)
        ``float32``, L2-normalised.
    one_to_one : bool
        Whether two local speakers of one window are two people; not so where the number of speakers was forced, or
        everything heard was taken for one person.
    warning : str or None
        How a number of speakers was forced.
    """

    centroids: FloatArray
    one_to_one: bool = True
    warning: str | None = None


def cluster_pieces(embeddings: FloatArray, seconds: FloatArray, plda: Plda, options: ClusteringOptions) -> Clustering:
    """Find the speakers from pieces of speech with one speaker each.

    Parameters
    ----------
    embeddings : ndarray, shape (pieces, D)
        At least one.
    seconds : ndarray, shape (pieces,)
        Length of each; it weighs the evidence, and pieces of less than 1 s are left out if there are others.
    plda : Plda
    options : ClusteringOptions

    Notes
    -----
    Pieces start in clusters of a mean cosine above ``1 - threshold^2 / 2``, and VBx takes a piece for one observation
    each 1.2 s. Where speakers have more than 75 s each it sees a share of every cluster. Costs as in `cluster_windows`.
    """
    long = seconds >= _MIN_TRAINING_S
    chosen = long if long.sum() > 1 else np.ones(len(seconds), dtype=np.bool_)
    training, weights = embeddings[chosen].astype(np.float64), seconds[chosen].astype(np.float64)
    if len(training) < 2:
        return Clustering(centroids=l2_normalise(training.astype(np.float32)), one_to_one=False)
    rows = training / np.linalg.norm(training, axis=1, keepdims=True)
    initial = initial_clusters(rows, options.threshold or plda.threshold or PIECE_THRESHOLD, method="average")
    heard = _sample(initial, weights)
    observations = weights[heard] / _OBSERVATION_S
    responsibilities = vbx_responsibilities(training[heard], initial[heard], plda, options, observations)
    return bound_clusters(training, (responsibilities * weights[heard, None]).T @ rows[heard], options)


def initial_clusters(training: npt.NDArray[np.float64], threshold: float, *, method: str = "centroid") -> Labels:
    """Agglomerative clusters of L2-normalised embeddings, ``(N, D) -> (N,)``, from 0 without gaps.

    Parameters
    ----------
    training : ndarray, shape (N, D)
    threshold : float
        Distance at which merging stops.
    method : {"centroid", "average"}
        Distance of two clusters: that of their means, or the root of the mean squared distance of their members.

    Notes
    -----
    More than 6,000 embeddings are clustered in blocks of neighbours first, then the means of their clusters, so that
    no distance matrix is larger than that of one block.
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
    """Mean squared distance of the members of any two clusters of unit vectors, ``(N, D) -> (N (N - 1) / 2,)``.

    ``2 - 2 mean cosine``, and the mean cosine is the product of the clusters' means.
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
    """Responsibilities of the speakers whom VBx keeps, ``(N, speakers)``."""
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
    """Pieces that stand for all: the same share of each cluster, at least one, about 75 s for each speaker at most.

    VBx takes observations for independent. Those of one person in one recording are not, and with enough of them it
    keeps each manner of speaking for a speaker. There are as many speakers here as the entropy of the clusters' shares
    tells.
    """
    total, sizes = seconds.sum(), np.bincount(labels)
    num_speakers = np.exp(entr(np.bincount(labels, seconds) / total).sum())
    share = min(1.0, _EVIDENCE_S * num_speakers / total)
    taken = np.maximum(np.floor(share * np.arange(sizes.max() + 1)), 1)  # of the first pieces of a cluster
    taken[0] = 0
    order = np.argsort(labels, kind="stable")
    place = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(order[taken[place + 1] > taken[place]])


def bound_clusters(
    training: npt.NDArray[np.float64], centroids: npt.NDArray[np.float64], options: ClusteringOptions
) -> Clustering:
    """The centroids found, or others in the number that the caller asks for."""
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
        f"VBx found {found} speaker{'s' * (found != 1)} where {options.limit(found)} asks for {asked}: the voices "
        f"were {'put together' if asked < found else 'divided'} by force (k-means), so check who is who"
    )
