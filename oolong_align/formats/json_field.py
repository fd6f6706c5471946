"""A value inside a JSON file together with the way to it, so that what is wrong can be named."""

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

_ADVICE: Final = "give a file that this program wrote; `oolong align` reads those of other tools"


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a JSON document and its path, such as ``segments[3].words[0].start``.

    Every method that reads raises `oolong_align.errors.InputError` where the value is of another kind.
    """

    value: object
    path: str

    def refuse(self, reason: str) -> NoReturn:
        """Raise an `InputError` that says what is wrong with this value."""
        place = self.path or "the file"
        raise InputError(f"transcript JSON: {place} {reason}")

    def has(self, key: str) -> bool:
        """Tell whether an object has a field."""
        return isinstance(self.value, dict) and key in self.value

    def get(self, key: str) -> Field:
        """Field of an object."""
        if not isinstance(self.value, dict):
            self._refuse_kind("an object")
        path = f"{self.path}.{key}" if self.path else key
        if key not in self.value:
            raise InputError(f"transcript JSON: {path} is missing; {_ADVICE}")
        return Field(self.value[key], path)

    def entries(self) -> list[tuple[str, Field]]:
        """Keys and values of an object."""
        if not isinstance(self.value, dict):
            self._refuse_kind("an object")
        return [(key, Field(value, f"{self.path}.{key}")) for key, value in self.value.items()]

    def items(self) -> list[Field]:
        """Items of a list."""
        if not isinstance(self.value, list):
            self._refuse_kind("a list")
        return [Field(value, f"{self.path}[{number}]") for number, value in enumerate(self.value)]

    def text(self) -> str:
        """Value of a string."""
        if not isinstance(self.value, str):
            self._refuse_kind("a text")
        return self.value

    def flag(self) -> bool:
        """Value of a boolean."""
        if not isinstance(self.value, bool):
            self._refuse_kind("true or false")
        return self.value

    def number(self) -> float:
        """Value of a finite number."""
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float)):
            self._refuse_kind("a number")
        try:
            number = float(self.value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            self._refuse_kind("a finite number")
        return number

    def seconds(self) -> float:
        """Value of a number that is a time in a recording."""
        if not 0 <= self.number() <= LONGEST_S:
            self._refuse_kind(f"0 or more seconds, up to {LONGEST_S:.0f}")
        return self.number()

    def share(self) -> float:
        """Value of a number from 0 to 1."""
        if not 0 <= self.number() <= 1:
            self._refuse_kind("a number from 0 to 1")
        return self.number()

    def count(self) -> int:
        """Value of a whole number that is not negative."""
        if isinstance(self.value, bool) or not isinstance(self.value, int) or self.value < 0:
            self._refuse_kind("a whole number, 0 or more")
        return self.value

    def optional(self, read: Callable[[Field], T]) -> T | None:
        """Value as ``read`` gives it, ``None`` for null."""
        return None if self.value is None else read(self)

    def _refuse_kind(self, wanted: str) -> NoReturn:
        found = json.dumps(self.value, ensure_ascii=True, default=str)
        shown = found if len(found) <= 40 else found[:39] + "…"
        self.refuse(f"must be {wanted}, not {shown}")


def parse_object(text: str) -> Field:
    """Parse a JSON document whose root is an object.

    Raises
    ------
    InputError
        If it is no JSON, or its root is something else.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise InputError(f"transcript JSON: it is nested too deeply; {_ADVICE}") from None
    except ValueError as error:
        raise InputError(f"transcript JSON: it cannot be parsed ({error}); {_ADVICE}") from None
    if not isinstance(value, dict):
        raise InputError(f"transcript JSON: it holds no object; {_ADVICE}")
    return Field(value, "")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"the number {name} is not JSON")
