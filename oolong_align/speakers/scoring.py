"""Score whether two voices are one person: PLDA log-likelihood ratio or cosine, calibrated to log-odds.

This PLDA models recordings in different rooms; diarization uses another one. Each PLDA belongs to one embedding model
and is stored next to its calibration, ``data/voice_calibration*.json``. Embeddings of other models are compared by
cosine with the calibration of the default model. ``models/README.md`` describes training and evaluation.

References
----------
Ioffe, "Probabilistic linear discriminant analysis", 2006; Bruemmer & du Preez, "Application-independent evaluation of
speaker detection", 2006 (calibration).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from oolong_align.diarization.plda import Plda
from oolong_align.util.vectors import unit_rows

__all__ = ["Side", "VoiceScorer", "cosine_scores", "duration_feature", "plda_scores"]

Array: TypeAlias = npt.NDArray[np.float64]
Side: TypeAlias = tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]
"""References of one voice: embeddings ``(references, D)`` and seconds ``(references,)``."""

_DATA: Final = Path(__file__).parent.parent / "data"
_DEFAULT: Final = _DATA / "voice_calibration.json"
_SHORTEST_S: Final = 1.0
_LONGEST_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceScorer:
    """Computes log-odds that a sample and the references of a voice are one person, with a prior of 0.5.

    Attributes
    ----------
    weights : tuple of float
        Intercept, weight of the score and weight of `duration_feature`.
    plda : Plda or None
        If ``None``, the score is the cosine.
    session, second : float
        Within-speaker variances of an embedding in PLDA space: per recording, and of 1 s of speech.
    """

    weights: tuple[float, float, float]
    plda: Plda | None = None
    session: float = 1.0
    second: float = 0.0

    @classmethod
    def for_weights(cls, sha256: str) -> VoiceScorer:
        """Return the scorer for an embedding model, identified by the SHA-256 of its weights."""
        path = _find_calibration(sha256)
        if path is None:
            constant, score, duration = _load_calibration(_DEFAULT)["cosine"]
            return cls(weights=(constant, score, duration))
        known = _load_calibration(path)
        constant, score, duration = known["plda"]
        return cls(
            weights=(constant, score, duration),
            plda=_load_plda(path.with_name(path.name.replace("calibration", "plda")).with_suffix(".npz")),
            session=known["session"],
            second=known["second"],
        )

    def log_odds(
        self, embeddings: npt.NDArray[np.floating], seconds: npt.NDArray[np.floating], voices: Sequence[Side]
    ) -> Array:
        """Log-odds of each sample for each voice, ``(N, D), (N,) -> (N, voices)``.

        O(N x voices x K) for a PLDA of K dimensions.
        """
        if self.plda is None:
            scores = cosine_scores(embeddings, voices)
        else:
            scores = plda_scores(self.plda, embeddings, seconds, voices, session=self.session, second=self.second)
        known = np.array([float(lengths.sum()) for _, lengths in voices])
        constant, score, duration = self.weights
        odds: Array = constant + score * scores + duration * duration_feature(np.asarray(seconds)[:, None], known)
        return odds


def duration_feature(first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]) -> Array:
    """Logarithm of the product of both durations in seconds, each clipped to 1 to 30."""
    one, other = (np.clip(each, _SHORTEST_S, _LONGEST_S) for each in (first, second))
    return np.asarray(np.log(one * other), dtype=np.float64)


def cosine_scores(embeddings: npt.NDArray[np.floating], voices: Sequence[Side]) -> Array:
    """Cosine of each sample to the mean direction of each voice, weighted by seconds: ``-> (N, voices)``."""
    means = np.stack([np.asarray(seconds, dtype=np.float64) @ unit_rows(vectors) for vectors, seconds in voices])
    return unit_rows(embeddings) @ unit_rows(means).T


def plda_scores(
    plda: Plda,
    embeddings: npt.NDArray[np.floating],
    seconds: npt.NDArray[np.floating],
    voices: Sequence[Side],
    *,
    session: float,
    second: float,
) -> Array:
    """Log-likelihood ratio of one person against two, for each sample and voice: ``(N, D) -> (N, voices)``.

    In PLDA space, persons are distributed as ``N(0, phi)`` and embeddings of s seconds as
    ``N(person, session + second / s)``. Given the references of a voice, each taken as a separate recording, the person
    is normal with precision ``1 / phi + sum(1 / variance)``.
    """
    samples = plda.transform(unit_rows(embeddings))  # (N, K)
    noise = (session + second / np.maximum(seconds, _SHORTEST_S))[:, None]  # (N, 1)
    alone = np.square(samples) / (plda.phi + noise) + np.log(plda.phi + noise)
    scores = np.empty((len(samples), len(voices)))
    for column, (vectors, lengths) in enumerate(voices):
        precision = 1 / (session + second / np.maximum(np.asarray(lengths, dtype=np.float64), _SHORTEST_S))
        spread = 1 / (1 / plda.phi + precision.sum())  # (K,)
        mean = spread * (precision @ plda.transform(unit_rows(vectors)))
        total = spread + noise  # (N, K)
        together = np.square(samples - mean) / total + np.log(total)
        scores[:, column] = 0.5 * (alone - together).sum(axis=1)
    return scores


def _find_calibration(sha256: str) -> Path | None:
    return next((path for path in sorted(_DATA.glob(f"{_DEFAULT.stem}*.json")) if sha256 in _embeddings(path)), None)


def _embeddings(path: Path) -> list[str]:
    """Hashes of the embedding model of a calibration: an export can differ in rounding between processors."""
    calibration = _load_calibration(path)
    return [calibration["embedding"], *calibration.get("other_exports", ())]


@cache
def _load_calibration(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return loaded


@cache
def _load_plda(path: Path) -> Plda:
    return Plda.load(path)
