"""From a diarization to voices of a store, and what the store learns on the way."""

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

_SURE: Final = 0.95
_DOUBTFUL: Final = 0.5
_SEVERAL: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a speaker of a recording is.

    Attributes
    ----------
    voice : str or None
        Id of the voice; ``None`` where there was too little speech to know one or learn one.
    name : str or None
        The voice's name.
    probability : float or None
        That this is right: of a voice that was learned just now, that nobody known was speaking.
    """

    voice: str | None = None
    name: str | None = None
    probability: float | None = None


def voice_model(model: ModelInfo | None) -> VoiceModel:
    """Model of the embeddings of a diarization.

    Raises
    ------
    InputError
        If the diarizer does not tell.
    """
    if model is None or "embedding" not in model.hashes:
        raise InputError(
            "the diarizer does not say which model made its embeddings (Diarization.model, with the hash of "
            "'embedding'): voices cannot be compared across recordings"
        )
    return VoiceModel(name=model.bundle, weights=model.hashes["embedding"], dimension=model.dimension)


def find_voices(
    diarization: Diarization, store: SpeakerStore, *, threshold: float = SPEAKER_THRESHOLD
) -> dict[int, tuple[VoiceSample, Match]]:
    """Compare the speakers of a recording with a store, and learn nothing; by speaker, of those who can be compared.

    Raises
    ------
    InputError
        If the store's voices are of another model.
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
    """Find the speakers of a recording in a store, and let it learn what is sure.

    Parameters
    ----------
    diarization : Diarization
    store : SpeakerStore
    source : str
        Name of the recording.
    threshold : float
        Least probability of a known voice.
    now : datetime, optional
        Time of enrolment; the present if not given.

    Returns
    -------
    dict of int to Identity
        One for every speaker.

    Raises
    ------
    InputError
        If the store's voices are of another model.
    StoreError
        If the store cannot be read or written.

    Notes
    -----
    A known voice learns from a speaker with at least 5 s of speech alone and a probability of 0.95; who is not known
    becomes a new voice with 5 s. One transaction of the store: recordings may be worked on side by side.
    """
    identities = dict.fromkeys(diarization.speaker_ids, Identity())
    samples = voice_samples(diarization)
    with store.transaction():
        for speaker, (sample, found) in _compare(diarization, samples, store, threshold).items():
            reference = reference_of(sample, source, now, recording=diarization.recording or None)
            if found.voice is not None:
                if found.probability >= _SURE and sample.seconds >= LEAST_LEARNED_S:
                    scorer = VoiceScorer.for_weights(found.voice.model.weights)
                    store.put(add_reference(found.voice, reference, scorer))
                identities[speaker] = Identity(
                    voice=found.voice.id, name=found.voice.name, probability=found.probability
                )
            elif sample.seconds >= LEAST_LEARNED_S:
                identities[speaker] = _learn(store, speaker, reference, found, voice_model(diarization.model))
    return identities


def name_speakers(transcript: Transcript, identities: Mapping[int, Identity]) -> Transcript:
    """Transcript whose speakers have the voices, names and probabilities that were found."""
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
    if near is not None and found.known >= _DOUBTFUL:
        doubt = f"{speaker_label(speaker)} is {near.name or near.id} with a probability of {found.probability:.2f} only"
        if found.known > _SEVERAL * found.probability:
            doubt += f", but somebody known with {found.known:.2f} (see `oolong speakers suggest`)"
        warn(f"{doubt}, and was kept as {voice}; if they are one person: oolong speakers merge {near.id} {voice}")
    return Identity(voice=voice, probability=1 - found.known)
