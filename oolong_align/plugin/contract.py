"""Rules for the results of all plugins: types, ranges, order, and speakers that exist.

Each function raises :class:`BrokenRuleError` with the broken rule. The host turns it into an error that names the
plugin, ``testing.py`` into an ``AssertionError``. The cost is linear in the number of records.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, Protocol, TypeVar

import numpy as np

from oolong_align.types import (
    Diarization,
    DiarizeSegment,
    FloatArray,
    Speaker,
    SpeakerSegment,
    SpeechRange,
    Transcript,
    Utterance,
    Word,
    Words,
)

__all__ = [
    "BrokenRuleError",
    "validate_diarization",
    "validate_embedding",
    "validate_scores",
    "validate_transcript",
    "validate_type",
    "validate_words",
]

_TOLERANCE_S: Final = 1e-3
# A turn of pyannote.audio ends in the middle of its last frame, which may be after the last sample.
_FRAME_S: Final = 0.062

Checked = TypeVar("Checked")


class BrokenRuleError(ValueError):
    """A result breaks the contract; the message states the rule and the offending value."""


class _Span(Protocol):
    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...


def validate_type(value: object, expected: type[Checked]) -> Checked:
    """Check that a value has a type."""
    if not isinstance(value, expected):
        note = " (did you forget wrapper=True?)" if hasattr(value, "gi_code") else ""
        raise BrokenRuleError(f"must be {expected.__name__}, not {type(value).__name__}{note}")
    return value


def validate_diarization(value: object) -> Diarization:
    """Check segments, turns, speech and embeddings of a :class:`Diarization`; embeddings become float32."""
    diarization = validate_type(value, Diarization)
    limit = diarization.duration
    if not (_is_number(limit) and limit >= 0):
        raise BrokenRuleError(f"duration must be a number of seconds, not {limit!r}")
    _check_spans("segments", diarization.segments, SpeakerSegment, limit=limit, apart=True)
    _check_spans("turns", diarization.turns, DiarizeSegment, limit=limit + _FRAME_S)
    _check_spans("speech", diarization.speech, SpeechRange, limit=limit, apart=True)
    known = set(diarization.speaker_ids)
    for speaker in known:
        if not _is_speaker_id(speaker):
            raise BrokenRuleError(f"speaker ids must be integers from 0, not {speaker!r}")
    for segment in diarization.segments:
        if segment.speaker_id not in known:
            raise BrokenRuleError(f"segments contain speaker {segment.speaker_id!r}, which has no turn")
    embeddings: dict[int, FloatArray] = {}
    for speaker, vector in _items(diarization.embeddings):
        if not _is_speaker_id(speaker):
            raise BrokenRuleError(f"embeddings must have speaker ids, integers from 0, as keys, not {speaker!r}")
        embeddings[speaker] = validate_embedding(vector, f"the embedding of speaker {speaker!r}")
    if len(sizes := {vector.size for vector in embeddings.values()}) > 1:
        raise BrokenRuleError(f"embeddings must have one size, not {sorted(sizes)}")
    for method in ("embed", "scores") if diarization.voice is not None else ():
        if not callable(getattr(diarization.voice, method, None)):
            raise BrokenRuleError(f"voice must have the method {method}, or be None")
    validate_type(diarization.warnings, tuple)
    if all(vector is diarization.embeddings[speaker] for speaker, vector in embeddings.items()):
        return diarization
    return replace(diarization, embeddings=embeddings)


def validate_embedding(value: object, what: str) -> FloatArray:
    """Check that a value is a finite vector, and return it as float32."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
        kind = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
        raise BrokenRuleError(f"{what} must be a numpy array of float32, not {kind}")
    with np.errstate(over="ignore"):
        vector: FloatArray = value.astype(np.float32, copy=False)
    if vector.ndim != 1 or not np.isfinite(vector).all():
        raise BrokenRuleError(f"{what} must be a finite vector")
    return vector


