"""Formats of other tools: WhisperX, and OpenAI's ``verbose_json`` and ``diarized_json``.

They contain less than `oolong_align.formats.json`, so keep that file as well.

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

from oolong_align.formats.json import Json, round_number
from oolong_align.text.clean import replace_surrogates
from oolong_align.text.languages import language_name
from oolong_align.types import Transcript, Utterance, Word

__all__ = ["render_diarized_json", "render_verbose_json", "render_whisperx"]

UNKNOWN_SPEAKER: Final = "unknown"
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Replaces a probability of 0, which has no logarithm.
_LEAST: Final = 1e-3


def render_whisperx(transcript: Transcript) -> str:
    """Render a transcript in the format of WhisperX after ``assign_word_speakers``.

    Every word has ``start`` and ``end``. ``speaker`` is the name, or the label of a speaker without a name. Unknown
    speakers and scores are omitted.

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
    """Render a transcript as OpenAI's ``verbose_json`` with segment and word timestamps; it has no speakers.

    ``language`` is a name such as ``english``. ``avg_logprob`` is the mean over the words of the segment. Fields that
    are not known have neutral values: ``tokens`` is empty, ``temperature`` and ``no_speech_prob`` are 0,
    ``compression_ratio`` is 1.

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
            "duration": round_number(transcript.duration),
            "text": _whole_text(transcript.utterances),
            "segments": segments,
            "words": [{"word": word.text, **_span(word)} for word in transcript.words],
        }
    )


def render_diarized_json(transcript: Transcript) -> str:
    """Render a transcript as OpenAI's ``diarized_json``.

    ``speaker`` is the name. Speakers without a name are ``A``, ``B`` and so on in order of their first words. An
    unknown speaker is ``unknown``, because the field must be a string.

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
            "duration": round_number(transcript.duration),
            "text": _whole_text(transcript.utterances),
            "segments": segments,
        }
    )


def _whisperx_word(word: Word, transcript: Transcript) -> dict[str, Json]:
    score: dict[str, Json] = {} if word.probability is None else {"score": round_number(word.probability)}
    return {"word": word.text, **_span(word), **score, **_speaker(word.speaker, transcript)}


def _speaker(label: str | None, transcript: Transcript) -> dict[str, Json]:
    return {} if label is None else {"speaker": transcript.display_name(label)}


def _letters(transcript: Transcript) -> dict[str, str]:
    """Return the name or letter of each speaker with an utterance; letters that are names of speakers are skipped."""
    labels = dict.fromkeys(each.speaker for each in transcript.utterances if each.speaker is not None)
    known = {label: speaker.name for label, speaker in transcript.speakers.items() if speaker.name}
    free = (each for each in map(_letter, range(len(labels) + len(known))) if each not in set(known.values()))
    return {label: known.get(label) or next(free) for label in labels}


def _letter(number: int) -> str:
    """Return ``A`` to ``Z``, then ``AA``, ``AB`` and so on."""
    before, last = divmod(number, len(_LETTERS))
    return (_letter(before - 1) if before else "") + _LETTERS[last]


def _whole_text(utterances: Iterable[Utterance]) -> str:
    return "".join(map(_text, utterances)).strip()


def _text(utterance: Utterance) -> str:
    """Return the text with a leading space, as in Whisper's segments, unless its script has no spaces."""
    return (" " if utterance.words and utterance.words[0].leading_space else "") + utterance.text


def _mean_logarithm(words: Sequence[Word]) -> float:
    known = [math.log(max(round_number(word.probability), _LEAST)) for word in words if word.probability is not None]
    return round_number(fmean(known)) if known else 0.0


def _span(record: Utterance | Word) -> dict[str, Json]:
    return {"start": round_number(record.start), "end": round_number(record.end)}


def _dump(document: dict[str, Json]) -> str:
    return replace_surrogates(json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1)) + "\n"
