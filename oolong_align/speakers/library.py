"""Rename, merge and split voices in any store. Each function is one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Final

import numpy as np

from oolong_align.errors import InputError
from oolong_align.speakers.records import Reference, SpeakerStore, Voice, check_new_name, unknown_voice_error
from oolong_align.types import FloatArray
from oolong_align.util.vectors import l2_normalise

__all__ = ["find_voice", "known_references", "merge_voices", "reference_centroid", "rename_voice", "split_voice"]

_UNKNOWN_TIME: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


def reference_centroid(references: Sequence[Reference]) -> FloatArray:
    """Centroid of references, ``float32[D]``: L2-normalised mean of their directions, weighted by seconds of speech.

    Raises
    ------
    InputError
        If there are no references, or they cancel out.
    """
    if not references:
        raise InputError("A voice without references has no centroid. Enroll it from speech")
    weights = np.maximum([each.seconds for each in references], 1e-3).astype(np.float32)
    total = weights @ l2_normalise(np.stack([each.embedding for each in references]))
    if not np.linalg.norm(total) > 1e-3 * weights.sum():
        raise InputError("The references of the voice cancel out: they are not speech of one person")
    return l2_normalise(total)


def known_references(voice: Voice) -> tuple[Reference, ...]:
    """References of a voice; a voice without references gets one, with its centroid and all its speech."""
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
    """Return the voice with this id or alias.

    Raises
    ------
    InputError
        If it does not exist.
    """
    voice = store.get(voice_id)
    if voice is None:
        raise unknown_voice_error(voice_id)
    return voice


def rename_voice(store: SpeakerStore, voice_id: str, name: str | None) -> Voice:
    """Set the name of a voice, or remove it with ``None``; return the changed voice.

    Raises
    ------
    InputError
        If the voice does not exist, or the name is an id or not one line of 1 to 200 characters.
    """
    if name is not None:
        check_new_name(name)
    with store.transaction():
        voice = replace(find_voice(store, voice_id), name=name)
        store.put(voice)
    return voice


def merge_voices(store: SpeakerStore, voice_id: str, *others: str) -> Voice:
    """Merge several voices of one person into the first one and return it.

    The first voice keeps its id, and its name if it has one. The ids of the others become its aliases.

    Raises
    ------
    InputError
        If a voice does not exist, or all ids refer to the same voice.
    """
    with store.transaction():
        kept = find_voice(store, voice_id)
        merged = {each.id: each for each in (find_voice(store, other) for other in others)}
        merged.pop(kept.id, None)
        if not merged:
            raise InputError(f"Cannot merge {kept.id} with itself. Name at least two different voices")
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
    """Move some references of a voice to a new voice without a name and return the new voice.

    Parameters
    ----------
    store : SpeakerStore
    voice_id : str
    references : sequence of int
        Indices into ``Voice.references``; at least one reference must remain.

    Raises
    ------
    InputError
        If the voice or a reference does not exist, or one of the two voices would have no references.
    """
    with store.transaction():
        voice = find_voice(store, voice_id)
        count, chosen = len(voice.references), set(references)
        if count < 2:
            raise InputError(
                f"Cannot split {voice.id}: it has {'only one reference' if count else 'no references'}. "
                "Choose a voice with at least two."
            )
        if not chosen <= set(range(count)):
            raise InputError(f"Unknown reference {max(chosen)} of {voice.id}. Available: 0 to {count - 1}")
        if not 0 < len(chosen) < count:
            raise InputError(f"Cannot split {voice.id}: select 1 to {count - 1} of its {count} references")
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
