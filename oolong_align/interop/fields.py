"""Reads untrusted values by name, from dicts and objects, and rejects invalid ones with a one-line error."""

from __future__ import annotations

import contextlib
import reprlib
from collections.abc import Iterable, Mapping
from math import nan
from numbers import Real
from typing import Any, Final

from oolong_align.errors import InputError
from oolong_align.timing.grid import LONGEST_S

__all__ = ["UnknownShapeError", "field", "is_number", "items", "number", "short", "text_of"]

_ACCEPTED: Final = (
    "Pass Words, a sequence of Word, a faster-whisper result, or a dict with 'segments', 'chunks' or 'transcription' "
    "from Whisper, WhisperX, whisper.cpp, Hugging Face or OpenAI."
)


class UnknownShapeError(InputError):
    """The data does not have the structure of a supported recogniser's result.

    ``reason`` is the message without the advice for Python callers.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}. {_ACCEPTED}")
        self.reason = reason


def field(record: Any, name: str) -> Any:
    """Return a dict's value or an object's attribute, ``None`` if it is missing."""
    return record.get(name) if isinstance(record, Mapping) else getattr(record, name, None)


def items(values: Any, name: str) -> list[Any]:
    """Return the items of an iterable as a list.

    Raises
    ------
    InputError
        If the value is not iterable, or is a string, bytes or a dict.
    """
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise UnknownShapeError(f"Invalid {name}: expected a list, not {short(values)}")
    return list(values)


def number(record: Any, name: str) -> float | None:
    """Return a field as a finite number from 0 to `LONGEST_S`, ``None`` if it is missing.

    Raises
    ------
    InputError
        If the value is anything else.
    """
    value = field(record, name)
    if value is None:
        return None
    found = nan
    if is_number(value):
        with contextlib.suppress(OverflowError):
            found = float(value)
    if not 0 <= found <= LONGEST_S:
        raise InputError(
            f"Invalid {name!r}: expected a finite number from 0 to {LONGEST_S:.0f}, not {reprlib.repr(value)}. "
            "Omit it if it is unknown."
        )
    return found


def is_number(value: object) -> bool:
    """Return whether a value is a real number other than a boolean."""
    return isinstance(value, Real) and not isinstance(value, bool)


def text_of(record: Any, name: str, what: str) -> str:
    """Return a field that must be a string.

    Raises
    ------
    InputError
        If the field is missing or not a string.
    """
    value = field(record, name)
    if not isinstance(value, str):
        raise UnknownShapeError(f"Invalid {what}: expected a string {name!r} in {short(record)}")
    return value


def short(value: object) -> str:
    """Return the type and the beginning of a value on one line, for messages."""
    shown = " ".join(reprlib.repr(value).split())
    return f"{type(value).__name__} {shown if len(shown) <= 100 else shown[:99] + '…'}"
