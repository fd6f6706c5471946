"""Match the speakers of a recording with known voices (open set, at most one speaker per voice)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.special import expit, logsumexp

from oolong_align.errors import InputError
from oolong_align.options import SPEAKER_THRESHOLD
from oolong_align.speakers.records import SpeakerStore, Voice, VoiceModel
from oolong_align.speakers.scoring import Array, Side, VoiceScorer
from oolong_align.types import FloatArray

__all__ = ["Match", "match", "voice_side"]

_TYPICAL_S: Final = 10.0
_CANDIDATES: Final = 50
_KNOWN_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Result of matching one speaker.

    Attributes
    ----------
    voice : Voice or None
        The matched voice, ``None`` if no voice reaches the threshold.
    probability : float
        Probability that the speaker is `nearest`.
    nearest : Voice or None
        The most probable voice, even below the threshold; ``None`` if the store is empty.
    known : float
        Probability that the speaker is any of the voices; above `probability` if several voices are similar.
    """

    voice: Voice | None
    probability: float
    nearest: Voice | None = None
    known: float = 0.0


def match(
    embeddings: FloatArray,
    store: SpeakerStore,
    *,
    model: VoiceModel,
    seconds: Sequence[float] | None = None,
    threshold: float = SPEAKER_THRESHOLD,
    scorer: VoiceScorer | None = None,
) -> list[Match]:
    """Match the speakers of one recording with the voices of a store.

    Parameters
    ----------
    embeddings : ndarray, float32, shape (N, D)
        One embedding per speaker; all speakers are assumed to be different people.
    store : SpeakerStore
    model : VoiceModel
        Model of the embeddings.
    seconds : sequence of float, optional
        Duration of the speech of each embedding; defaults to 10 s.
    threshold : float
        Minimum probability of a match, above 0 and below 1.
    scorer : VoiceScorer, optional
        Defaults to the scorer for the model.

    Returns
    -------
    list of Match
        One per embedding, in the same order.

    Raises
    ------
    InputError
        If embeddings, seconds or threshold are invalid, or the voices in the store are of another model.

    Notes
    -----
    The prior assumes that half of all speakers are in the store and that all voices are equally likely. The
    probability of a match accounts for every other voice that the speaker may be, and for every other speaker who may
    be the voice. The assignment maximises the product of the odds. Each speaker is compared with the 50 voices with the
    highest cosines.

    Examples
    --------
    >>> match(embeddings, store, model=model, seconds=[12.5, 40.0])  # doctest: +SKIP
    """
    if not 0 < threshold < 1:
        raise InputError(f"Invalid threshold={threshold}: must be a probability above 0 and below 1")
    vectors, lengths = _checked(embeddings, seconds, model)
    candidates: dict[str, Voice] = {}
    for vector in vectors:
        candidates.update({voice.id: voice for voice, _ in store.nearest(vector, _CANDIDATES, model=model)})
    voices = [candidates[each] for each in sorted(candidates)]
    if not voices:
        return [Match(voice=None, probability=0.0) for _ in vectors]
    chosen = scorer or VoiceScorer.for_weights(model.weights)
    prior = np.log(_KNOWN_SHARE / (1 - _KNOWN_SHARE) / max(store.count(), len(voices)))
    odds = chosen.log_odds(vectors, lengths, [voice_side(voice) for voice in voices]) + prior
    probability = _probabilities(odds)
    rows = np.arange(len(vectors))
    assigned = _assign(odds)
    best = np.where(assigned < 0, np.argmax(probability, axis=1), assigned)
    known = expit(logsumexp(odds, axis=1))
    return [
        Match(
            voice=voices[column] if given >= 0 and share >= threshold else None,
            probability=share,
            nearest=voices[column],
            known=any_voice,
        )
        for column, given, share, any_voice in zip(
            best.tolist(), assigned.tolist(), probability[rows, best].tolist(), known.tolist(), strict=True
        )
    ]


def voice_side(voice: Voice) -> Side:
    """References of a voice for scoring; a voice without references is scored by its centroid."""
    if not voice.references:
        return voice.centroid[None], np.array([voice.seconds])
    vectors = np.stack([each.embedding for each in voice.references])
    return vectors, np.array([each.seconds for each in voice.references])


def _checked(
    embeddings: FloatArray, seconds: Sequence[float] | None, model: VoiceModel
) -> tuple[FloatArray, npt.NDArray[np.float64]]:
    vectors = np.asarray(embeddings, dtype=np.float32)
    if vectors.ndim != 2 or vectors.shape[1] != model.dimension:
        raise InputError(f"Embeddings must have the shape (speakers, {model.dimension}), not {vectors.shape}")
    lengths = np.full(len(vectors), _TYPICAL_S) if seconds is None else np.asarray(seconds, dtype=np.float64)
    if lengths.shape != (len(vectors),) or not (np.isfinite(lengths) & (lengths > 0)).all():
        raise InputError(f"Expected {len(vectors)} positive numbers for seconds, one per embedding")
    return vectors, lengths


def _probabilities(odds: Array) -> Array:
    """Probability of each pair against all pairs with the same speaker or voice and an unknown speaker.

    Log-odds and result have the shape ``(speakers, voices)``.
    """
    top = np.maximum(odds.max(axis=1)[:, None], odds.max(axis=0)[None, :]).clip(min=0)
    with np.errstate(under="ignore"):
        own = np.exp(odds - top)
        rivals = np.exp(odds[:, None, :] - top[:, :, None]).sum(axis=2) + np.exp(odds.T[None] - top[:, :, None]).sum(
            axis=2
        )
        shares: Array = own / (np.exp(-top) + rivals - own)
    return shares


def _assign(odds: Array) -> npt.NDArray[np.int64]:
    """Index of the voice of each speaker, -1 for none: maximises the sum of log-odds; no voice counts as 0."""
    speakers, voices = odds.shape
    gains = np.zeros((speakers, voices + speakers))
    gains[:, :voices] = odds
    chosen = linear_sum_assignment(gains, maximize=True)[1]
    return np.where(chosen < voices, chosen, -1).astype(np.int64)
