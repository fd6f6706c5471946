"""Train a PLDA: LDA, then a two-covariance model by expectation maximisation, both with shrinkage.

There are two kinds of weight. An embedding of weight 2 counts as two equal embeddings of its speaker. A speaker's
weight is that of the corpus: a speaker of weight 2 counts as two speakers with the same embeddings, in means, in
covariances and in the log-likelihood that EM maximises. A corpus of weight 2 is equivalent to two copies with different
speaker names. Scaling the weights of all corpora by one factor does not change the model.

References
----------
Ioffe, "Probabilistic linear discriminant analysis", ECCV 2006; Bruemmer & de Villiers, "The speaker partitioning
problem", Odyssey 2010 (two-covariance model); Garcia-Romero & Espy-Wilson, "Analysis of i-vector length
normalization", Interspeech 2011; Friedman, "Regularized discriminant analysis", JASA 1989 (shrinkage).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh

from oolong_align.diarization.plda import Plda
from oolong_align.errors import InputError, UsageError
from plda.corpora import Corpus

Array: TypeAlias = npt.NDArray[np.float64]
Index: TypeAlias = npt.NDArray[np.int64]

DEFAULT_DIM = 128
MAX_VARIANCE = 1e20
"""Largest between-speaker variance, in units of the within-speaker variance. Beyond it, the latter is practically 0."""
DEFAULT_SHRINKAGE = 0.1
DEFAULT_ITERATIONS = 20


def solve_two_covariance(within: Array, between: Array) -> tuple[Array, Array]:
    """Diagonalise both covariances of a two-covariance model jointly.

    Parameters
    ----------
    within, between : ndarray, shape (K, K)
        Symmetric; ``within`` positive definite.

    Returns
    -------
    tr : ndarray, shape (K, K)
        ``tr @ within @ tr.T`` is the identity and ``tr @ between @ tr.T`` is ``diag(phi)``. The sign of a row is
        arbitrary: LAPACK determines it.
    phi : ndarray, shape (K,)
        Between-speaker variances in descending order.

    Raises
    ------
    InputError
        If ``within`` is not positive definite.
    """
    try:
        variances, vectors = eigh(between, within)
    except (np.linalg.LinAlgError, ValueError) as error:
        raise InputError(
            f"Could not invert the within-speaker covariance ({error}): embeddings of the same speaker do not vary in "
            "every dimension. Use more embeddings, fewer dimensions or more shrinkage"
        ) from None
    return vectors.T[::-1].copy(), variances[::-1].copy()


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Sufficient statistics of the two-covariance model per speaker.

    Attributes
    ----------
    count : ndarray, shape (S,)
        Sum of the embedding weights of each speaker.
    mean : ndarray, shape (S, K)
        Weighted mean of each speaker.
    scatter : ndarray, shape (K, K)
        Sum of the outer products of the deviations from the speaker means, multiplied by both weights.
    speaker_weight : ndarray, shape (S,)
        Weight of each speaker.
    """

    count: Array
    mean: Array
    scatter: Array
    speaker_weight: Array

    @property
    def total(self) -> float:
        """Total weight of all embeddings."""
        return float(self.speaker_weight @ self.count)


def collect_statistics(data: Array, corpus: Corpus) -> Statistics:
    """Compute the statistics of data ``(N, K)``, one row per embedding of the corpus."""
    count = np.bincount(corpus.speaker, weights=corpus.weight).astype(np.float64)
    total = np.zeros((len(count), data.shape[1]))
    np.add.at(total, corpus.speaker, data * corpus.weight[:, None])
    mean = total / count[:, None]
    deviation = data - mean[corpus.speaker]
    scatter = (deviation * corpus.total_weight[:, None]).T @ deviation
    return Statistics(count=count, mean=mean, scatter=scatter, speaker_weight=corpus.speaker_weight)


def shrink(covariance: Array, amount: float) -> Array:
    """Shrink a covariance ``(K, K)`` towards a scaled identity of the same trace: 0 keeps it, 1 replaces it."""
    size = len(covariance)
    shrunk: Array = (1 - amount) * covariance + amount * np.trace(covariance) / size * np.eye(size)
    return shrunk


