"""What can be done with the voices of any store: rename, merge and split them.

Each function is one transaction: others see it done or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Final

import numpy as np

from oolong_align.errors import InputError
from oolong_align.speakers.records import Reference, SpeakerStore, Voice, check_new_name, unknown_voice
from oolong_align.types import FloatArray
from oolong_align.util.vectors import l2_normalise

__all__ = ["find_voice", "known_references", "merge_voices", "reference_centroid", "rename_voice", "split_voice"]

_UNKNOWN_TIME: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


def reference_centroid(references: Sequence[Reference]) -> FloatArray:
    """Centroid of references: their directions' mean, weighted by seconds of speech, of unit length, ``(D,)``.

    Raises
    ------
    InputError
        If there are none, or they cancel out.
    """
    if not references:
        raise InputError("a voice without references has no centroid: enrol it from speech")
    weights = np.maximum([each.seconds for each in references], 1e-3).astype(np.float32)
    total = weights @ l2_normalise(np.stack([each.embedding for each in references]))
    if not np.linalg.norm(total) > 1e-3 * weights.sum():
        raise InputError("the references of the voice cancel out: they cannot be one person's")
    return l2_normalise(total)


def known_references(voice: Voice) -> tuple[Reference, ...]:
    """References of a voice; of one that has none, its centroid as if it were all that was heard in one recording."""
    if voice.references:
        return voice.references
    return (
        Reference(
            embedding=voice.centroid,
            source="recording",
            start=0.0,
            end=voice.seconds,
            seconds=voice.seconds,
            enrolled=_UNKNOWN_TIME,
        ),
    )


def find_voice(store: SpeakerStore, voice_id: str) -> Voice:
    """Voice with an id or an alias.

    Raises
    ------
    InputError
        If there is none.
    """
    voice = store.get(voice_id)
    if voice is None:
        raise unknown_voice(voice_id)
    return voice


def rename_voice(store: SpeakerStore, voice_id: str, name: str | None) -> Voice:
    """Give a voice a name, or take it away with ``None``; gives the voice as it is now.

    Raises
    ------
    InputError
        If there is no such voice, or the name is an id or not one line of 1 to 200 characters.
    """
    if name is not None:
        check_new_name(name)
    with store.transaction():
        voice = replace(find_voice(store, voice_id), name=name)
        store.put(voice)
    return voice


def merge_voices(store: SpeakerStore, voice_id: str, *others: str) -> Voice:
    """Make one voice of several that are the same person's; gives that voice.

    The first keeps its id, and its name if it has one, and is found by the ids of the others from then on.

    Raises
    ------
    InputError
        If one of them does not exist, or all are the same already.
    """
    with store.transaction():
        kept = find_voice(store, voice_id)
        merged = {each.id: each for each in (find_voice(store, other) for other in others)}
        merged.pop(kept.id, None)
        if not merged:
            raise InputError(f"merge {voice_id} with another voice: only {kept.id} was named")
        voices = [kept, *merged.values()]
        references = tuple(reference for voice in voices for reference in known_references(voice))
        voice = replace(
            kept,
            name=next((each.name for each in voices if each.name is not None), None),
            seconds=sum(each.seconds for each in voices),
            centroid=reference_centroid(references),
            references=references,
            aliases=tuple(
                alias for each in voices for alias in ((each.id,) if each is not kept else ()) + each.aliases
            ),
        )
        for other in merged:
            store.forget(other)
        store.put(voice)
        return find_voice(store, kept.id)


def split_voice(store: SpeakerStore, voice_id: str, references: Sequence[int]) -> Voice:
    """Make a new voice, without a name, of some references of a voice; gives the new one.

    Parameters
    ----------
    store : SpeakerStore
    voice_id : str
    references : sequence of int
        Positions in ``Voice.references``, from 0; at least one must stay.

    Raises
    ------
    InputError
        If there is no such voice or reference, or one of the two would have none.
    """
    with store.transaction():
        voice = find_voice(store, voice_id)
        count, chosen = len(voice.references), set(references)
        if count < 2:
            raise InputError(f"{voice.id} has {'one reference' if count else 'no references'}: it cannot be split")
        if not chosen <= set(range(count)):
            raise InputError(f"{voice.id} has {count} references, 0 to {count - 1}: there is no {max(chosen)}")
        if not 0 < len(chosen) < count:
            raise InputError(f"{voice.id} has {count} references: move at least one, and leave at least one")
        left: list[Reference] = []
        moved: list[Reference] = []
        for place, each in enumerate(voice.references):
            (moved if place in chosen else left).append(each)
        seconds = sum(each.seconds for each in moved)
        store.put(
            replace(
                voice,
                references=tuple(left),
                seconds=max(voice.seconds - seconds, sum(each.seconds for each in left)),
                centroid=reference_centroid(left),
            )
        )
        parts = replace(voice, id="", name=None, aliases=(), references=tuple(moved))
        new = store.put(replace(parts, seconds=seconds, centroid=reference_centroid(moved)))
        return find_voice(store, new)
