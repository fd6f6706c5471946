"""Words as one line of text with tokens, and the mapping from the text back to the words.

A word that is already masked is one opaque character, which matches nothing.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import regex

from oolong_align.hookspecs import is_spaceless
from oolong_align.types import Word

__all__ = ["Span", "Stream", "Token", "fold", "tokenise"]

OPAQUE: Final = "\ufffc"
_TOKEN: Final = regex.compile(rf"{OPAQUE}|[\p{{L}}\p{{N}}][\p{{L}}\p{{M}}\p{{N}}\p{{Cf}}]*")
_DIACRITICS: Final = range(0x0300, 0x0370)


class Span(NamedTuple):
    """Characters ``[start, end)`` of a text."""

    start: int
    end: int


class Token(NamedTuple):
    """A run of letters and digits; one character in scripts without spaces.

    ``key`` is the spelling for comparison; ``capital`` is true if the first letter is a capital.
    """

    key: str
    start: int
    end: int
    capital: bool


def fold(text: str) -> str:
    """Spelling for comparison: without case, Latin diacritics, invisible characters and compatibility forms.

    Examples
    --------
    >>> fold("José"), fold("ＡＤＡ"), fold("Straße")
    ('jose', 'ada', 'strasse')
    """
    if text.isascii():
        return text.casefold()
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    kept = (each for each in parts if ord(each) not in _DIACRITICS and unicodedata.category(each) != "Cf")
    return unicodedata.normalize("NFKC", "".join(kept))


def tokenise(text: str) -> Iterator[Token]:
    """Tokens of a text, in order."""
    for match in _TOKEN.finditer(text):
        run = match[0]
        start = match.start()
        first = 0
        for place, character in enumerate(run):
            if is_spaceless(character):
                if place > first:
                    yield _token(run[first:place], start + first)
                yield _token(character, start + place)
                first = place + 1
        if first < len(run):
            yield _token(run[first:], start + first)


def _token(text: str, start: int) -> Token:
    return Token(fold(text), start, start + len(text), text[0].isupper() or text[0].istitle())


class Stream:
    """Words of a transcript on one line.

    Parameters
    ----------
    words : sequence of (int, Word)
        Each with its index in the transcript.
    opaque : sequence of bool
        By index in the transcript: whether the word is already a mask.

    Attributes
    ----------
    text : str
    tokens : tuple of Token
    """

    def __init__(self, words: Sequence[tuple[int, Word]], opaque: Sequence[bool]) -> None:
        parts: list[str] = []
        self._places: list[int] = []
        self._starts: list[int] = []
        self._ends: list[int] = []
        length = 0
        for place, word in words:
            space = " " if word.leading_space and parts else ""
            text = OPAQUE if opaque[place] else word.text
            parts.append(space + text)
            self._places.append(place)
            self._starts.append(length + len(space))
            length += len(space) + len(text)
            self._ends.append(length)
        self.text = "".join(parts)
        self.tokens = tuple(tokenise(self.text))

    def gap(self, index: int) -> str:
        """Text between a token and the next one, or up to the end of the text."""
        end = self.tokens[index + 1].start if index + 1 < len(self.tokens) else len(self.text)
        return self.text[self.tokens[index].end : end]

    def words_in(self, span: Span) -> Iterator[tuple[int, Span]]:
        """Yield the index of each word that a span touches, and the touched part of its text."""
        first = max(bisect_right(self._starts, span.start) - 1, 0)
        for index in range(first, bisect_left(self._starts, span.end)):
            begin = self._starts[index]
            inside = Span(max(span.start, begin) - begin, min(span.end, self._ends[index]) - begin)
            if inside.start < inside.end:
                yield self._places[index], inside
