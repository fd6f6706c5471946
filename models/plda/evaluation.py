"""Evaluate a PLDA: equal error rate between single embeddings of held-out speakers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from oolong_align.diarization.plda import Plda
from oolong_align.errors import UsageError
from plda.corpora import Corpus
from plda.training import train

Array: TypeAlias = npt.NDArray[np.float64]
Index: TypeAlias = npt.NDArray[np.int64]
Setting: TypeAlias = tuple[int, float]
"""Dimension and shrinkage of a PLDA."""


def score_pairs(plda: Plda, embedding: Array) -> Array:
    """Log-likelihood ratio of "same speaker" to "different speakers" for each pair, ``(N, D) -> (N, N)``."""
    features, phi = plda.transform(embedding), plda.phi
    total, det = 1 + phi, 1 + 2 * phi
    single = features**2 @ (1 / total - total / det)
    cross: Array = (features * (phi / det)) @ features.T
    return cross + 0.5 * (single[:, None] + single) + np.sum(np.log(total) - 0.5 * np.log(det))


def score_cosine(embedding: Array, mean: Array) -> Array:
    """Cosine similarity of each pair after subtraction of a mean, ``(N, D) -> (N, N)``."""
    rows = embedding - mean
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    scores: Array = rows @ rows.T
    return scores


def equal_error_rate(target: Array, nontarget: Array) -> float:
    """Error rate at the threshold where false rejections and false acceptances are equally frequent."""
    scores = np.concatenate([target, nontarget])
    is_target = np.zeros(len(scores), dtype=np.bool_)
    is_target[: len(target)] = True
    ordered = is_target[np.argsort(scores, kind="stable")]
    refused = np.cumsum(ordered) / len(target)
    accepted = 1 - np.cumsum(~ordered) / len(nontarget)
    crossing = int(np.argmin(np.abs(refused - accepted)))
    return float(refused[crossing] + accepted[crossing]) / 2


def split_speakers(num_speakers: int, folds: int) -> Iterator[tuple[Index, Index]]:
    """Yield the training and held-out speakers of each fold. Each speaker is held out once."""
    speakers = np.arange(num_speakers)
    for fold in range(folds):
        held_out = speakers % folds == fold
        yield speakers[~held_out], speakers[held_out]


def cross_validate(
    corpus: Corpus, settings: Sequence[Setting], iterations: int, folds: int
) -> tuple[dict[Setting, float], float]:
    """Equal error rate of each setting on held-out speakers.

    Parameters
    ----------
    corpus : Corpus
        Embeddings of different corpora are not compared: room and channel alone would separate their speakers.
    settings : sequence of (int, float)
    iterations : int
        EM iterations.
    folds : int
        From 2 to the number of speakers.

    Returns
    -------
    rates : dict of (int, float) to float
        Mean rate over the folds.
    cosine : float
        Mean rate of the cosine similarity after subtraction of the training mean.

    Raises
    ------
    UsageError
        If the number of folds is out of range, or a fold has no pair of embeddings from the same speaker or from
        different speakers of one corpus.
    """
    if not 2 <= folds <= corpus.num_speakers:
        raise UsageError(
            f"Invalid number of folds {folds}: {corpus.num_speakers} speakers allow 2 to {corpus.num_speakers}"
        )
    rates: dict[Setting, list[float]] = {setting: [] for setting in settings}
    cosine: list[float] = []
    for train_speakers, held_out in split_speakers(corpus.num_speakers, folds):
        known, unknown = corpus.select(train_speakers), corpus.select(held_out)
        same = unknown.speaker[:, None] == unknown.speaker
        origin = unknown.origin[unknown.speaker]
        pair = np.triu(origin[:, None] == origin, 1)
        if not (same & pair).any() or not (~same & pair).any():
            raise UsageError(
                f"Invalid number of folds {folds}: a fold with {len(held_out)} held-out speakers needs two speakers of "
                "one corpus and a speaker with two embeddings. Use fewer folds or more data"
            )
        scores = score_cosine(unknown.embedding, np.average(known.embedding, axis=0, weights=known.total_weight))
        cosine.append(equal_error_rate(scores[same & pair], scores[~same & pair]))
        for (dim, shrinkage), found in rates.items():
            plda = train(known, dim=dim, shrinkage=shrinkage, iterations=iterations)
            scores = score_pairs(plda, unknown.embedding)
            found.append(equal_error_rate(scores[same & pair], scores[~same & pair]))
    return {setting: float(np.mean(found)) for setting, found in rates.items()}, float(np.mean(cosine))
