"""Reader of the JSON that `oolong_align.formats.json` writes: ``render_json(read_json(text)) == text``.

Missing or contradictory fields are errors that name the field; the reader does not guess. ``word_segments`` repeats
``segments`` and is not read. Files of other tools are read by `oolong_align.interop`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from oolong_align.diarization.speaker_evidence import StoredEvidence
from oolong_align.errors import InputError
from oolong_align.formats.embeddings import decode_embedding
from oolong_align.formats.json import infer_spaces
from oolong_align.formats.json_field import Field, parse_object
from oolong_align.timing.timeline import mark_overlap
from oolong_align.types import (
    Diarization,
    DiarizeSegment,
    FloatArray,
    ModelInfo,
    Speaker,
    SpeechRange,
    Transcript,
    Utterance,
    Word,
    join_words,
    speaker_number,
)

__all__ = ["read_json"]

_OTHER_TEXT: Final = "differs from the text of its words. Make the same change in both."


def read_json(text: str) -> Transcript:
    """Read a transcript from this project's JSON.

    Parameters
    ----------
    text : str
        The whole file.

    Returns
    -------
    Transcript
        With a diarization. Its ``voice`` uses the embeddings of the stored pieces; it is ``None`` without pieces.

    Raises
    ------
    InputError
        If the text is not a JSON object, a field is missing, or a type, time, label or embedding is invalid. The
        message names the field, such as ``segments[3].words[0].start``.
    """
    root = parse_object(text)
    utterances = [_utterance(field) for field in root.get("segments").items()]
    _check_order(utterances)
    duration = root.get("duration").seconds()
    return Transcript(
        language=root.get("language").text(),
        duration=duration,
        utterances=tuple(utterances),
        diarization=_diarization(root, duration),
        speakers={label: _speaker(label, field) for label, field in root.get("speakers").entries()},
        source=root.get("source").text() if root.has("source") else "",
    )


def _utterance(field: Field) -> Utterance:
    start, end = _span(field)
    words = [_word(word) for word in field.get("words").items()]
    text = field.get("text").text()
    if any(word.has("leading_space") for word in field.get("words").items()):
        spaces: list[bool] | None = [word.get("leading_space").flag() for word in field.get("words").items()]
    else:
        spaces = infer_spaces(text, [word.text for word in words])
    if spaces is None:
        field.get("text").refuse(_OTHER_TEXT)
    spaced = tuple(replace(word, leading_space=space) for word, space in zip(words, spaces, strict=True))
    if join_words(spaced) != text:
        field.get("text").refuse(_OTHER_TEXT)
    return Utterance(start, end, field.get("speaker").optional(Field.text), spaced)


def _word(field: Field) -> Word:
    start, end = _span(field)
    return Word(
        start,
        end,
        field.get("word").text(),
        field.get("score").optional(Field.share),
        field.get("speaker").optional(Field.text),
        field.get("speaker_confidence").optional(Field.share),
        field.get("overlap").flag(),
        estimated=field.has("estimated") and field.get("estimated").flag(),
    )


def _check_order(utterances: Sequence[Utterance]) -> None:
    last = 0.0
    for number, utterance in enumerate(utterances):
        for place, word in enumerate(utterance.words):
            if word.start < last:
                raise InputError(
                    f"Invalid transcript JSON: segments[{number}].words[{place}].start is {word.start}, but the "
                    f"previous word starts at {last}. Sort the words by start time."
                )
            last = word.start


def _speaker(label: str, field: Field) -> Speaker:
    return Speaker(
        label=label,
        name=field.get("name").optional(Field.text),
        voice=field.get("voice").optional(Field.text),
        probability=field.get("probability").optional(Field.share),
        seconds=field.get("seconds").seconds(),
        words=field.get("words").count(),
    )


def _diarization(root: Field, duration: float) -> Diarization:
    turns = tuple(DiarizeSegment(*_turn(field)) for field in root.get("diarization").items())
    exclusive = [_turn(field) for field in root.get("exclusive_diarization").items()]
    embeddings = {
        _speaker_id(field, label): _vector(field) for label, field in root.get("speaker_embeddings").entries()
    }
    pieces = tuple(DiarizeSegment(*_turn(field)) for field in root.get("pieces").items())
    return Diarization(
        segments=mark_overlap(exclusive, turns),
        turns=turns,
        speech=tuple(SpeechRange(*_span(field)) for field in root.get("speech").items()),
        duration=duration,
        embeddings=embeddings,
        pieces=pieces,
        model=root.get("model").optional(_model) if root.has("model") else None,
        voice=_voice(root, pieces, embeddings),
        warnings=tuple(field.text() for field in root.get("warnings").items()) if root.has("warnings") else (),
    )


def _voice(root: Field, spans: Sequence[DiarizeSegment], embeddings: dict[int, FloatArray]) -> StoredEvidence | None:
    pieces = root.get("pieces").items()
    if not pieces:
        return None
    vectors = [_piece_vector(piece.get("embedding")) for piece in pieces]
    size = len(vectors[0])
    wrong = next((number for number, vector in enumerate(vectors) if len(vector) != size), None)
    if wrong is not None:
        pieces[wrong].get("embedding").refuse(f"has {len(vectors[wrong])} numbers, but pieces[0].embedding has {size}")
    if any(len(vector) != size for vector in embeddings.values()):
        root.get("speaker_embeddings").refuse(
            f"must have {size} numbers per speaker, as in pieces: use one model for both"
        )
    return StoredEvidence([(span.start, span.end) for span in spans], np.stack(vectors), embeddings)


def _piece_vector(field: Field) -> FloatArray:
    try:
        return decode_embedding(field.text())
    except ValueError as error:
        field.refuse(f"is not a valid embedding: {error}")


def _vector(field: Field) -> FloatArray:
    return np.array([value.number() for value in field.items()], dtype=np.float32)


def _model(field: Field) -> ModelInfo:
    return ModelInfo(
        bundle=field.get("bundle").text(),
        hashes={part: value.text() for part, value in field.get("hashes").entries()},
        dimension=field.get("dimension").count(),
    )


def _turn(field: Field) -> tuple[float, float, int]:
    start, end = _span(field)
    speaker = field.get("speaker")
    return start, end, _speaker_id(speaker, speaker.text())


def _span(field: Field) -> tuple[float, float]:
    start, end = field.get("start").seconds(), field.get("end").seconds()
    if end < start:
        field.get("end").refuse(f"is {end}, but must be at least start ({start})")
    return start, end


def _speaker_id(field: Field, label: str) -> int:
    number = speaker_number(label)
    if number is None:
        field.refuse(f"has invalid label {label!r}: use SPEAKER_00, SPEAKER_01 and so on. Put names in speakers.")
    return number
