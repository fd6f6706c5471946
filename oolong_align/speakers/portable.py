"""Export and import a voice library as a portable JSON file, between any kinds of stores.

Embeddings are base64 of little-endian float32, which is lossless. The whole file is validated before anything is
written to a store.
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
    check_same_model,
    check_voice,
    voice_number,
)
from oolong_align.types import FloatArray

__all__ = ["add_voices", "export_voices", "import_voices", "read_voices"]

FORMAT: Final = "oolong-voices"
VERSION: Final = 1


def export_voices(store: SpeakerStore) -> str:
    """Return all voices of a store as JSON, one voice per line."""
    voices = store.list()
    model = voices[0].model if voices else None
    head = {"format": FORMAT, "version": VERSION, "model": None if model is None else _model_fields(model)}
    lines = ",\n".join(json.dumps(_voice_fields(voice), ensure_ascii=False) for voice in voices)
    return f'{json.dumps(head, ensure_ascii=False)[:-1]}, "voices": [\n{lines}\n]}}\n'


def import_voices(store: SpeakerStore, text: str) -> dict[str, str]:
    """Add the voices of an exported file to a store; `read_voices` followed by `add_voices`."""
    return add_voices(store, read_voices(text))


def add_voices(store: SpeakerStore, voices: Sequence[Voice]) -> dict[str, str]:
    """Add voices of one model to a store, all or none.

    Voices keep ids and aliases whose numbers the store has not used yet, so all keep theirs in a new store; others get
    new ids. A voice that shares speech with a stored voice is treated as that voice, which is not changed.

    Returns
    -------
    dict of str to str
        Given id or alias -> id in the store.

    Raises
    ------
    InputError
        If the voices are malformed or of another model than the voices in the store.
    """
    ids: dict[str, str] = {}
    with store.transaction():
        if voices:
            check_same_model(store.model(), voices[0].model)
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
    """Reserve all ids and aliases that were never used in the store, and return them."""
    free = set()
    names = [(name, voice) for voice in voices for name in (voice.id, *voice.aliases)]
    for name, voice in sorted(names, key=lambda each: voice_number(each[0]) or 0):
        if store.get(name) is None:
            with suppress(InputError):  # the id was used before
                free.add(store.put(replace(voice, id=name, aliases=())))
    return free


def _speech(voice: Voice) -> list[bytes]:
    """Embeddings from which a voice was learned; they differ between any two recordings."""
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
    """Parse and check an exported file; return its voices sorted by number.

    Raises
    ------
    InputError
        If the text is not an exported library, or a voice is malformed.
    """
    try:
        content = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"Not an exported voice library: invalid JSON ({error}). Create one with `oolong speakers export`"
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(
            f'Not an exported voice library: "format" is not "{FORMAT}". Create one with `oolong speakers export`'
        )
    if content.get("version") != VERSION:
        raise InputError(
            f"Unsupported version {content.get('version')!r} of the exported library, expected {VERSION}. "
            "Upgrade oolong-align"
        )
    listed = _field(content, "voices", list, "library")
    if not listed:
        return []
    fields = _field(content, "model", dict, "library")
    model = VoiceModel(
        name=_field(fields, "name", str, "model"),
        weights=_field(fields, "weights", str, "model"),
        dimension=_field(fields, "dimension", int, "model"),
    )
    if not 0 < model.dimension <= LARGEST_DIMENSION:
        raise _invalid(f"the model has {model.dimension} dimensions, expected 1 to {LARGEST_DIMENSION}")
    voices = [_voice(each, model, f"voice {place}") for place, each in enumerate(listed)]
    ids = [name for voice in voices for name in (voice.id, *voice.aliases)]
    if len(ids) > len(set(ids)):
        raise _invalid("two voices have the same id. Export the library again")
    return sorted(voices, key=lambda voice: voice_number(voice.id) or 0)


def _voice(fields: object, model: VoiceModel, where: str) -> Voice:
    if not isinstance(fields, dict):
        raise _invalid(f"{where} is not an object")
    name = fields.get("name")
    aliases = _field(fields, "aliases", list, where)
    if not (name is None or isinstance(name, str)) or not all(isinstance(each, str) for each in aliases):
        raise _invalid(f"name and aliases of {where} must be strings")
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
        raise _invalid(f"{where} has no id")
    check_voice(voice)
    return voice


def _reference(fields: object, where: str) -> Reference:
    if not isinstance(fields, dict):
        raise _invalid(f"a reference of {where} is not an object")
    enrolled = _field(fields, "enrolled", str, where)
    try:
        time = datetime.fromisoformat(enrolled)
    except ValueError as error:
        raise _invalid(f"enrollment time {enrolled[:80]!r} of {where} is not in ISO 8601 format") from error
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
        raise _invalid(f"{name!r} of {where} must be {kind.__name__}, not {type(value).__name__}")
    return value


def _number(fields: Mapping[str, Any], name: str, where: str) -> float:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:
        raise _invalid(f"{name!r} of {where} must be a number of seconds")
    return float(value)


def _decode(fields: Mapping[str, Any], name: str, where: str) -> FloatArray:
    encoded = _field(fields, name, str, where)
    try:
        return np.frombuffer(base64.b64decode(encoded, validate=True), dtype="<f4").astype(np.float32)
    except (binascii.Error, ValueError) as error:
        raise _invalid(f"{name!r} of {where} is not base64 of float32 ({error})") from error


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is not a JSON number")


def _invalid(problem: str) -> InputError:
    return InputError(f"Invalid exported voice library: {problem}")