def normalise_length(rows: Array) -> Array:
    """Scale rows ``(N, K)`` to the length ``sqrt(K)``."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: Array = np.sqrt(rows.shape[1]) * rows / np.maximum(lengths, np.finfo(np.float64).tiny)
    return scaled


def train_lda(statistics: Statistics, dim: int, shrinkage: float) -> Array:
    """Most discriminative directions ``(D, dim)``, scaled to a within-speaker variance of 1."""
    within = shrink(statistics.scatter / statistics.total, shrinkage)
    weight = statistics.speaker_weight * statistics.count
    centred = statistics.mean - np.average(statistics.mean, axis=0, weights=weight)
    between = shrink((centred * weight[:, None]).T @ centred / statistics.total, shrinkage)
    tr, _ = solve_two_covariance(within, between)
    return tr[:dim].T.copy()


def train_two_covariance(
    statistics: Statistics, iterations: int, shrinkage: float
) -> tuple[Array, Array, Array, list[float]]:
    """Fit ``y ~ N(mu, between)``, ``x ~ N(y, within)`` by expectation maximisation.

    Returns
    -------
    mu : ndarray, shape (K,)
    within, between : ndarray, shape (K, K)
        Covariances, shrunk after the last iteration.
    log_likelihood : list of float
        Mean per embedding before each iteration; never decreases.

    Notes
    -----
    In the basis in which ``within`` is the identity and ``between`` is ``diag(phi)``, the posterior of a speaker
    with ``n`` embeddings of mean ``m`` has variance ``phi / (1 + n phi)`` and mean ``n phi / (1 + n phi) m``.
    O(iterations x K^2 x (S + K)).
    """
    count, mean, total = statistics.count, statistics.mean, statistics.total
    people = statistics.speaker_weight[:, None]
    num_people, weight = people.sum(), people * count[:, None]
    mu = (people * mean).sum(axis=0) / num_people
    within = statistics.scatter / total
    between = ((mean - mu) * people).T @ (mean - mu) / num_people
    bounds: list[float] = []
    for _ in range(iterations):
        tr, phi = solve_two_covariance(within, between)
        phi = np.maximum(phi, 0.0)
        back = np.linalg.inv(tr).T  # row vectors from the diagonal basis to the original one
        centred = (mean - mu) @ tr.T  # (S, K)
        bounds.append(_log_likelihood(statistics, tr, phi, centred) / total)
        variance = phi / (1 + count[:, None] * phi)
        posterior = count[:, None] * variance * centred
        shift = (people * posterior).sum(axis=0) / num_people
        residual = centred - posterior
        spread = np.sqrt(people) * (posterior - shift)
        variances = np.diag((people * variance).sum(axis=0) / num_people)
        between = back.T @ (variances + spread.T @ spread / num_people) @ back
        uncertainty = np.diag((weight * variance).sum(axis=0)) + (residual * weight).T @ residual
        within = (statistics.scatter + back.T @ uncertainty @ back) / total
        mu = mu + shift @ back
        within, between = (within + within.T) / 2, (between + between.T) / 2
    return mu, shrink(within, shrinkage), shrink(between, shrinkage), bounds


def _log_likelihood(statistics: Statistics, tr: Array, phi: Array, centred: Array) -> float:
    """Log-likelihood up to a constant that depends only on the counts; ``centred (S, K)`` is in the diagonal basis."""
    count = statistics.count
    spread = phi + 1 / count[:, None]  # variance of a speaker's mean
    means = statistics.speaker_weight @ np.sum(np.log(spread) + centred**2 / spread, axis=1)
    log_det = np.linalg.slogdet(tr)[1]
    deviations = np.sum((tr @ statistics.scatter) * tr)
    return float(statistics.total * log_det - 0.5 * (means + deviations))


def train(corpus: Corpus, *, dim: int, shrinkage: float, iterations: int = DEFAULT_ITERATIONS) -> Plda:
    """Train a PLDA: centre, normalise length, project by LDA, centre, normalise length, fit both covariances.

    Parameters
    ----------
    corpus : Corpus
        Embeddings of at least two speakers.
    dim : int
        Dimensions after the LDA, from 1 to the embedding size.
    shrinkage : float
        From 0 (none) to 1 (scaled identity), for both covariances of the LDA and of the two-covariance model.
    iterations : int
        EM iterations, at least 1.

    Raises
    ------
    UsageError
        If the dimension, the shrinkage or the number of iterations is out of range.
    InputError
        If there are too few embeddings, or those of the same speaker do not differ.
    """
    full = corpus.embedding.shape[1]
    if not 1 <= dim <= full:
        raise UsageError(f"Invalid dimension {dim}: these embeddings allow 1 to {full}")
    if not 0 <= shrinkage <= 1:
        raise UsageError(f"Invalid shrinkage {shrinkage}: use a number from 0 to 1")
    if iterations < 1:
        raise UsageError(f"Invalid number of iterations {iterations}: use at least 1")
    count, speakers = len(corpus.embedding), corpus.num_speakers
    if speakers < 2 or count == speakers or count - speakers < dim:
        raise InputError(
            f"Too little data: {count} embeddings of {speakers} speakers. Provide at least two speakers (a hundred "
            f"for a useful model), several embeddings per speaker and {dim} more embeddings than speakers, or reduce "
            "the dimension"
        )
    mean1 = np.average(corpus.embedding, axis=0, weights=corpus.total_weight)
    centred = normalise_length(corpus.embedding - mean1)
    lda = train_lda(collect_statistics(centred, corpus), dim, shrinkage)
    projected = centred @ lda
    mean2 = np.average(projected, axis=0, weights=corpus.total_weight)
    statistics = collect_statistics(normalise_length(projected - mean2), corpus)
    mu, within, between, _ = train_two_covariance(statistics, iterations, shrinkage)
    tr, phi = solve_two_covariance(within, between)
    if not phi.max() < MAX_VARIANCE:
        raise InputError("All embeddings of each speaker are equal. Use speakers with several different recordings")
    return Plda(mean1=mean1, lda=lda, mean2=mean2, mu=mu, tr=tr, phi=phi)
