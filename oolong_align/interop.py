"""Words from what other recognisers return: faster-whisper's objects, and the dicts of Whisper and WhisperX.

Strict about values: a time or a probability is a finite number from 0 on, or is missing. Repairs no times; only a
segment that times none of its words has them spread over its length.
"""

from __future__ import annotations

import contextlib
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from math import inf, isnan, nan
from numbers import Real
from typing import Any, Final, TypeAlias

from oolong_align.errors import InputError
from oolong_align.types import Word, Words
from oolong_align.writing import clusters, is_spaceless, touches

__all__ = ["Recognised", "read_words"]

Recognised: TypeAlias = Words | Mapping[str, Any] | Iterable[Any]
"""Words, some `Word`, segments as faster-whisper gives them (alone or with their info), or a dict with "segments"."""

ACCEPTED: Final = (
    "give Words, a sequence of Word, a result of faster-whisper, or a dict with 'segments' as Whisper and WhisperX "
    "return it"
)


def read_words(recognised: Recognised) -> Words:
    """Convert the result of a recogniser.

    Parameters
    ----------
    recognised : Words, sequence of Word, faster-whisper's segments or (segments, info), or dict with "segments"
        Segments may be objects or dicts with ``words``, or with ``text`` alone. A generator is read to its end.

    Returns
    -------
    Words
        In the given order. Times that are missing are NaN; the language is empty where it is not told.

    Raises
    ------
    InputError
        If it is something else, or holds a value that cannot be.
    """
    if isinstance(recognised, Words):
        return Words(recognised.language, _checked(recognised.words))
    language: Any = ""
    segments: Any = recognised
    if isinstance(recognised, Mapping):
        segments, language = recognised.get("segments", recognised), recognised.get("language")
    elif isinstance(recognised, tuple) and len(recognised) == 2 and hasattr(recognised[1], "language"):
        segments, language = recognised[0], recognised[1].language
    language = "" if language is None else language
    if not isinstance(language, str):
        raise InputError(f"the language must be a code such as 'en', not {reprlib.repr(language)}; {ACCEPTED}")
    items = _items(segments, "words")
    if items and all(isinstance(item, Word) for item in items):
        return Words(language, _checked(items))
    return Words(language, tuple(word for segment in items for word in _read_segment(segment)))


def _read_segment(segment: Any) -> list[Word]:
    """Words of one segment; spread over its length where none has a time."""
    found, text = _field(segment, "words"), _field(segment, "text")
    if isinstance(segment, Word) or (found is None and not isinstance(text, str)):
        raise InputError(f"a segment has neither words nor text: {_short(segment)}; {ACCEPTED}")
    start, end = _number(segment, "start"), _number(segment, "end")
    words = [_read_word(word) for word in _items(() if found is None else found, "a segment's words")]
    if not words and isinstance(text, str):
        words = [Word(nan, nan, piece) for piece in _pieces(text)]
    words = _with_spaces(words)
    timed = any(not (isnan(word.start) and isnan(word.end)) for word in words)
    return words if timed or start is None or end is None or end < start else _spread(words, start, end)


def _read_word(word: Any) -> Word:
    text = _field(word, "word")
    if not isinstance(text, str):
        raise InputError(f"a word must have its text as 'word': {_short(word)}; {ACCEPTED}")
    start, end, probability = _number(word, "start"), _number(word, "end"), _number(word, "probability")
    return Word(
        nan if start is None else start,
        nan if end is None else end,
        text,
        _number(word, "score") if probability is None else probability,
    )


def _spread(words: Sequence[Word], start: float, end: float) -> list[Word]:
    """Give each word a part of the span by its length."""
    edges = list(accumulate((len(word.text) for word in words), initial=0))
    times = [start + (end - start) * edge / edges[-1] for edge in edges] if words else []
    return [replace(word, start=first, end=last) for word, (first, last) in zip(words, pairwise(times), strict=True)]


def _with_spaces(words: Iterable[Word]) -> list[Word]:
    """Turn the white space before a segment's words into their flag; where no word has any, the script tells."""
    given = [word for word in words if word.text]
    written = any(word.text[0].isspace() for word in given)
    result: list[Word] = []
    waiting = False
    for word in given:
        text = word.text.strip()
        spaced = word.text[0].isspace() if written else not _is_joined(result[-1].text if result else "", text)
        if text:
            result.append(replace(word, text=text, leading_space=spaced or waiting))
        # Thai has white space between phrases, and Whisper gives it as a word of its own.
        waiting = not text
    return result


def _is_joined(before: str, text: str) -> bool:
    spaceless = any(is_spaceless(character) for character in before[-1:] + text[0])
    return spaceless or touches(before, text, leading_space=True)


def _pieces(text: str) -> list[str]:
    """Split text before white space, and between the letters of scripts that are written without."""
    pieces: list[str] = []
    for run in text.split():
        first = len(pieces)
        for character in clusters(run):
            if len(pieces) > first and touches(pieces[-1], character, leading_space=False):
                pieces[-1] += character
            else:
                pieces.append(character)
        if first or not is_spaceless(run[0]):
            pieces[first] = f" {pieces[first]}"
    return pieces


def _checked(words: Any) -> tuple[Word, ...]:
    """Check the types in `Word` records, whose times may be missing, or any number: they are repaired later."""
    checked = tuple(_items(words, "words"))
    for word in checked:
        if not isinstance(word, Word) or not isinstance(word.text, str):
            raise InputError(f"words must be Word records with a text, not {_short(word)}; {ACCEPTED}")
        for value in (word.start, word.end, word.probability):
            if value is not None and not _is_number(value):
                raise InputError(
                    f"word {word.text!r}: times and probability must be numbers, not {reprlib.repr(value)}"
                )
    return checked


def _items(values: Any, name: str) -> list[Any]:
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise InputError(f"{name} cannot be read from {_short(values)}; {ACCEPTED}")
    return list(values)


def _field(record: Any, name: str) -> Any:
    return record.get(name) if isinstance(record, Mapping) else getattr(record, name, None)


def _number(record: Any, name: str) -> float | None:
    value = _field(record, name)
    if value is None:
        return None
    number = nan
    if _is_number(value):
        with contextlib.suppress(OverflowError):
            number = float(value)
    if not 0 <= number < inf:
        raise InputError(
            f"{name!r} must be a finite number from 0 on, not {reprlib.repr(value)}; leave it out if it is unknown"
        )
    return number


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _short(value: object) -> str:
    return f"{type(value).__name__} {' '.join(reprlib.repr(value).split())}"
