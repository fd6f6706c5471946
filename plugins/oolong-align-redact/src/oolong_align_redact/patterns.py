"""What the user names: regular expressions, and files of words.

Regular expressions are hostile: one that backtracks without end is stopped by a clock, and the run with it.
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
# Repeats are unrolled, nested ones multiply: beyond this an expression takes gigabytes before it is searched.
LARGEST_REPEAT: Final = 100_000
LONGEST_SEARCH_S: Final = 5.0
_REPEAT: Final = regex.compile(r"\{\s*(\d*)\s*,?\s*(\d*)\s*\}")

Phrases: TypeAlias = Mapping[str, Sequence[tuple[str, ...]]]
"""Phrases as keys of tokens, by their first key."""


def compile_pattern(text: str) -> Any:
    """Compile a regular expression of the user.

    Raises
    ------
    UsageError
        If it is none, is longer than 1000 characters, or its repeats ``{n,m}`` multiply to more than 100 000.
    """
    shown = text if len(text) <= 60 else f"{text[:57]}..."
    if not text or len(text) > LONGEST_PATTERN:
        raise UsageError(f"--redact_pattern has {len(text)} characters; give 1 to {LONGEST_PATTERN}")
    repeats = math.prod(max(int(count[:9] or 1) for count in match.groups()) or 1 for match in _REPEAT.finditer(text))
    if repeats > LARGEST_REPEAT:
        raise UsageError(
            f"--redact_pattern {shown}: its repeats multiply to {repeats:.1e}; at most {LARGEST_REPEAT}, or use + and *"
        )
    try:
        return regex.compile(text)
    except (regex.error, ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise UsageError(
            f"--redact_pattern {shown}: no regular expression: {error}; put a backslash before signs that stand for "
            "themselves"
        ) from error


def find_pattern(stream: Stream, pattern: Any, *, seconds: float = LONGEST_SEARCH_S) -> Iterator[Span]:
    """Find what a compiled expression matches.

    Raises
    ------
    UsageError
        If that takes longer than some seconds.
    """
    try:
        for match in pattern.finditer(stream.text, timeout=seconds):
            if match.start() < match.end():
                yield Span(*match.span())
    except TimeoutError:
        raise UsageError(
            f"--redact_pattern {pattern.pattern}: still searching after {seconds:g} s; repeat nothing that is "
            "repeated itself, as in (a+)+"
        ) from None


def read_phrases(path: Path) -> Phrases:
    """Read words and phrases, one a line; empty lines and those that start with ``#`` are left out.

    Raises
    ------
    UsageError
        If the file cannot be read, holds a line without letters and digits, or nothing at all.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"--redact_words {path}: is no UTF-8 text; save it as UTF-8") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"--redact_words {path}: cannot be read: {reason}") from None
    phrases: dict[str, list[tuple[str, ...]]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        keys = tuple(token.key for token in tokenise(line))
        if not keys:
            raise UsageError(f"--redact_words {path}:{number}: no letter and no digit in {line.strip()[:40]!r}")
        phrases.setdefault(keys[0], []).append(keys)
    if not phrases:
        raise UsageError(f"--redact_words {path}: holds no words; write one word or phrase a line")
    return phrases


def find_phrases(stream: Stream, phrases: Phrases) -> Iterator[Span]:
    """Find phrases, whatever case and signs are between their words; O(tokens x phrases with one first word)."""
    tokens = stream.tokens
    keys = [token.key for token in tokens]
    for index, key in enumerate(keys):
        for phrase in phrases.get(key, ()):
            if tuple(keys[index : index + len(phrase)]) == phrase:
                yield Span(tokens[index].start, tokens[index + len(phrase) - 1].end)
