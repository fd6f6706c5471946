"""Identify the speakers of a recording with the voices of a store, and add what is certain to the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np

from oolong_align.errors import InputError, warn
from oolong_align.options import SPEAKER_THRESHOLD
from oolong_align.speakers.learning import LEAST_LEARNED_S, add_reference, new_voice, reference_of
from oolong_align.speakers.matching import Match, match
from oolong_align.speakers.records import Reference, SpeakerStore, VoiceModel
from oolong_align.speakers.samples import VoiceSample, voice_samples
from oolong_align.speakers.scoring import VoiceScorer
from oolong_align.types import Diarization, ModelInfo, Transcript, speaker_label

__all__ = ["Identity", "find_voices", "identify", "name_speakers", "voice_model"]

_LEARN_PROBABILITY: Final = 0.95
_WARN_PROBABILITY: Final = 0.5
_AMBIGUITY_RATIO: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Identity of a speaker of a recording.

    Attributes
    ----------
    voice : str or None
        Id of the voice; ``None`` if there was too little speech to recognise or enrol one.
    name : str or None
        Name of the voice.
    probability : float or None
        Probability that the identity is correct; for a newly enrolled voice, that the speaker is not in the library.
    """

    voice: str | None = None
    name: str | None = None
    probability: float | None = None


def voice_model(model: ModelInfo | None) -> VoiceModel:
    """Embedding model of a diarization.

    Raises
    ------
    InputError
        If the diarizer does not report its model.
    """
    if model is None or "embedding" not in model.hashes:
        raise InputError(
            "Cannot compare voices across recordings: the diarizer does not report its embedding model "
            "(Diarization.model with the hash of 'embedding')"
        )
    return VoiceModel(name=model.bundle, weights=model.hashes["embedding"], dimension=model.dimension)


def find_voices(
    diarization: Diarization, store: SpeakerStore, *, threshold: float = SPEAKER_THRESHOLD
) -> dict[int, tuple[VoiceSample, Match]]:
    """Compare the speakers of a recording with a store without changing it; skip speakers with too little speech.

    Raises
    ------
    InputError
        If the voices in the store are of another model.
    """
    return _compare(diarization, voice_samples(diarization), store, threshold)


def _compare(
    diarization: Diarization, samples: Mapping[int, VoiceSample], store: SpeakerStore, threshold: float
) -> dict[int, tuple[VoiceSample, Match]]:
    if not samples:
        return {}
    matches = match(
        np.stack([sample.embedding for sample in samples.values()]),
        store,
        model=voice_model(diarization.model),
        seconds=[sample.seconds for sample in samples.values()],
        threshold=threshold,
    )
    return {speaker: (sample, found) for (speaker, sample), found in zip(samples.items(), matches, strict=True)}


def identify(
    diarization: Diarization,
    store: SpeakerStore,
    *,
    source: str = "",
    threshold: float = SPEAKER_THRESHOLD,
    now: datetime | None = None,
) -> dict[int, Identity]:
    """Identify the speakers of a recording, and update the store with certain matches and new voices.

    Parameters
    ----------
    diarization : Diarization
    store : SpeakerStore
    source : str
        Name of the recording.
    threshold : float
        Minimum probability of a match.
    now : datetime, optional
        Time of enrolment; defaults to the current time.

    Returns
    -------
    dict of int to Identity
        One for every speaker.

    Raises
    ------
    InputError
        If the voices in the store are of another model.
    StoreError
        If the store cannot be read or written.

    Notes
    -----
    A matched voice gets a new reference if the probability is at least 0.95 and the speaker has at least 5 s of
    non-overlapped speech. Unmatched speakers with at least 5 s are stored as new voices. All changes are one
    transaction, so several recordings may be processed in parallel.
    """
    identities = dict.fromkeys(diarization.speaker_ids, Identity())
    samples = voice_samples(diarization)
    with store.transaction():
        for speaker, (sample, found) in _compare(diarization, samples, store, threshold).items():
            reference = reference_of(sample, source, now, recording=diarization.recording or None)
            if found.voice is not None:
                if found.probability >= _LEARN_PROBABILITY and sample.seconds >= LEAST_LEARNED_S:
                    scorer = VoiceScorer.for_weights(found.voice.model.weights)
                    store.put(add_reference(found.voice, reference, scorer))
                identities[speaker] = Identity(
                    voice=found.voice.id, name=found.voice.name, probability=found.probability
                )
            elif sample.seconds >= LEAST_LEARNED_S:
                identities[speaker] = _learn(store, speaker, reference, found, voice_model(diarization.model))
    return identities


def name_speakers(transcript: Transcript, identities: Mapping[int, Identity]) -> Transcript:
    """Copy the voices, names and probabilities of the identities to the speakers of a transcript."""
    by_label = {speaker_label(speaker): identity for speaker, identity in identities.items()}
    speakers = {
        label: replace(
            speaker,
            voice=by_label[label].voice,
            name=by_label[label].name or speaker.name,
            probability=by_label[label].probability,
        )
        if label in by_label
        else speaker
        for label, speaker in transcript.speakers.items()
    }
    return replace(transcript, speakers=speakers)


def _learn(store: SpeakerStore, speaker: int, reference: Reference, found: Match, model: VoiceModel) -> Identity:
    voice = store.put(new_voice(reference, model))
    near = found.nearest
    if near is not None and found.known >= _WARN_PROBABILITY:
        match_text = f"may be {near.name or near.id} (probability {found.probability:.2f})"
        if found.known > _AMBIGUITY_RATIO * found.probability:
            match_text += f" or another known voice ({found.known:.2f} in total, see `oolong speakers suggest`)"
        warn(
            f"{speaker_label(speaker)} {match_text} and was stored as the new voice {voice}. "
            f"If they are one person, run: oolong speakers merge {near.id} {voice}"
        )
    return Identity(voice=voice, probability=1 - found.known)
