"""What a store learns: new voices, and further references of known ones, so that no voice drifts to somebody else."""

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
    unknown_voice,
)
from oolong_align.speakers.samples import VoiceSample
from oolong_align.speakers.scoring import VoiceScorer
from oolong_align.util.vectors import l2_normalise

__all__ = ["LEAST_LEARNED_S", "SAME_SPEECH", "add_reference", "check_enough", "enroll", "new_voice", "reference_of"]

LEAST_LEARNED_S: Final = 5.0
SAME_SPEECH: Final = 0.999  # cosine; of one person in two recordings it is 0.98 at most
_MOST_REFERENCES: Final = 16


def reference_of(
    sample: VoiceSample, source: str, now: datetime | None = None, *, recording: str | None = None
) -> Reference:
    """Reference for a sample of a recording.

    ``source`` names it, ``recording`` tells it from others (by default its name does; empty: nothing does), and ``now``
    is the time of enrolment.
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
    """Check that there is enough speech to know somebody by.

    Raises
    ------
    InputError
        If not.
    """
    if not sample.seconds >= LEAST_LEARNED_S:
        raise InputError(
            f"{name}: {sample.seconds:.1f} s of speech are too few to know a voice by; give at least "
            f"{LEAST_LEARNED_S:.0f} s in which only this person speaks"
        )


def new_voice(reference: Reference, model: VoiceModel, name: str | None = None) -> Voice:
    """Voice of one reference, which no store has yet."""
    return with_references(Voice(model=model, name=name, seconds=0.0, centroid=reference.embedding), [reference])


def sounds_like(voice: Voice, reference: Reference, scorer: VoiceScorer) -> bool:
    """Whether speech is more likely than not that of a voice's oldest reference.

    So a voice that changes a little with every recording cannot end as another one.
    """
    oldest = known_references(voice)[0]
    odds = scorer.log_odds(
        reference.embedding[None],
        np.array([reference.seconds]),
        [(oldest.embedding[None], np.array([oldest.seconds]))],
    )
    return bool(odds[0, 0] > 0)


def add_reference(voice: Voice, reference: Reference, scorer: VoiceScorer) -> Voice:
    """Voice that has learned a further reference, or the voice as it was if it does not sound like it.

    The reference takes the place of those of the same speech: their spans in the same recording meet, or their
    embeddings are nearly equal, as those of a copy in another format are. Of more than 16 references the
    shortest goes, but not the oldest.
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
    """Voice with these references, and the centroid and the seconds that they give."""
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
    """Teach a store somebody's voice.

    Parameters
    ----------
    store : SpeakerStore
    name : str
        The person's name.
    sample : VoiceSample
        Speech of this person alone, at least 5 s.
    model : VoiceModel
        What made the embedding.
    source : str
        Name of the recording.
    recording : str, optional
        What tells it from others, such as `Diarization.recording`; its name by default, and nothing if empty.
    voice_id : str, optional
        Voice to add to; by default the one with this name, else the one without a name that the sample is taken for,
        else a new one.
    threshold : float
        Least probability for being taken for a voice without a name.
    now : datetime, optional
        Time of enrolment; the present if not given.
    scorer : VoiceScorer, optional
        By default the one that fits the model.

    Returns
    -------
    Voice
        As it is stored.

    Raises
    ------
    InputError
        If the name is not one line of 1 to 200 characters, the speech is too short, the voice is not known, does not
        sound like what the person was enrolled with, or is of another model.
    """
    check_new_name(name)
    check_enough(name, sample)
    chosen = scorer or VoiceScorer.for_weights(model.weights)
    reference = reference_of(sample, source, now, recording=recording)
    with store.transaction():
        known, alike = _voice_to_teach(store, name, sample, model, voice_id, threshold, chosen)
        if known is None:
            voice = new_voice(reference, model, name)
        else:
            if not sounds_like(known, reference, chosen):
                raise InputError(
                    f"{name}: this speech does not sound like {known.id}, which has the name; give another name, or "
                    f"`oolong speakers forget {known.id}` first"
                )
            voice = replace(add_reference(known, reference, chosen), name=name)
        voice = replace(voice, id=store.put(voice))
    if alike is not None:
        warn(
            f"{name}, {voice.id}, sounds like {alike.name or 'somebody'}, {alike.id}: where both are as likely, nobody "
            f"is taken for either. If they are one person: oolong speakers merge {alike.id} {voice.id}"
        )
    return voice


def _voice_to_teach(
    store: SpeakerStore,
    name: str,
    sample: VoiceSample,
    model: VoiceModel,
    voice_id: str | None,
    threshold: float,
    scorer: VoiceScorer,
) -> tuple[Voice | None, Voice | None]:
    """Voice to add to, and the one of another name that sounds the same; ``None`` where there is none."""
    if voice_id is not None:
        found = store.get(voice_id)
        if found is None:
            raise unknown_voice(voice_id)
        return found, None
    named = store.list(name)
    if len(named) > 1:
        ids = ", ".join(each.id for each in named)
        raise InputError(f"{name}: several voices have this name ({ids}); merge them, or say which one")
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
