"""Measure identification errors at several thresholds on recordings with known speakers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import expit

from oolong_align.errors import InputError
from oolong_align.speakers.samples import VoiceSample
from oolong_align.speakers.scoring import VoiceScorer

__all__ = ["ThresholdErrors", "measure_thresholds"]

_THRESHOLDS: Final = (0.5, 0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdErrors:
    """Error rates at a threshold, ``None`` if there are no pairs of the kind.

    Attributes
    ----------
    threshold : float
        Probability threshold.
    false_accepts : float or None
        Share of pairs of different people that are accepted as one person.
    false_rejects : float or None
        Share of pairs of one person that are rejected.
    """

    threshold: float
    false_accepts: float | None
    false_rejects: float | None


def measure_thresholds(
    samples: Mapping[str, Sequence[VoiceSample]], scorer: VoiceScorer, *, thresholds: Sequence[float] = _THRESHOLDS
) -> tuple[list[ThresholdErrors], int, int]:
    """Compare all pairs of samples, each as if the other were the only voice in the store.

    Parameters
    ----------
    samples : mapping of str to sequence of VoiceSample
        Samples by person.
    scorer : VoiceScorer
    thresholds : sequence of float

    Returns
    -------
    errors : list of ThresholdErrors
    same, different : int
        Number of pairs of the same person and of different people.

    Raises
    ------
    InputError
        If there are fewer than two samples.
    """
    every = [(person, sample) for person, owned in samples.items() for sample in owned]
    if len(every) < 2:
        raise InputError(f"Cannot measure thresholds with {len(every)} samples. Provide recordings of several people")
    vectors = np.stack([sample.embedding for _, sample in every])
    seconds = np.array([sample.seconds for _, sample in every])
    sides = [(vector[None], length[None]) for vector, length in zip(vectors, seconds, strict=True)]
    odds = scorer.log_odds(vectors, seconds, sides)
    people = np.array([person for person, _ in every])
    upper = np.triu(np.ones(odds.shape, dtype=np.bool_), 1)
    is_same = (people[:, None] == people) & upper
    probability = expit((odds + odds.T) / 2)
    same, different = probability[is_same], probability[upper & ~is_same]
    errors = [
        ThresholdErrors(
            threshold=threshold,
            false_accepts=float(np.mean(different >= threshold)) if len(different) else None,
            false_rejects=float(np.mean(same < threshold)) if len(same) else None,
        )
        for threshold in thresholds
    ]
    return errors, len(same), len(different)
