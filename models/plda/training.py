"""Train a PLDA: LDA, then a two-covariance model by expectation maximisation, both with shrinkage.

Two kinds of weight. An embedding's weight says how many embeddings of its speaker it counts for. A speaker's weight,
that of the corpus, says how many people with just these embeddings the speaker counts for: the log-likelihood that EM
raises is the sum of the speakers' log-likelihoods times their weights, and means and covariances are those of all these
people. A corpus of weight 2 is the corpus given twice with new names; multiplying all weights by a number changes
nothing.

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
MOST_VARIANCE = 1e20
"""Of the speakers, in variances of one speaker: beyond it the speakers do not vary at all."""
DEFAULT_SHRINKAGE = 0.1
DEFAULT_ITERATIONS = 20


def solve_two_covariance(within: Array, between: Array) -> tuple[Array, Array]:
    """Diagonalise both covariances of a two-covariance model at once.

    Parameters
    ----------
    within, between : ndarray, shape (K, K)
        Symmetric; ``within`` positive definite.

    Returns
    -------
    tr : ndarray, shape (K, K)
        ``tr @ within @ tr.T`` is the identity and ``tr @ between @ tr.T`` is ``diag(phi)``. The sign of a row is
        arbitrary: it is the one that LAPACK returns.
    phi : ndarray, shape (K,)
        Between-speaker variances, falling.

    Raises
    ------
    InputError
        If ``within`` is not positive definite.
    """
    try:
        variances, vectors = eigh(between, within)
    except (np.linalg.LinAlgError, ValueError) as error:
        raise InputError(
            f"the within-speaker covariance cannot be inverted ({error}): the embeddings of one speaker do not "
            "differ in every dimension; more embeddings, fewer dimensions or more shrinkage help"
        ) from None
    return vectors.T[::-1].copy(), variances[::-1].copy()


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What the two-covariance model needs to know of some data: sufficient statistics by speaker.

    Attributes
    ----------
    count : ndarray, shape (S,)
        Embeddings of each speaker, by their weights.
    mean : ndarray, shape (S, K)
        Mean of each speaker.
    scatter : ndarray, shape (K, K)
        Sum over all data of the squared deviation from the own speaker's mean, times both weights.
    speaker_weight : ndarray, shape (S,)
        How many people each speaker counts for.
    """

    count: Array
    mean: Array
    scatter: Array
    speaker_weight: Array

    @property
    def total(self) -> float:
        """Embeddings of all people."""
        return float(self.speaker_weight @ self.count)


def collect_statistics(data: Array, corpus: Corpus) -> Statistics:
    """Sum up data ``(N, K)`` of a corpus by speaker."""
    count = np.bincount(corpus.speaker, weights=corpus.weight).astype(np.float64)
    total = np.zeros((len(count), data.shape[1]))
    np.add.at(total, corpus.speaker, data * corpus.weight[:, None])
    mean = total / count[:, None]
    deviation = data - mean[corpus.speaker]
    scatter = (deviation * corpus.total_weight[:, None]).T @ deviation
    return Statistics(count=count, mean=mean, scatter=scatter, speaker_weight=corpus.speaker_weight)


def shrink(covariance: Array, amount: float) -> Array:
    """Move a covariance ``(K, K)`` towards the sphere of the same trace; 0 keeps it, 1 is the sphere."""
    size = len(covariance)
    shrunk: Array = (1 - amount) * covariance + amount * np.trace(covariance) / size * np.eye(size)
    return shrunk


def normalise_length(rows: Array) -> Array:
    """Scale rows ``(N, K)`` to a length of ``sqrt(K)``."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: Array = np.sqrt(rows.shape[1]) * rows / np.maximum(lengths, np.finfo(np.float64).tiny)
    return scaled


def train_lda(statistics: Statistics, dim: int, shrinkage: float) -> Array:
    """Directions that tell speakers apart best, ``(D, dim)``; along each the within-speaker variance is 1."""
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
        Shrunk after the last iteration.
    log_likelihood : list of float
        Before each iteration, for each embedding of all people; never falls.

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
    """Of all data, up to a constant that depends on the counts only; ``centred (S, K)`` in the diagonal basis."""
    count = statistics.count
    spread = phi + 1 / count[:, None]  # variance of a speaker's mean
    means = statistics.speaker_weight @ np.sum(np.log(spread) + centred**2 / spread, axis=1)
    log_det = np.linalg.slogdet(tr)[1]
    deviations = np.sum((tr @ statistics.scatter) * tr)
    return float(statistics.total * log_det - 0.5 * (means + deviations))


def train(corpus: Corpus, *, dim: int, shrinkage: float, iterations: int = DEFAULT_ITERATIONS) -> Plda:
    """Centre, normalise length, project by LDA, centre, normalise length, fit the two covariances and solve them.

    Parameters
    ----------
    corpus : Corpus
        At least two speakers.
    dim : int
        1 to the embedding's size.
    shrinkage : float
        0 (none) to 1 (spheres), for both covariances of the LDA and of the two-covariance model.
    iterations : int
        Of EM.

    Raises
    ------
    UsageError
        If the dimension, the shrinkage or the number of iterations is out of its range.
    InputError
        If the data are too few.
    """
    full = corpus.embedding.shape[1]
    if not 1 <= dim <= full:
        raise UsageError(f"dim is {dim}; the embeddings allow 1 to {full}")
    if not 0 <= shrinkage <= 1:
        raise UsageError(f"shrinkage is {shrinkage}; it lies between 0 and 1")
    if iterations < 1:
        raise UsageError(f"iterations is {iterations}; at least 1 is needed")
    count, speakers = len(corpus.embedding), corpus.num_speakers
    if speakers < 2 or count == speakers or count - speakers < dim:
        raise InputError(
            f"{count} embeddings of {speakers} speakers are too few: at least two speakers are needed (a hundred for "
            f"a useful model), several embeddings of one speaker, and {dim} embeddings more than there are speakers; "
            "or lower dim"
        )
    mean1 = np.average(corpus.embedding, axis=0, weights=corpus.total_weight)
    centred = normalise_length(corpus.embedding - mean1)
    lda = train_lda(collect_statistics(centred, corpus), dim, shrinkage)
    projected = centred @ lda
    mean2 = np.average(projected, axis=0, weights=corpus.total_weight)
    statistics = collect_statistics(normalise_length(projected - mean2), corpus)
    mu, within, between, _ = train_two_covariance(statistics, iterations, shrinkage)
    tr, phi = solve_two_covariance(within, between)
    if not phi.max() < MOST_VARIANCE:
        raise InputError(
            "the embeddings of one speaker are all the same; give speakers who were recorded several times"
        )
    return Plda(mean1=mean1, lda=lda, mean2=mean2, mu=mu, tr=tr, phi=phi)
