"""Transcripts as other tools write and read them: WhisperX, and OpenAI's ``verbose_json`` and ``diarized_json``.

These hold less than `oolong_align.formats.json`, which is the one to keep.

References
----------
WhisperX, ``whisperx/schema.py``. OpenAI API reference, "The transcription object (verbose JSON)" and "(diarized JSON)".
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Final

from oolong_align.errors import OutputError
from oolong_align.formats.json import Json
from oolong_align.text.clean import replace_surrogates
from oolong_align.text.languages import language_name
from oolong_align.types import Transcript, Utterance, Word

__all__ = ["render_diarized_json", "render_verbose_json", "render_whisperx"]

UNKNOWN_SPEAKER: Final = "unknown"
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Stands in for a probability of 0, which has no logarithm.
_LEAST: Final = 1e-3


def render_whisperx(transcript: Transcript) -> str:
    """Render a transcript as WhisperX writes it after ``assign_word_speakers``.

    Every word has ``start`` and ``end``. ``speaker`` is the name, or the label where none is known; it is left out
    where nobody can be named, as is ``score`` where it is unknown.

    Raises
    ------
    OutputError
        If a number is not finite.
    """
    segments: list[Json] = []
    every: list[Json] = []
    for utterance in transcript.utterances:
        words: list[Json] = [_whisperx_word(word, transcript) for word in utterance.words]
        segments.append(
            {**_span(utterance), "text": utterance.text, "words": words, **_speaker(utterance.speaker, transcript)}
        )
        every += words
    return _dump({"segments": segments, "word_segments": every, "language": transcript.language})


def render_verbose_json(transcript: Transcript) -> str:
    """Render a transcript as OpenAI's ``verbose_json`` with both kinds of time stamps; it has no speakers.

    ``language`` is a name such as ``english``. What this program does not know of a segment has a value that means
    nothing: no tokens, temperature and probability of silence 0, compression ratio 1. ``avg_logprob`` is the mean
    over its words.

    Raises
    ------
    OutputError
        If a number is not finite.
    """
    segments: list[Json] = [
        {
            "id": number,
            "seek": 0,
            **_span(utterance),
            "text": _text(utterance),
            "tokens": [],
            "temperature": 0.0,
            "avg_logprob": _mean_logarithm(utterance.words),
            "compression_ratio": 1.0,
            "no_speech_prob": 0.0,
        }
        for number, utterance in enumerate(transcript.utterances)
    ]
    return _dump(
        {
            "task": "transcribe",
            "language": language_name(transcript.language),
            "duration": _number(transcript.duration),
            "text": _whole_text(transcript.utterances),
            "segments": segments,
            "words": [{"word": word.text, **_span(word)} for word in transcript.words],
        }
    )


def render_diarized_json(transcript: Transcript) -> str:
    """Render a transcript as OpenAI's ``diarized_json``.

    ``speaker`` is the name; speakers without one are ``A``, ``B`` and so on by their first words, and where nobody can
    be named it is ``unknown``, as the field must be a text.

    Raises
    ------
    OutputError
        If a number is not finite.
    """
    names = _letters(transcript)
    segments: list[Json] = [
        {
            "type": "transcript.text.segment",
            "id": f"seg_{number}",
            **_span(utterance),
            "text": utterance.text,
            "speaker": UNKNOWN_SPEAKER if utterance.speaker is None else names[utterance.speaker],
        }
        for number, utterance in enumerate(transcript.utterances)
    ]
    return _dump(
        {
            "task": "transcribe",
            "duration": _number(transcript.duration),
            "text": _whole_text(transcript.utterances),
            "segments": segments,
        }
    )


def _whisperx_word(word: Word, transcript: Transcript) -> dict[str, Json]:
    score: dict[str, Json] = {} if word.probability is None else {"score": _number(word.probability)}
    return {"word": word.text, **_span(word), **score, **_speaker(word.speaker, transcript)}


def _speaker(label: str | None, transcript: Transcript) -> dict[str, Json]:
    return {} if label is None else {"speaker": transcript.display_name(label)}


def _letters(transcript: Transcript) -> dict[str, str]:
    """Name of each speaker who says something; letters that are somebody's name are left out."""
    labels = dict.fromkeys(each.speaker for each in transcript.utterances if each.speaker is not None)
    known = {label: speaker.name for label, speaker in transcript.speakers.items() if speaker.name}
    free = (each for each in map(_letter, range(len(labels) + len(known))) if each not in set(known.values()))
    return {label: known.get(label) or next(free) for label in labels}


def _letter(number: int) -> str:
    """``A`` to ``Z``, then ``AA``, ``AB`` and so on."""
    before, last = divmod(number, len(_LETTERS))
    return (_letter(before - 1) if before else "") + _LETTERS[last]


def _whole_text(utterances: Iterable[Utterance]) -> str:
    return "".join(map(_text, utterances)).strip()


def _text(utterance: Utterance) -> str:
    """Text with the space before it that Whisper's segments have, in scripts with spaces."""
    return (" " if utterance.words and utterance.words[0].leading_space else "") + utterance.text


def _mean_logarithm(words: Sequence[Word]) -> float:
    known = [math.log(max(_number(word.probability), _LEAST)) for word in words if word.probability is not None]
    return _number(fmean(known)) if known else 0.0


def _span(record: Utterance | Word) -> dict[str, Json]:
    return {"start": _number(record.start), "end": _number(record.end)}


def _number(value: float) -> float:
    if not math.isfinite(value):
        raise OutputError(f"a transcript holds the number {value}, which JSON cannot; give finite times and scores")
    return round(float(value), 3) + 0.0  # no -0.0


def _dump(document: dict[str, Json]) -> str:
    return replace_surrogates(json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1)) + "\n"
