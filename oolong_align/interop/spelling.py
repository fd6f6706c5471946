"""Finds where the words of a text start and which of them follow a space.

Recognisers keep white space in words, drop it, or drop punctuation too. The accompanying text or the script shows
what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import nan
from typing import Final

import regex

from oolong_align.text.scripts import clusters, is_spaceless, opens, touches
from oolong_align.types import Word

__all__ = ["are_words", "count_spoken", "fit_to_text", "split_text", "with_spaces"]

_SPOKEN: Final = regex.compile(r"[\p{L}\p{N}]")
_OPENERS: Final = regex.compile(r"[\p{Ps}\p{Pi}]*\Z")
_WHITE_SPACE: Final = regex.compile(r"\s+")
# In scripts without spaces, tokens have a few characters and phrases have many.
_MEAN_TOKEN: Final = 5
# Preceding characters that decide whether a character touches them.
_CONTEXT: Final = 8


def split_text(text: str) -> list[Word]:
    """Split a text into words without times: at white space, and between letters in scripts without spaces."""
    texts: list[str] = []
    for run in text.split():
        first = len(texts)
        parts: list[list[str]] = []
        for character in clusters(run):
            if parts and touches("".join(parts[-1][-_CONTEXT:]), character, leading_space=False):
                parts[-1].append(character)
            else:
                parts.append([character])
        texts += map("".join, parts)
        if first or not is_spaceless(run[0]):
            texts[first] = f" {texts[first]}"
    return [Word(nan, nan, each) for each in texts]


def are_words(texts: Sequence[str]) -> bool:
    """Return whether texts are words or tokens, not phrases."""
    if any(len(text.split()) > 1 for text in texts):
        return False
    lengths = [len(clusters(text.strip())) for text in texts if any(map(is_spaceless, text))]
    return sum(lengths) <= _MEAN_TOKEN * len(lengths)


def count_spoken(text: str) -> int:
    """Count letters and digits."""
    return sum(1 for _ in _SPOKEN.finditer(text))


def with_spaces(words: Iterable[Word], text: str | None = None) -> list[Word]:
    """Set ``leading_space`` from the white space in words, or, if there is none, from the text or the script.

    Parameters
    ----------
    words : iterable of Word
        With their white space, as the recogniser returned them.
    text : str, optional
        The written form of the same words.
    """
    given = [word for word in words if word.text]
    written = any(word.text[0].isspace() for word in given)
    if text and not written:
        fitted = fit_to_text(given, text)
        if fitted is not None:
            return fitted
    result: list[Word] = []
    waiting = False
    for word in given:
        bare = word.text.strip()
        spaced = word.text[0].isspace() if written else not _is_joined(result[-1].text if result else "", bare)
        if bare:
            result.append(replace(word, text=bare, leading_space=spaced or waiting))
        # Thai has white space between phrases, which Whisper returns as a separate word.
        waiting = not bare
    return result


def fit_to_text(words: Sequence[Word], text: str) -> list[Word] | None:
    """Copy spaces and punctuation from a text to its words. Cost: O(length of the text).

    Parameters
    ----------
    words : sequence of Word
        In the order of the text.
    text : str
        The words, with punctuation and white space around them.

    Returns
    -------
    list of Word or None
        An isolated mark in the text becomes a separate word without times. ``None`` if the text has other words.
    """
    found: list[Word] = []
    place = 0
    for word in words:
        bare = word.text.strip()
        if not bare:
            continue
        start = text.find(bare, place)
        if start < 0 or _SPOKEN.search(text, place, start):
            return None
        _join(found, text[place:start], replace(word, text=bare))
        place = start + len(bare)
    if _SPOKEN.search(text, place):
        return None
    head, *marks = _WHITE_SPACE.split(text[place:].rstrip())
    _suffix(found, head)
    return found + [Word(nan, nan, mark) for mark in marks]


def _join(found: list[Word], between: str, word: Word) -> None:
    """Append a word and the text between it and the word before."""
    head, *marks = _WHITE_SPACE.split(between)
    space = bool(marks)
    if space:
        prefix = marks.pop()
    elif not found or opens(found[-1].text, head, word.text):
        head, prefix = "", head
    else:
        prefix = _OPENERS.search(head)[0]
        head = head.removesuffix(prefix)
    _suffix(found, head)
    found += [Word(nan, nan, mark) for mark in marks]
    text = prefix + word.text
    found.append(replace(word, text=text, leading_space=space if found else not is_spaceless(text[0])))


def _suffix(found: list[Word], marks: str) -> None:
    """Append marks to the last word."""
    if marks and found:
        found[-1] = replace(found[-1], text=found[-1].text + marks)
    elif marks:
        found.append(Word(nan, nan, marks))


def _is_joined(before: str, text: str) -> bool:
    spaceless = any(is_spaceless(character) for character in before[-1:] + text[:1])
    return spaceless or touches(before, text, leading_space=True)
