"""The portable file of a library: all voices as JSON, from any kind of store into any other.

Embeddings are base64 of little-endian float32, so that nothing is lost. What is read is checked as a whole before
anything is written.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import numpy as np

from oolong_align.errors import InputError
from oolong_align.speakers.records import (
    LARGEST_DIMENSION,
    Reference,
    SpeakerStore,
    Voice,
    VoiceModel,
    check_model,
    check_voice,
    voice_number,
)
from oolong_align.types import FloatArray

__all__ = ["add_voices", "export_voices", "import_voices", "read_voices"]

FORMAT: Final = "oolong-voices"
VERSION: Final = 1


def export_voices(store: SpeakerStore) -> str:
    """Write all voices of a store as JSON, one voice a line."""
    voices = store.list()
    model = voices[0].model if voices else None
    head = {"format": FORMAT, "version": VERSION, "model": None if model is None else _model_fields(model)}
    lines = ",\n".join(json.dumps(_voice_fields(voice), ensure_ascii=False) for voice in voices)
    return f'{json.dumps(head, ensure_ascii=False)[:-1]}, "voices": [\n{lines}\n]}}\n'


def import_voices(store: SpeakerStore, text: str) -> dict[str, str]:
    """Add the voices of an exported file to a store, as `add_voices` does with those that `read_voices` gives."""
    return add_voices(store, read_voices(text))


def add_voices(store: SpeakerStore, voices: Sequence[Voice]) -> dict[str, str]:
    """Add voices of one model to a store, all or none.

    A voice keeps its id and aliases if the store has not come to their numbers yet; in a new store all keep theirs.
    A voice that has speech in common with one that is there already is that one, which is left as it is. Others get new
    ids.

    Returns
    -------
    dict of str to str
        Id, or alias, that was given -> id in the store.

    Raises
    ------
    InputError
        If the voices are malformed or of another model than those of the store.
    """
    ids: dict[str, str] = {}
    with store.transaction():
        if voices:
            check_model(store.model(), voices[0].model, "the library")
        there = {speech: voice.id for voice in store.list() for speech in _speech(voice)}
        for voice in voices:
            found = next((there[speech] for speech in _speech(voice) if speech in there), None)
            if found is not None:
                ids |= dict.fromkeys((voice.id, *voice.aliases), found)
        new = [voice for voice in voices if voice.id not in ids]
        free = _claim(store, new)
        for voice in new:
            aliases = tuple(alias for alias in voice.aliases if alias in free)
            for alias in aliases:
                store.forget(alias)
            kept = store.put(replace(voice, id=voice.id if voice.id in free else "", aliases=aliases))
            ids |= dict.fromkeys((voice.id, *voice.aliases), kept)
    return ids


def _claim(store: SpeakerStore, voices: Sequence[Voice]) -> set[str]:
    """Ids and aliases that were never used in the store; each is held by a voice from now on."""
    free = set()
    names = [(name, voice) for voice in voices for name in (voice.id, *voice.aliases)]
    for name, voice in sorted(names, key=lambda each: voice_number(each[0]) or 0):
        if store.get(name) is None:
            with suppress(InputError):  # it was used before
                free.add(store.put(replace(voice, id=name, aliases=())))
    return free


def _speech(voice: Voice) -> list[bytes]:
    """Embeddings that a voice was learned from; no two recordings give the same."""
    return [each.embedding.tobytes() for each in voice.references] or [voice.centroid.tobytes()]


def _model_fields(model: VoiceModel) -> dict[str, object]:
    return {"name": model.name, "weights": model.weights, "dimension": model.dimension}


def _voice_fields(voice: Voice) -> dict[str, object]:
    return {
        "id": voice.id,
        "name": voice.name,
        "aliases": voice.aliases,
        "seconds": voice.seconds,
        "centroid": _encode(voice.centroid),
        "references": [
            {
                "source": each.source,
                "recording": each.recording,
                "start": each.start,
                "end": each.end,
                "seconds": each.seconds,
                "enrolled": each.enrolled.isoformat(),
                "embedding": _encode(each.embedding),
            }
            for each in voice.references
        ],
    }


def _encode(vector: FloatArray) -> str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")


def read_voices(text: str) -> list[Voice]:
    """Voices of an exported file, sorted by number, each checked.

    Raises
    ------
    InputError
        If the text is no such file, or a voice in it is malformed.
    """
    try:
        content = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise InputError(f"this is no exported library: it cannot be read as JSON ({error})") from error
    where = "this is no exported library"
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f'{where}: "format" is not "{FORMAT}"; make one by `oolong speakers export`')
    if content.get("version") != VERSION:
        raise InputError(f"the library is of version {content.get('version')!r}, not {VERSION}: upgrade oolong-align")
    listed = _field(content, "voices", list, where)
    if not listed:
        return []
    fields = _field(content, "model", dict, where)
    model = VoiceModel(
        name=_field(fields, "name", str, "the model"),
        weights=_field(fields, "weights", str, "the model"),
        dimension=_field(fields, "dimension", int, "the model"),
    )
    if not 0 < model.dimension <= LARGEST_DIMENSION:
        raise InputError(f"the model has {model.dimension} dimensions: 1 to {LARGEST_DIMENSION} can be stored")
    voices = [_voice(each, model, f"voice {place} of the file") for place, each in enumerate(listed)]
    ids = [name for voice in voices for name in (voice.id, *voice.aliases)]
    if len(ids) > len(set(ids)):
        raise InputError("two voices of the file have the same id: export the library again")
    return sorted(voices, key=lambda voice: voice_number(voice.id) or 0)


def _voice(fields: object, model: VoiceModel, where: str) -> Voice:
    if not isinstance(fields, dict):
        raise InputError(f"{where} is not an object")
    name = fields.get("name")
    aliases = _field(fields, "aliases", list, where)
    if not (name is None or isinstance(name, str)) or not all(isinstance(each, str) for each in aliases):
        raise InputError(f"{where}: name and aliases must be texts")
    voice = Voice(
        id=_field(fields, "id", str, where),
        name=name,
        model=model,
        seconds=_number(fields, "seconds", where),
        centroid=_decode(fields, "centroid", where),
        references=tuple(_reference(each, where) for each in _field(fields, "references", list, where)),
        aliases=tuple(aliases),
    )
    if not voice.id:
        raise InputError(f"{where} has no id")
    check_voice(voice)
    return voice


def _reference(fields: object, where: str) -> Reference:
    if not isinstance(fields, dict):
        raise InputError(f"{where}: a reference is not an object")
    enrolled = _field(fields, "enrolled", str, where)
    try:
        time = datetime.fromisoformat(enrolled)
    except ValueError as error:
        raise InputError(f"{where}: {enrolled[:80]!r} is no time in ISO 8601") from error
    return Reference(
        embedding=_decode(fields, "embedding", where),
        source=_field(fields, "source", str, where),
        start=_number(fields, "start", where),
        end=_number(fields, "end", where),
        seconds=_number(fields, "seconds", where),
        enrolled=time,
        recording=_field(fields, "recording", str, where) if "recording" in fields else fields["source"],
    )


def _field(fields: Mapping[str, Any], name: str, kind: type, where: str) -> Any:
    value = fields.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InputError(f"{where}: {name!r} must be {kind.__name__}, not {type(value).__name__}")
    return value


def _number(fields: Mapping[str, Any], name: str, where: str) -> float:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:
        raise InputError(f"{where}: {name!r} must be a number of seconds")
    return float(value)


def _decode(fields: Mapping[str, Any], name: str, where: str) -> FloatArray:
    encoded = _field(fields, name, str, where)
    try:
        return np.frombuffer(base64.b64decode(encoded, validate=True), dtype="<f4").astype(np.float32)
    except (binascii.Error, ValueError) as error:
        raise InputError(f"{where}: {name!r} is not base64 of float32 ({error})") from error


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")
