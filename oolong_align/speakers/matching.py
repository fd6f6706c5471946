"""Which known voices the speakers of a recording are: an open set, and no two speakers are one voice."""

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
_KNOWN: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Whom a speaker was taken for.

    Attributes
    ----------
    voice : Voice or None
        The known voice, ``None`` if none is probable enough.
    probability : float
        That the speaker is `nearest`.
    nearest : Voice or None
        The most probable voice, also if it is not probable enough; ``None`` if there is none to compare with.
    known : float
        Probability that the speaker is any of the voices: above `probability` where several voices are alike.
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
    """Find the speakers of one recording among the voices of a store.

    Parameters
    ----------
    embeddings : ndarray, float32, shape (N, D)
        One for each speaker; they are taken for different people.
    store : SpeakerStore
    model : VoiceModel
        What made the embeddings.
    seconds : sequence of float, optional
        Speech behind each embedding; 10 s if not given.
    threshold : float
        Least probability of a match, above 0 and below 1.
    scorer : VoiceScorer, optional
        By default the one that fits the model.

    Returns
    -------
    list of Match
        One for each embedding, in order.

    Raises
    ------
    InputError
        If the embeddings or seconds are malformed, or the store's voices are of another model.

    Notes
    -----
    Half of all speakers are expected to be in the store, each of its voices being as likely as the others. The
    probability counts every other voice that the speaker may be, and every other speaker who may be that voice. Voices
    are given so that the product of the odds is largest. Compared are the 50 voices nearest by cosine to each speaker.

    Examples
    --------
    >>> match(embeddings, store, model=model, seconds=[12.5, 40.0])  # doctest: +SKIP
    """
    if not 0 < threshold < 1:
        raise InputError(f"threshold={threshold} is no probability between 0 and 1")
    vectors, lengths = _checked(embeddings, seconds, model)
    candidates: dict[str, Voice] = {}
    for vector in vectors:
        candidates.update({voice.id: voice for voice, _ in store.nearest(vector, _CANDIDATES, model=model)})
    voices = [candidates[each] for each in sorted(candidates)]
    if not voices:
        return [Match(voice=None, probability=0.0) for _ in vectors]
    chosen = scorer or VoiceScorer.for_weights(model.weights)
    prior = np.log(_KNOWN / (1 - _KNOWN) / max(store.count(), len(voices)))
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
            known=anybody,
        )
        for column, given, share, anybody in zip(
            best.tolist(), assigned.tolist(), probability[rows, best].tolist(), known.tolist(), strict=True
        )
    ]


def voice_side(voice: Voice) -> Side:
    """References of a voice as they are scored; a voice without any is scored by its centroid."""
    if not voice.references:
        return voice.centroid[None], np.array([voice.seconds])
    vectors = np.stack([each.embedding for each in voice.references])
    return vectors, np.array([each.seconds for each in voice.references])


def _checked(
    embeddings: FloatArray, seconds: Sequence[float] | None, model: VoiceModel
) -> tuple[FloatArray, npt.NDArray[np.float64]]:
    vectors = np.asarray(embeddings, dtype=np.float32)
    if vectors.ndim != 2 or vectors.shape[1] != model.dimension:
        raise InputError(f"embeddings must have the shape (speakers, {model.dimension}), not {vectors.shape}")
    lengths = np.full(len(vectors), _TYPICAL_S) if seconds is None else np.asarray(seconds, dtype=np.float64)
    if lengths.shape != (len(vectors),) or not (np.isfinite(lengths) & (lengths > 0)).all():
        raise InputError(f"seconds must be {len(vectors)} positive numbers, one for each embedding")
    return vectors, lengths


def _probabilities(odds: Array) -> Array:
    """Probability of each pair against its rivals and nobody known, ``(speakers, voices)``, from log-odds alike."""
    top = np.maximum(odds.max(axis=1)[:, None], odds.max(axis=0)[None, :]).clip(min=0)
    with np.errstate(under="ignore"):
        own = np.exp(odds - top)
        rivals = np.exp(odds[:, None, :] - top[:, :, None]).sum(axis=2) + np.exp(odds.T[None] - top[:, :, None]).sum(
            axis=2
        )
        shares: Array = own / (np.exp(-top) + rivals - own)
    return shares


def _assign(odds: Array) -> npt.NDArray[np.int64]:
    """Voice of each speaker, -1 for none: the assignment of the largest sum of log-odds, where none counts 0."""
    speakers, voices = odds.shape
    gains = np.zeros((speakers, voices + speakers))
    gains[:, :voices] = odds
    chosen = linear_sum_assignment(gains, maximize=True)[1]
    return np.where(chosen < voices, chosen, -1).astype(np.int64)
