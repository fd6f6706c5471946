"""Values that several recogniser formats share: text with undecoded bytes, languages, and words with missing times."""

from __future__ import annotations

import re
from math import nan
from typing import Any, Final

from oolong_align.interop.fields import UnknownShapeError, short
from oolong_align.text.languages import language_code
from oolong_align.types import Word

__all__ = ["REPLACEMENT", "clean", "is_escaped", "make_word", "read_language"]

REPLACEMENT: Final = "\ufffd"
_SURROGATES: Final = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """Decode bytes that were read one by one (``surrogateescape``), and replace all other surrogates."""
    if not _SURROGATES.search(text):
        return text
    if is_escaped(text):
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return _SURROGATES.sub(REPLACEMENT, text)


def is_escaped(text: str) -> bool:
    """Return whether all surrogates in a text are bytes escaped by ``surrogateescape``."""
    return all("\udc80" <= each <= "\udcff" for each in _SURROGATES.findall(text))


def make_word(text: str, start: float | None, end: float | None, probability: float | None = None) -> Word:
    """Make a word; missing times become NaN."""
    return Word(nan if start is None else start, nan if end is None else end, text, probability)


def read_language(language: Any) -> str:
    """Return the code of a language that is given by code or name, empty for ``None``.

    Raises
    ------
    InputError
        If the language is not a string.
    """
    if language is None:
        return ""
    if not isinstance(language, str):
        raise UnknownShapeError(f"Invalid language: expected a code such as 'en', not {short(language)}")
    return language_code(language)
