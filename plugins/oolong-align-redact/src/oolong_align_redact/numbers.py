"""Numbers: everything with a digit, and English number words.

Number words of other languages, fractions such as "half", and a lone "one", "first" or "second", which are mostly not
numbers, are not found.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from oolong_align_redact.stream import Span, Stream, Token

__all__ = ["find_numbers"]

_CARDINALS: Final = frozenset(
    (
        *("zero", "nought", "naught", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
        *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
        *("twenty", "thirty", "forty", "fourty", "fifty", "sixty", "seventy", "eighty", "ninety"),
        *("dozen", "hundred", "thousand", "million", "billion", "trillion"),
    )
)
_ORDINALS: Final = frozenset(
    (
        *("third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth"),
        *("thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth"),
        *("twentieth", "thirtieth", "fortieth", "fiftieth", "sixtieth", "seventieth", "eightieth", "ninetieth"),
        *("hundredth", "thousandth", "millionth", "billionth"),
    )
)
_PLURALS: Final = frozenset(
    form for word in _CARDINALS | _ORDINALS for form in (f"{word}s", f"{word}es", f"{word.removesuffix('y')}ies")
)
_NUMBERS: Final = _CARDINALS | _ORDINALS | _PLURALS
# Numbers only next to a number.
_DIGITS: Final = frozenset(("one", "oh", "o"))
_NEXT_TO_NUMBERS: Final = _DIGITS | {"ones", "first", "second", "double", "triple", "treble"}
_BETWEEN: Final = frozenset(
    ("and", "point", "dot", "dash", "hyphen", "minus", "plus", "slash", "uh", "um", "er", "erm", "extension")
)


def find_numbers(stream: Stream) -> Iterator[Span]:
    """Find numbers and sequences of numbers such as spoken telephone numbers."""
    for run in _runs(stream):
        inside = [place for place, token in enumerate(run) if token.key not in _BETWEEN]
        keys = [run[place].key for place in inside]
        sure = any(_is_number(key) for key in keys)
        if sure or ("one" in keys and sum(key in _DIGITS for key in keys) > 1):
            yield Span(run[inside[0]].start, run[inside[-1]].end)


def _runs(stream: Stream) -> Iterator[list[Token]]:
    """Runs of tokens that can be part of one number."""
    for part, tokens in groupby(stream.tokens, key=lambda each: _is_part(each.key)):
        if part:
            yield list(tokens)


def _is_part(key: str) -> bool:
    return key in _NEXT_TO_NUMBERS or key in _BETWEEN or _is_number(key)


def _is_number(key: str) -> bool:
    return key in _NUMBERS or any(character.isnumeric() and not character.isalpha() for character in key)