def validate_scores(value: object) -> dict[int, float]:
    """Check the cosine similarities of a time range to the speakers."""
    scores = dict(_items(value))
    for speaker, cosine in scores.items():
        if not (_is_speaker_id(speaker) and _is_number(cosine)):
            raise BrokenRuleError(f"voice.scores must return a cosine for each speaker id, not {speaker!r}: {cosine!r}")
    return scores


def validate_words(value: object) -> Words:
    """Check order, times and texts of :class:`Words`; strip white space around each word."""
    words = validate_type(value, Words)
    validate_type(words.language, str)
    _check_spans("words", words.words, Word)
    _check_each_word(words.words)
    if all(word.text == word.text.strip() for word in words.words):
        return words
    return replace(words, words=tuple(replace(word, text=word.text.strip()) for word in words.words))


def validate_transcript(value: object) -> Transcript:
    """Check order and times of a :class:`Transcript`, and that its speakers exist."""
    transcript = validate_type(value, Transcript)
    validate_type(transcript.language, str)
    if not (_is_number(transcript.duration) and transcript.duration >= 0):
        raise BrokenRuleError(f"duration must be a number of seconds, not {transcript.duration!r}")
    for label, speaker in _items(transcript.speakers):
        if validate_type(speaker, Speaker).label != label:
            raise BrokenRuleError(f"speakers[{label!r}] has the label {speaker.label!r}")
        if speaker.name is not None and not isinstance(speaker.name, str):
            raise BrokenRuleError(f"a speaker's name must be a str or None, not {speaker.name!r}")
    _check_spans("utterances", transcript.utterances, Utterance)
    for utterance in transcript.utterances:
        _check_spans("words", utterance.words, Word)
        _check_each_word(utterance.words)
        for label in (utterance.speaker, *(word.speaker for word in utterance.words)):
            if label is not None and label not in transcript.speakers:
                raise BrokenRuleError(f"an utterance has speaker {label!r}, which is not in `speakers`")
    return transcript


def _items(value: object) -> Iterable[tuple[Any, Any]]:
    if not isinstance(value, Mapping):
        raise BrokenRuleError(f"must be a mapping of speakers, not {type(value).__name__}")
    return value.items()


def _check_each_word(words: Iterable[Word]) -> None:
    for word in words:
        if not isinstance(word.text, str) or not word.text.strip():
            raise BrokenRuleError(f"a word's text must be a non-empty str, not {word.text!r}")
        if word.probability is not None and not (_is_number(word.probability) and 0 <= word.probability <= 1):
            raise BrokenRuleError(f"a word's probability must be between 0 and 1, not {word.probability!r}")


def _check_spans(
    name: str,
    spans: Iterable[_Span],
    expected: type,
    *,
    limit: float = math.inf,
    apart: bool = False,
) -> None:
    """Check that spans have the expected type, lie in ``[0, limit]`` and are sorted by start; ``apart``: no overlap."""
    validate_type(spans, tuple)
    previous: Any = None
    for span in spans:
        if not isinstance(span, expected):
            raise BrokenRuleError(f"{name} must contain {expected.__name__}, not {type(span).__name__}")
        if not (_is_number(span.start) and _is_number(span.end) and 0 <= span.start <= span.end):
            raise BrokenRuleError(
                f"{name}: invalid time range {span.start!r} to {span.end!r}; times must be finite and 0 <= start <= end"
            )
        if span.end > limit + _TOLERANCE_S:
            raise BrokenRuleError(f"{name}: {span.end!r} s is after the end of the recording at {limit!r} s")
        if previous is not None and span.start < previous.start:
            raise BrokenRuleError(f"{name} must be sorted by start; {span.start!r} s follows {previous.start!r} s")
        if apart and previous is not None and span.start < previous.end - _TOLERANCE_S:
            raise BrokenRuleError(
                f"{name} must not overlap; one starts at {span.start!r} s, the previous one ends at {previous.end!r} s"
            )
        previous = span


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating | np.integer):
        return False
    return math.isfinite(value)


def _is_speaker_id(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= 0)
