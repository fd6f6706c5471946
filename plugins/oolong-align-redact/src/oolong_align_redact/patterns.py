"""Custom rules: regular expressions and files of words.

A regular expression can backtrack without end. A timeout stops it, and the run with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import regex

from oolong_align.errors import UsageError
from oolong_align_redact.stream import Span, Stream, tokenise

__all__ = ["Phrases", "compile_pattern", "find_pattern", "find_phrases", "read_phrases"]

LONGEST_PATTERN: Final = 1000
# Repeats are unrolled, and nested ones multiply: a larger expression takes gigabytes before the search.
LARGEST_REPEAT: Final = 100_000
LONGEST_SEARCH_S: Final = 5.0
_REPEAT: Final = regex.compile(r"\{\s*(\d*)\s*,?\s*(\d*)\s*\}")

Phrases: TypeAlias = Mapping[str, Sequence[tuple[str, ...]]]
"""Phrases as tuples of token keys, by their first key."""


def compile_pattern(text: str) -> Any:
    """Compile a regular expression.

    Raises
    ------
    UsageError
        If it is invalid, longer than 1000 characters, or its repeats ``{n,m}`` multiply to more than 100 000.
    """
    shown = text if len(text) <= 60 else f"{text[:57]}..."
    if not text or len(text) > LONGEST_PATTERN:
        raise UsageError(f"Option --redact_pattern has {len(text)} characters. Give 1 to {LONGEST_PATTERN}")
    repeats = math.prod(max(int(count[:9] or 1) for count in match.groups()) or 1 for match in _REPEAT.finditer(text))
    if repeats > LARGEST_REPEAT:
        raise UsageError(
            f"--redact_pattern {shown}: Repeats multiply to {repeats:.1e}. The limit is {LARGEST_REPEAT}; use + or *"
        )
    try:
        return regex.compile(text)
    except (regex.error, ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise UsageError(
            f"--redact_pattern {shown}: Invalid regular expression: {error}. Put a backslash before literal special "
            "characters"
        ) from error


def find_pattern(stream: Stream, pattern: Any, *, seconds: float = LONGEST_SEARCH_S) -> Iterator[Span]:
    """Find the matches of a compiled expression.

    Raises
    ------
    UsageError
        If the search takes longer than `seconds`.
    """
    try:
        for match in pattern.finditer(stream.text, timeout=seconds):
            if match.start() < match.end():
                yield Span(*match.span())
    except TimeoutError:
        raise UsageError(
            f"--redact_pattern {pattern.pattern}: Search not finished after {seconds:g} s. Avoid nested repeats, as in "
            "(a+)+"
        ) from None


def read_phrases(path: Path) -> Phrases:
    """Read words and phrases, one per line; skip empty lines and lines that start with ``#``.

    Raises
    ------
    UsageError
        If the file cannot be read, has a line without letters and digits, or has no words.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"Could not read --redact_words {path}: not UTF-8. Save it as UTF-8") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"Could not read --redact_words {path}: {reason}") from None
    phrases: dict[str, list[tuple[str, ...]]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        keys = tuple(token.key for token in tokenise(line))
        if not keys:
            raise UsageError(
                f"--redact_words {path}:{number}: No letter or digit in {line.strip()[:40]!r}. Remove the line"
            )
        phrases.setdefault(keys[0], []).append(keys)
    if not phrases:
        raise UsageError(f"--redact_words {path}: The file has no words. Write one word or phrase per line")
    return phrases


def find_phrases(stream: Stream, phrases: Phrases) -> Iterator[Span]:
    """Find phrases, ignoring case and punctuation; O(tokens x phrases with the same first word)."""
    tokens = stream.tokens
    keys = [token.key for token in tokens]
    for index, key in enumerate(keys):
        for phrase in phrases.get(key, ()):
            if tuple(keys[index : index + len(phrase)]) == phrase:
                yield Span(tokens[index].start, tokens[index + len(phrase) - 1].end)
