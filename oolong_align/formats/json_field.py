"""Values of a JSON document with their paths, so that error messages name the field to correct."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn, TypeVar

from oolong_align.errors import InputError
from oolong_align.timing.grid import LONGEST_S

__all__ = ["Field", "parse_object"]

T = TypeVar("T")

_INVALID: Final = "Invalid transcript JSON"
_ADVICE: Final = "Use a JSON file written by oolong, or read files of other tools with `oolong align`."


@dataclass(frozen=True, slots=True)
class Field:
    """A value of a JSON document and its path, such as ``segments[3].words[0].start``.

    All methods that read the value raise `oolong_align.errors.InputError` if it has another type or is out of range.
    """

    value: object
    path: str

    def refuse(self, reason: str) -> NoReturn:
        """Raise an `InputError` with the path of this value and a reason, such as ``must be a number``."""
        raise InputError(f"{_INVALID}: {self.path or 'the file'} {reason}")

    def has(self, key: str) -> bool:
        """Return whether the value is an object with this field."""
        return isinstance(self.value, dict) and key in self.value

    def get(self, key: str) -> Field:
        """Return a field of an object."""
        if not isinstance(self.value, dict):
            self._refuse_type("an object")
        path = f"{self.path}.{key}" if self.path else key
        if key not in self.value:
            raise InputError(f"{_INVALID}: required field {path} is missing. {_ADVICE}")
        return Field(self.value[key], path)

    def entries(self) -> list[tuple[str, Field]]:
        """Return the keys and values of an object."""
        if not isinstance(self.value, dict):
            self._refuse_type("an object")
        return [(key, Field(value, f"{self.path}.{key}")) for key, value in self.value.items()]

    def items(self) -> list[Field]:
        """Return the items of a list."""
        if not isinstance(self.value, list):
            self._refuse_type("a list")
        return [Field(value, f"{self.path}[{number}]") for number, value in enumerate(self.value)]

    def text(self) -> str:
        """Return a string."""
        if not isinstance(self.value, str):
            self._refuse_type("a string")
        return self.value

    def flag(self) -> bool:
        """Return a boolean."""
        if not isinstance(self.value, bool):
            self._refuse_type("true or false")
        return self.value

    def number(self) -> float:
        """Return a finite number."""
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float)):
            self._refuse_type("a number")
        try:
            number = float(self.value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            self._refuse_type("a finite number")
        return number

    def seconds(self) -> float:
        """Return a time in a recording, in seconds."""
        if not 0 <= self.number() <= LONGEST_S:
            self._refuse_type(f"a number of seconds from 0 to {LONGEST_S:.0f}")
        return self.number()

    def share(self) -> float:
        """Return a number from 0 to 1."""
        if not 0 <= self.number() <= 1:
            self._refuse_type("a number from 0 to 1")
        return self.number()

    def count(self) -> int:
        """Return a non-negative integer."""
        if isinstance(self.value, bool) or not isinstance(self.value, int) or self.value < 0:
            self._refuse_type("a non-negative integer")
        return self.value

    def optional(self, read: Callable[[Field], T]) -> T | None:
        """Return the result of ``read``, or ``None`` for null."""
        return None if self.value is None else read(self)

    def _refuse_type(self, expected: str) -> NoReturn:
        found = json.dumps(self.value, ensure_ascii=True, default=str)
        shown = found if len(found) <= 40 else found[:39] + "…"
        self.refuse(f"must be {expected}, but is {shown}")


def parse_object(text: str) -> Field:
    """Parse a JSON document whose root is an object.

    Raises
    ------
    InputError
        If the text is not JSON, or its root is not an object.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise InputError(f"{_INVALID}: values are nested too deeply. {_ADVICE}") from None
    except ValueError as error:
        raise InputError(f"{_INVALID}: not valid JSON ({error}). {_ADVICE}") from None
    if not isinstance(value, dict):
        raise InputError(f"{_INVALID}: the top level must be an object. {_ADVICE}")
    return Field(value, "")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
