"""Values from outside, read by name from objects and dicts alike; everything else is refused in one line."""

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
    "give Words, a sequence of Word, a result of faster-whisper, or a dict with 'segments', 'chunks' or "
    "'transcription' as Whisper, WhisperX, whisper.cpp, Hugging Face and OpenAI return it"
)


class UnknownShapeError(InputError):
    """Something else than what recognisers give; ``reason`` tells what, without the advice for callers in Python."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}; {_ACCEPTED}")
        self.reason = reason


def field(record: Any, name: str) -> Any:
    """Value of a dict's key or an object's attribute; ``None`` where there is none."""
    return record.get(name) if isinstance(record, Mapping) else getattr(record, name, None)


def items(values: Any, name: str) -> list[Any]:
    """List of what an iterable gives.

    Raises
    ------
    InputError
        If it is none, or a text or a dict, which are never meant.
    """
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise UnknownShapeError(f"{name} cannot be read from {short(values)}")
    return list(values)


def number(record: Any, name: str) -> float | None:
    """Finite number from 0 on, no more than a time can be; ``None`` where it is missing.

    Raises
    ------
    InputError
        If it is anything else.
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
            f"{name!r} must be a finite number from 0 on, up to {LONGEST_S:.0f}, not {reprlib.repr(value)}; leave "
            "it out if it is unknown"
        )
    return found


def is_number(value: object) -> bool:
    """Tell whether a value is a real number; a boolean is not meant to be one."""
    return isinstance(value, Real) and not isinstance(value, bool)


def text_of(record: Any, name: str, what: str) -> str:
    """Text of a field.

    Raises
    ------
    InputError
        If it is missing or no text.
    """
    value = field(record, name)
    if not isinstance(value, str):
        raise UnknownShapeError(f"{what} must have its text as {name!r}: {short(record)}")
    return value


def short(value: object) -> str:
    """Type and beginning of a value, on one line, for messages."""
    shown = " ".join(reprlib.repr(value).split())
    return f"{type(value).__name__} {shown if len(shown) <= 100 else shown[:99] + '…'}"
