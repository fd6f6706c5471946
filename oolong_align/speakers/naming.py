"""Names of a library for transcripts that are there already."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from oolong_align.errors import InputError, warn
from oolong_align.speakers.identify import voice_model
from oolong_align.speakers.learning import SAME_SPEECH
from oolong_align.speakers.matching import voice_side
from oolong_align.speakers.records import SpeakerStore, Voice, check_model
from oolong_align.speakers.samples import VoiceSample, voice_samples
from oolong_align.speakers.scoring import VoiceScorer
from oolong_align.types import Diarization, Transcript, speaker_label
from oolong_align.util.vectors import l2_normalise

__all__ = ["names_of_store"]

_NEAR: Final = 50


def names_of_store(transcript: Transcript, store: SpeakerStore) -> Transcript:
    """Transcript with the names that its voices have in a store now, and the ids of those that were merged.

    A speaker is the voice that has learned from this very speech, else the one with the id.
    A voice that was forgotten leaves no name and no id behind; one without a name leaves the transcript's. A speaker
    who does not sound like the voice with the id stays as it is, which is told by a warning.

    Raises
    ------
    InputError
        If the transcript has voices and the store none of them, or most of them sound different there, or they are of
        another model: then it is another library.
    """
    speakers = dict(transcript.speakers)
    known = {label: store.get(each.voice) for label, each in speakers.items() if each.voice is not None}
    known, strange = _compare(transcript.diarization, known, store)
    there = [label for label, voice in known.items() if voice is not None]
    if known and (not there or len(strange) > len(there) / 2):
        problem = "do not sound like the voices with these ids" if strange else "are not"
        voices = ", ".join(f"{speakers[label].voice} ({label})" for label in strange or known)
        raise InputError(f"{voices} {problem} in this library; give the one that the transcript was made with")
    for label, voice in known.items():
        if label in strange:
            warn(f"{label} does not sound like {speakers[label].voice} of this library, and stays as it is")
        elif voice is None:
            if speakers[label].name is not None:
                warn(
                    f"{label}: {speakers[label].voice} is not in the library any more, so the name "
                    f"{speakers[label].name} is taken away; --rename {label}=NAME gives one"
                )
            speakers[label] = replace(speakers[label], voice=None, name=None, probability=None)
        else:
            speakers[label] = replace(speakers[label], voice=voice.id, name=voice.name or speakers[label].name)
    return replace(transcript, speakers=speakers)


def _compare(
    diarization: Diarization | None, known: dict[str, Voice | None], store: SpeakerStore
) -> tuple[dict[str, Voice | None], tuple[str, ...]]:
    """Voices by label, and the labels of those who sound like somebody else than the voice with their id.

    A voice that was learned from this very speech is the speaker's, whatever its id: it may have been split off.

    Raises
    ------
    InputError
        If the voices are of another model.
    """
    if diarization is None or diarization.model is None or not known:
        return known, ()
    model = voice_model(diarization.model)
    check_model(store.model(), model, "the library")
    scorer = VoiceScorer.for_weights(model.weights)
    found, strange = dict(known), []
    for speaker, sample in voice_samples(diarization).items():
        label = speaker_label(speaker)
        if label not in known:
            continue
        voice = known[label]
        near = [each for each, _ in store.nearest(sample.embedding, _NEAR, model=model)]
        learned = next((each for each in near if _was_learned_from(each, sample)), None)
        if learned is not None:
            found[label] = learned
        elif voice is not None:
            odds = scorer.log_odds(sample.embedding[None], np.array([sample.seconds]), [voice_side(voice)])
            strange += [label] if odds[0, 0] < 0 else []
    return found, tuple(strange)


def _was_learned_from(voice: Voice, sample: VoiceSample) -> bool:
    if not voice.references:
        return False
    vectors = l2_normalise(np.stack([each.embedding for each in voice.references]))
    return bool((vectors @ sample.embedding).max() >= SAME_SPEECH)
