"""The default output: everything known about a recording, as a superset of WhisperX's JSON.

All other formats can be rendered from this file without the audio; `oolong_align.formats.json_reader` reads it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Final, TypeAlias

from oolong_align.errors import OutputError
from oolong_align.formats.embeddings import encode_embedding
from oolong_align.text.clean import replace_surrogates
from oolong_align.text.scripts import is_spaceless
from oolong_align.types import Diarization, Transcript, Utterance, Word, join_words, speaker_label

__all__ = ["Json", "infer_spaces", "render_json", "round_number"]

Json: TypeAlias = "dict[str, Json] | list[Json] | str | float | int | bool | None"

EMBEDDING_DECIMALS: Final = 6
_NOTHING: Final = Diarization(segments=(), turns=(), speech=(), duration=0.0)


def render_json(transcript: Transcript) -> str:
    """Render a transcript as JSON; equal transcripts produce equal bytes.

    Times are in seconds. Times and probabilities are rounded to three decimals, which keeps their order. Every word has
    ``start`` and ``end``; every segment and word has ``speaker``, which is ``null`` if the speaker is unknown.
    ``speaker`` is always a label; names are in ``speakers``. Words have ``leading_space`` only if it cannot be inferred
    from the text of the segment, and ``estimated`` only if their times are estimated.

    Raises
    ------
    OutputError
        If a number is not finite.
    """
    diarization = transcript.diarization or _NOTHING
    segments = [_segment(utterance) for utterance in transcript.utterances]
    document: dict[str, Json] = {
        "segments": [*segments],
        "word_segments": [_word(word) for word in transcript.words],
        "language": transcript.language,
        "duration": round_number(transcript.duration),
        "source": transcript.source,
        "speakers": {
            label: {
                "name": speaker.name,
                "voice": speaker.voice,
                "probability": _optional(speaker.probability),
                "seconds": round_number(speaker.seconds),
                "words": speaker.words,
            }
            for label, speaker in transcript.speakers.items()
        },
        "speaker_embeddings": {
            speaker_label(speaker): [round_number(value, EMBEDDING_DECIMALS) for value in embedding.tolist()]
            for speaker, embedding in sorted(diarization.embeddings.items())
        },
        "pieces": _pieces(diarization),
        "diarization": [_turn(turn.start, turn.end, turn.speaker_id) for turn in diarization.turns],
        "exclusive_diarization": [_turn(turn.start, turn.end, turn.speaker_id) for turn in diarization.segments],
        "speech": [{"start": round_number(span.start), "end": round_number(span.end)} for span in diarization.speech],
        "model": _model(diarization),
        "warnings": list(diarization.warnings),
    }
    return replace_surrogates(_write(document))


def infer_spaces(text: str, words: Sequence[str]) -> list[bool] | None:
    """Infer from a segment's text which words have a space before them; ``None`` if the text differs from the words.

    The text has no space before its first word. That word is assumed to have one unless it starts in a script without
    spaces.
    """
    spaces: list[bool] = []
    place = 0
    for word in words:
        if place == 0:
            space = not (word and is_spaceless(word[0]))
        else:
            space = text.startswith(" " + word, place)
            place += space
        if not word or not text.startswith(word, place):
            return None
        place += len(word)
        spaces.append(space)
    return spaces if place == len(text) else None


def _segment(utterance: Utterance) -> dict[str, Json]:
    text = join_words(utterance.words)
    words = [_word(word) for word in utterance.words]
    spaces = [word.leading_space for word in utterance.words]
    if infer_spaces(text, [word.text for word in utterance.words]) != spaces:
        words = [{**word, "leading_space": space} for word, space in zip(words, spaces, strict=True)]
    return {
        "start": round_number(utterance.start),
        "end": round_number(utterance.end),
        "text": text,
        "speaker": utterance.speaker,
        "words": [*words],
    }


def _word(word: Word) -> dict[str, Json]:
    fields: dict[str, Json] = {
        "word": word.text,
        "start": round_number(word.start),
        "end": round_number(word.end),
        "score": _optional(word.probability),
        "speaker": word.speaker,
        "speaker_confidence": _optional(word.speaker_confidence),
        "overlap": bool(word.overlap),
    }
    return {**fields, "estimated": True} if word.estimated else fields


def _pieces(diarization: Diarization) -> list[Json]:
    if diarization.voice is None:
        return []
    return [
        {
            **_turn(piece.start, piece.end, piece.speaker_id),
            "embedding": encode_embedding(diarization.voice.embed(piece.start, piece.end)),
        }
        for piece in diarization.pieces or diarization.segments
    ]


def _turn(start: float, end: float, speaker: int) -> dict[str, Json]:
    return {"start": round_number(start), "end": round_number(end), "speaker": speaker_label(speaker)}


def _model(diarization: Diarization) -> Json:
    model = diarization.model
    if model is None:
        return None
    return {"bundle": model.bundle, "hashes": dict(sorted(model.hashes.items())), "dimension": model.dimension}


def _optional(value: float | None) -> float | None:
    return None if value is None else round_number(value)


def round_number(value: float, decimals: int = 3) -> float:
    """Round a number for JSON.

    Raises
    ------
    OutputError
        If the number is not finite.
    """
    if not math.isfinite(value):
        raise OutputError(f"Cannot write {value} as JSON: times and scores must be finite. Correct the transcript.")
    return round(float(value), decimals) + 0.0  # no -0.0


def _write(document: dict[str, Json]) -> str:
    """Write one list item or object entry per line, so that two versions can be compared line by line."""
    fields = (f"{_dump(key)}: {_write_value(value)}" for key, value in document.items())
    return "{\n" + ",\n".join(fields) + "\n}\n"


def _write_value(value: Json) -> str:
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(map(_dump, value)) + "\n]"
    if isinstance(value, dict) and value:
        return "{\n" + ",\n".join(f"{_dump(key)}: {_dump(item)}" for key, item in value.items()) + "\n}"
    return _dump(value)


def _dump(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
