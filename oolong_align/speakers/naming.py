"""Update the names in an existing transcript from a voice library."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from oolong_align.errors import InputError, warn
from oolong_align.speakers.identify import voice_model
from oolong_align.speakers.learning import SAME_SPEECH
from oolong_align.speakers.matching import voice_side
from oolong_align.speakers.records import SpeakerStore, Voice, check_same_model
from oolong_align.speakers.samples import VoiceSample, voice_samples
from oolong_align.speakers.scoring import VoiceScorer
from oolong_align.types import Diarization, Transcript, speaker_label
from oolong_align.util.vectors import l2_normalise

__all__ = ["names_of_store"]

_CANDIDATES: Final = 50


def names_of_store(transcript: Transcript, store: SpeakerStore) -> Transcript:
    """Update voice ids and names of a transcript from a store.

    A speaker is matched with the voice that was learned from the same speech, otherwise with the voice with the stored
    id. If the voice was forgotten, id and name are removed. If the voice has no name, the name in the transcript stays.
    A speaker who does not sound like the voice is left unchanged, with a warning.

    Raises
    ------
    InputError
        If it is not the library of this transcript: none of the voices exist, most of them sound different, or they
        are of another model.
    """
    speakers = dict(transcript.speakers)
    known = {label: store.get(each.voice) for label, each in speakers.items() if each.voice is not None}
    known, different = _compare(transcript.diarization, known, store)
    there = [label for label, voice in known.items() if voice is not None]
    if known and (not there or len(different) > len(there) / 2):
        problem = "Voices with these ids sound different" if different else "Voices not found"
        voices = ", ".join(f"{speakers[label].voice} ({label})" for label in different or known)
        raise InputError(f"{problem} in this library: {voices}. Use the library that was used for the transcript")
    for label, voice in known.items():
        if label in different:
            warn(f"{label} does not sound like {speakers[label].voice} in this library and was not changed")
        elif voice is None:
            if speakers[label].name is not None:
                warn(
                    f"{speakers[label].voice} is no longer in the library: removed the name {speakers[label].name} of "
                    f"{label}. To set a name, use --rename {label}=NAME"
                )
            speakers[label] = replace(speakers[label], voice=None, name=None, probability=None)
        else:
            speakers[label] = replace(speakers[label], voice=voice.id, name=voice.name or speakers[label].name)
    return replace(transcript, speakers=speakers)


def _compare(
    diarization: Diarization | None, known: dict[str, Voice | None], store: SpeakerStore
) -> tuple[dict[str, Voice | None], tuple[str, ...]]:
    """Voices by label, and the labels of speakers who do not sound like the voice with their id.

    A voice that was learned from the same speech belongs to the speaker whatever its id, because it may have been split
    off.

    Raises
    ------
    InputError
        If the voices in the store are of another model.
    """
    if diarization is None or diarization.model is None or not known:
        return known, ()
    model = voice_model(diarization.model)
    check_same_model(store.model(), model)
    scorer = VoiceScorer.for_weights(model.weights)
    found, different = dict(known), []
    for speaker, sample in voice_samples(diarization).items():
        label = speaker_label(speaker)
        if label not in known:
            continue
        voice = known[label]
        near = [each for each, _ in store.nearest(sample.embedding, _CANDIDATES, model=model)]
        learned = next((each for each in near if _was_learned_from(each, sample)), None)
        if learned is not None:
            found[label] = learned
        elif voice is not None:
            odds = scorer.log_odds(sample.embedding[None], np.array([sample.seconds]), [voice_side(voice)])
            different += [label] if odds[0, 0] < 0 else []
    return found, tuple(different)


def _was_learned_from(voice: Voice, sample: VoiceSample) -> bool:
    if not voice.references:
        return False
    vectors = l2_normalise(np.stack([each.embedding for each in voice.references]))
    return bool((vectors @ sample.embedding).max() >= SAME_SPEECH)
