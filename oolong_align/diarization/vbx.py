"""Variational Bayes clustering of speaker embeddings: VBx without the Markov chain.

References
----------
Landini, Profant, Diez & Burget, "Bayesian HMM clustering of x-vector sequences (VBx) in speaker diarization:
theory, implementation and analysis on standard tasks", Computer Speech & Language 71, 2022; equations 16 to 25
with a loop probability of zero.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

Array = npt.NDArray[np.float64]

INITIAL_SMOOTHING: Final = 7.0
_PRIOR_FLOOR: Final = 1e-8
_CONVERGED: Final = 1e-4


def vbx(
    features: Array,
    phi: Array,
    initial_labels: npt.NDArray[np.int64],
    *,
    fa: float,
    fb: float,
    max_iterations: int,
    weights: Array | None = None,
) -> tuple[Array, Array]:
    """Refine an initial clustering; the priors of unsupported speakers converge to zero.

    Parameters
    ----------
    features : ndarray, shape (N, K)
        PLDA-transformed embeddings: within-speaker covariance is the identity.
    phi : ndarray, shape (K,)
        Between-speaker variances.
    initial_labels : ndarray, shape (N,)
        Cluster of each embedding, from 0 without gaps.
    fa, fb : float
        Acoustic scaling factor and speaker regularisation.
    max_iterations : int
        Maximum number; iteration stops early when the evidence lower bound increases by less than 1e-4.
    weights : ndarray, shape (N,), optional
        Number of observations that each embedding counts as; 1 each by default.

    Returns
    -------
    responsibilities : ndarray, shape (N, speakers)
    priors : ndarray, shape (speakers,)

    Notes
    -----
    O(iterations x N x speakers x K).
    """
    num_speakers = int(initial_labels.max()) + 1
    odds = np.exp(INITIAL_SMOOTHING)
    gamma: Array = np.full((len(features), num_speakers), 1.0 / (odds + num_speakers - 1))
    gamma[np.arange(len(features)), initial_labels] *= odds
    priors: Array = np.full(num_speakers, 1.0 / num_speakers)

    constant = -0.5 * (np.sum(features**2, axis=1, keepdims=True) + features.shape[1] * np.log(2 * np.pi))
    rho = features * np.sqrt(phi)
    weight = np.ones((len(features), 1)) if weights is None else weights[:, None]
    ratio = fa / fb
    previous_bound = -np.inf
    for _ in range(max_iterations):
        observed = gamma * weight
        inverse_precision = 1.0 / (1.0 + ratio * observed.sum(axis=0)[:, None] * phi)  # (speakers, K)
        alpha = ratio * inverse_precision * (observed.T @ rho)  # (speakers, K)
        log_likelihood = fa * weight * (rho @ alpha.T - 0.5 * (inverse_precision + alpha**2) @ phi + constant)
        joint = log_likelihood + np.log(priors + _PRIOR_FLOOR)
        evidence = logsumexp(joint, axis=1)
        gamma = np.exp(joint - evidence[:, None])
        priors = gamma.sum(axis=0) / gamma.sum()
        bound = evidence.sum() + 0.5 * fb * np.sum(np.log(inverse_precision) - inverse_precision - alpha**2 + 1.0)
        if bound - previous_bound < _CONVERGED:
            break
        previous_bound = bound
    return gamma, priors
