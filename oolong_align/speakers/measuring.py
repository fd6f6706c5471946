"""How often voices are confused at a threshold, on recordings whose speakers are known."""

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
    """Errors at a threshold: shares of the pairs of recordings, ``None`` where there is no such pair.

    Attributes
    ----------
    threshold : float
        Probability.
    false_accepts : float or None
        Of pairs of different people, those that are taken for one person.
    false_rejects : float or None
        Of pairs of one person, those that are not.
    """

    threshold: float
    false_accepts: float | None
    false_rejects: float | None


def measure_thresholds(
    samples: Mapping[str, Sequence[VoiceSample]], scorer: VoiceScorer, *, thresholds: Sequence[float] = _THRESHOLDS
) -> tuple[list[ThresholdErrors], int, int]:
    """Compare every sample with every other one as if it were the only voice of a store.

    Parameters
    ----------
    samples : mapping of str to sequence of VoiceSample
        By person.
    scorer : VoiceScorer
    thresholds : sequence of float

    Returns
    -------
    errors : list of ThresholdErrors
    same, different : int
        Number of pairs of one person and of two.

    Raises
    ------
    InputError
        If there are fewer than two samples.
    """
    every = [(person, sample) for person, owned in samples.items() for sample in owned]
    if len(every) < 2:
        raise InputError(f"{len(every)} samples of voices cannot be compared; give recordings of several people")
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
