"""Reads the JSON of whisper.cpp: joins tokens to words, and the bytes of a character that was split between tokens."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Any, Final

from oolong_align.interop.fields import UnknownShapeError, field, items, number, short, text_of
from oolong_align.interop.recognised import RecognisedSegment
from oolong_align.interop.spelling import split_text, with_spaces
from oolong_align.interop.values import REPLACEMENT, clean, is_escaped, make_word
from oolong_align.text.scripts import touches
from oolong_align.types import Word

__all__ = ["WHISPER_CPP", "read_segment"]

WHISPER_CPP: Final = "whisper.cpp"
_SPECIAL_TOKEN: Final = re.compile(r"\[_\w+\]")


def read_segment(segment: Any) -> RecognisedSegment:
    """Read a segment: its tokens joined to words (``-ojf``), or its text without word times.

    Raises
    ------
    InputError
        If the segment has no text, or a value is invalid.
    """
    start, end = _read_offsets(segment)
    text = clean(text_of(segment, "text", "segment"))
    words: list[Word] = []
    confidences: list[list[float]] = []
    for token, span, confidence in _whole_tokens(items(field(segment, "tokens") or (), "tokens")):
        bare, spaced = token.strip(), token[:1].isspace()
        if words and bare and touches(words[-1].text.strip(), bare, leading_space=spaced) and not spaced:
            words[-1] = make_word(words[-1].text + token, words[-1].start, span[1])
            confidences[-1] += confidence
        else:
            words.append(make_word(token, *span))
            confidences.append(list(confidence))
    if not words or (REPLACEMENT not in text and any(REPLACEMENT in word.text for word in words)):
        return RecognisedSegment(start, end, tuple(with_spaces(split_text(text))))
    rated = [
        Word(word.start, word.end, word.text, fmean(values) if values else None)
        for word, values in zip(words, confidences, strict=True)
    ]
    return RecognisedSegment(start, end, tuple(with_spaces(rated)))


def _whole_tokens(
    tokens: Iterable[Any],
) -> Iterable[tuple[str, tuple[float | None, float | None], list[float]]]:
    """Yield text, span and confidences of each token; tokens that share a character are merged into one."""
    waiting = b""
    start: float | None = None
    end: float | None = None
    confidences: list[float] = []
    for token in tokens:
        text = text_of(token, "text", "token")
        if _SPECIAL_TOKEN.fullmatch(text):
            continue
        first, end = _read_offsets(token)
        start = start if waiting else first
        probability = number(token, "p")
        confidences += [] if probability is None else [probability]
        waiting += text.encode("utf-8", "surrogateescape" if is_escaped(text) else "replace")
        if _is_whole(waiting):
            yield waiting.decode("utf-8", "replace"), (start, end), confidences
            waiting, confidences = b"", []
    if waiting:
        yield waiting.decode("utf-8", "replace"), (start, end), confidences


def _read_offsets(record: Any) -> tuple[float | None, float | None]:
    """Return start and end in seconds; whisper.cpp writes milliseconds."""
    offsets = field(record, "offsets")
    if offsets is not None and not isinstance(offsets, Mapping):
        raise UnknownShapeError(f"Invalid offsets: expected {{'from': .., 'to': ..}}, not {short(offsets)}")
    start, end = number(offsets, "from"), number(offsets, "to")
    return None if start is None else start / 1000, None if end is None else end / 1000


def _is_whole(text: bytes) -> bool:
    """Return whether bytes end with a complete character; invalid UTF-8 counts as complete, as it stays invalid."""
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason != "unexpected end of data"
    return True
