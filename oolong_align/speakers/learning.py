"""Enrol new voices and add references to known ones, without letting a voice drift to another person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Final

import numpy as np

from oolong_align.errors import InputError, warn
from oolong_align.options import SPEAKER_THRESHOLD
from oolong_align.speakers.library import known_references, reference_centroid
from oolong_align.speakers.matching import match
from oolong_align.speakers.records import (
    Reference,
    SpeakerStore,
    Voice,
    VoiceModel,
    check_new_name,
    clean_source,
    unknown_voice_error,
)
from oolong_align.speakers.samples import VoiceSample
from oolong_align.speakers.scoring import VoiceScorer
from oolong_align.util.vectors import l2_normalise

__all__ = ["LEAST_LEARNED_S", "SAME_SPEECH", "add_reference", "check_enough", "enroll", "new_voice", "reference_of"]

LEAST_LEARNED_S: Final = 5.0
SAME_SPEECH: Final = 0.999  # cosine; one person in two recordings reaches at most 0.98
_MOST_REFERENCES: Final = 16


def reference_of(
    sample: VoiceSample, source: str, now: datetime | None = None, *, recording: str | None = None
) -> Reference:
    """Create a reference from a sample.

    ``source`` is the name of the recording, ``recording`` its identifier (defaults to the name; empty if unknown), and
    ``now`` the time of enrolment.
    """
    return Reference(
        recording=clean_source(source if recording is None else recording),
        embedding=sample.embedding,
        source=clean_source(source) or "recording",
        start=sample.start,
        end=max(sample.end, sample.start),
        seconds=sample.seconds,
        enrolled=now or datetime.now(timezone.utc),
    )


def check_enough(name: str, sample: VoiceSample) -> None:
    """Check that a sample has enough speech for enrolment.

    Raises
    ------
    InputError
        If it has less than 5 s.
    """
    if not sample.seconds >= LEAST_LEARNED_S:
        raise InputError(
            f"Cannot enroll {name} from {sample.seconds:.1f} s of speech. Provide at least {LEAST_LEARNED_S:.0f} s in "
            "which only this person speaks"
        )


def new_voice(reference: Reference, model: VoiceModel, name: str | None = None) -> Voice:
    """Create a voice from one reference; it is not stored yet."""
    return with_references(Voice(model=model, name=name, seconds=0.0, centroid=reference.embedding), [reference])


def sounds_like(voice: Voice, reference: Reference, scorer: VoiceScorer) -> bool:
    """Whether speech is more likely than not by the same person as the oldest reference of a voice.

    Comparing with the oldest reference keeps a voice from drifting to another person over many recordings.
    """
    oldest = known_references(voice)[0]
    odds = scorer.log_odds(
        reference.embedding[None],
        np.array([reference.seconds]),
        [(oldest.embedding[None], np.array([oldest.seconds]))],
    )
    return bool(odds[0, 0] > 0)


def add_reference(voice: Voice, reference: Reference, scorer: VoiceScorer) -> Voice:
    """Add a reference to a voice; return the voice unchanged if the speech does not sound like it.

    The new reference replaces references of the same speech: their time ranges in the same recording overlap, or their
    embeddings are nearly equal, as for a copy in another file format. If there are more than 16 references, the
    shortest one except the oldest is dropped.
    """
    if not sounds_like(voice, reference, scorer):
        return voice
    references = list(known_references(voice))
    same = [place for place, each in enumerate(references) if _same_speech(each, reference)]
    references.insert(same[0] if same else len(references), reference)
    references = [each for each in references if each is reference or not _same_speech(each, reference)]
    if len(references) > _MOST_REFERENCES:
        references.pop(1 + int(np.argmin([each.seconds for each in references[1:]])))
    return with_references(voice, references)


def with_references(voice: Voice, references: Sequence[Reference]) -> Voice:
    """Replace the references of a voice and recompute its centroid and seconds."""
    return replace(
        voice,
        references=tuple(references),
        centroid=reference_centroid(references),
        seconds=sum(each.seconds for each in references),
    )


def enroll(
    store: SpeakerStore,
    name: str,
    sample: VoiceSample,
    *,
    model: VoiceModel,
    source: str = "",
    recording: str | None = None,
    voice_id: str | None = None,
    threshold: float = SPEAKER_THRESHOLD,
    now: datetime | None = None,
    scorer: VoiceScorer | None = None,
) -> Voice:
    """Enrol a person in a store.

    Parameters
    ----------
    store : SpeakerStore
    name : str
        Name of the person.
    sample : VoiceSample
        At least 5 s in which only this person speaks.
    model : VoiceModel
        Model of the embedding.
    source : str
        Name of the recording.
    recording : str, optional
        Identifier of the recording, such as `Diarization.recording`; defaults to its name, empty if unknown.
    voice_id : str, optional
        Voice to extend. Defaults to the voice with this name, otherwise to the unnamed voice that matches the sample,
        otherwise to a new voice.
    threshold : float
        Minimum probability of a match with an unnamed voice.
    now : datetime, optional
        Time of enrolment; defaults to the current time.
    scorer : VoiceScorer, optional
        Defaults to the scorer for the model.

    Returns
    -------
    Voice
        The stored voice.

    Raises
    ------
    InputError
        If the name is an id or not one line of 1 to 200 characters, the speech is too short, the voice does not exist,
        sounds different or is of another model, or several voices have this name.
    """
    check_new_name(name)
    check_enough(name, sample)
    chosen = scorer or VoiceScorer.for_weights(model.weights)
    reference = reference_of(sample, source, now, recording=recording)
    with store.transaction():
        known, similar = _voice_to_extend(store, name, sample, model, voice_id, threshold, chosen)
        if known is None:
            voice = new_voice(reference, model, name)
        else:
            if not sounds_like(known, reference, chosen):
                raise InputError(
                    f"Cannot enroll {name}: this speech does not sound like {known.id}, which has this name. "
                    f"Use another name, or run `oolong speakers forget {known.id}` first"
                )
            voice = replace(add_reference(known, reference, chosen), name=name)
        voice = replace(voice, id=store.put(voice))
    if similar is not None:
        warn(
            f"{name} ({voice.id}) sounds like {similar.name or 'an unnamed voice'} ({similar.id}). Speakers who match "
            "both equally well are not identified. If they are one person, run: oolong speakers merge "
            f"{similar.id} {voice.id}"
        )
    return voice


def _voice_to_extend(
    store: SpeakerStore,
    name: str,
    sample: VoiceSample,
    model: VoiceModel,
    voice_id: str | None,
    threshold: float,
    scorer: VoiceScorer,
) -> tuple[Voice | None, Voice | None]:
    """Return the voice to extend, and a voice with another name that sounds the same; each may be ``None``."""
    if voice_id is not None:
        found = store.get(voice_id)
        if found is None:
            raise unknown_voice_error(voice_id)
        return found, None
    named = store.list(name)
    if len(named) > 1:
        ids = ", ".join(each.id for each in named)
        raise InputError(f"Several voices have the name {name}: {ids}. Merge them or select one of them")
    if named:
        return named[0], None
    (found_match,) = match(
        sample.embedding[None], store, model=model, seconds=[sample.seconds], threshold=threshold, scorer=scorer
    )
    if found_match.voice is not None and found_match.voice.name is None:
        return found_match.voice, None
    return None, found_match.nearest if found_match.known >= threshold else None


def _same_speech(one: Reference, other: Reference) -> bool:
    if one.recording == other.recording != "" and one.start < other.end and other.start < one.end:
        return True
    return bool(l2_normalise(one.embedding) @ l2_normalise(other.embedding) >= SAME_SPEECH)
