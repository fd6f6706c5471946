"""The smallest pieces of a cue's text, and how they are spread over its lines."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate, pairwise
from typing import Final, TypeAlias

from oolong_align.formats.clean import clean_text
from oolong_align.types import Word
from oolong_align.writing import display_width, ends_clause, ends_sentence, is_spaceless, touches

__all__ = ["Line", "Piece", "join_line", "make_pieces", "wrap"]

SENTENCE_BREAK: Final = 0.0
CLAUSE_BREAK: Final = 0.02
WORD_BREAK: Final = 0.2
SHORT_WORD_BREAK: Final = 0.04
SHORT_WORD: Final = 3
NAME_ALONE: Final = 1.0
TOUCHING_BREAK: Final = 10.0
_JOINERS: Final = "\u200c\u200d"


@dataclass(frozen=True, slots=True)
class Piece:
    """What is never broken over two lines: a word, or a part of one that is too long for a line.

    ``start`` and ``end`` are seconds, ``space`` tells whether a space is written before the piece, ``touches``
    whether it should stay with the one before it, ``width`` the columns it takes without that space.
    """

    text: str
    start: float
    end: float
    space: bool
    touches: bool
    width: int


Line: TypeAlias = tuple[Piece, ...]


def make_pieces(words: Sequence[Word], *, line_width: int, first_width: int, line_count: int) -> list[Piece]:
    """Turn words into pieces that lines can be made of.

    A word stays whole, even one that is wider than a line. Only where that cannot be is a word cut: at its own
    spaces, between the characters of a script without spaces, and anywhere when it would fill more than a whole cue.

    Parameters
    ----------
    words : sequence of Word
        Words whose text is empty give no piece.
    line_width, first_width : int
        Columns of a line, and of a first line beside a speaker's name.
    line_count : int
        Lines of a cue.
    """
    room = max(first_width, (line_width + 1) // 2)
    pieces: list[Piece] = []
    space = False
    for word in words:
        space = space or word.leading_space
        parts = _cut_word(clean_text(word.text), line_width=line_width, room=room, line_count=line_count)
        length = sum(len(text) for text, _ in parts)
        done = 0
        for number, (text, inner_space) in enumerate(parts):
            before = space if number == 0 else inner_space
            previous = pieces[-1].text if pieces else ""
            start, end = (word.start + (word.end - word.start) * at / length for at in (done, done + len(text)))
            close = number == 0 and touches(previous, text, leading_space=before)
            pieces.append(Piece(text, start, end, before, close, display_width(text)))
            done += len(text)
        if parts:
            space = False
    return pieces


def join_line(texts: Sequence[str], line: Line) -> str:
    """Write the texts of a line's pieces, one for each, with the spaces between them."""
    return "".join(
        (" " if number and piece.space else "") + text
        for number, (text, piece) in enumerate(zip(texts, line, strict=True))
    )


def wrap(pieces: Sequence[Piece], *, width: int, count: int, indent: int) -> tuple[Line, ...]:
    """Spread pieces over as few lines as they need, of lengths as equal as can be, broken at clauses if possible.

    Parameters
    ----------
    pieces : sequence of Piece
        Not empty.
    width, count : int
        Columns of a line, lines of a cue.
    indent : int
        Columns that a name takes at the start of the first line; that line is empty where only the name fits.

    Returns
    -------
    tuple of Line
        At most ``count`` lines; a line is wider than ``width`` only where it is one piece that is.
    """
    name = [Piece("", 0.0, 0.0, False, False, indent)] if indent else []
    parts = [*name, replace(pieces[0], space=False), *pieces[1:]]
    ends = list(accumulate((part.width + part.space for part in parts), initial=0))
    number = len(parts)

    def cost_of_line(first: int, stop: int) -> float:
        used = ends[stop] - ends[first] - parts[first].space
        if used > width and stop > first + 1:
            return math.inf
        return (max(width - used, 0) / width) ** 2

    @cache
    def best(first: int, lines: int) -> tuple[float, tuple[int, ...]]:
        """Least cost of the parts from ``first`` on ``lines`` lines, and where these lines end."""
        if lines == 1:
            return cost_of_line(first, number), (number,)
        cheapest: tuple[float, tuple[int, ...]] = (math.inf, ())
        for stop in range(first + 1, number):
            line = cost_of_line(first, stop)
            if line == math.inf:
                break
            rest, cuts = best(stop, lines - 1)
            cost = line + rest + (NAME_ALONE if name and stop == 1 else _break_cost(parts, stop))
            if cost < cheapest[0]:
                cheapest = (cost, (stop, *cuts))
        return cheapest

    for lines in range(1, count + 1):
        cost, cuts = best(0, lines)
        if cost < math.inf:
            places = [0, *(cut - len(name) for cut in cuts)]
            return tuple(tuple(pieces[a:b]) for a, b in pairwise(places))
    return (tuple(pieces),)


def _break_cost(parts: Sequence[Piece], at: int) -> float:
    last = parts[at - 1].text
    if parts[at].touches:
        return TOUCHING_BREAK
    if ends_sentence(last):
        return SENTENCE_BREAK
    if ends_clause(last):
        return CLAUSE_BREAK
    # Articles and prepositions are short in most languages, and belong to what follows.
    return WORD_BREAK + (SHORT_WORD_BREAK if len(last) <= SHORT_WORD else 0.0)


def _cut_word(text: str, *, line_width: int, room: int, line_count: int) -> list[tuple[str, bool]]:
    """Parts of a word, each with whether a space stands before it."""
    if not text:
        return []
    if display_width(text) <= room:
        return [(text, False)]
    parts = text.split(" ") if display_width(text) > line_width else [text]
    cut: list[tuple[str, bool]] = []
    for number, part in enumerate(parts):
        limit = room if any(map(is_spaceless, part)) else line_width * line_count
        fragments = _cut_at_width(part, room) if display_width(part) > limit else [part]
        cut.extend((fragment, number > 0 and index == 0) for index, fragment in enumerate(fragments))
    return cut


def _cut_at_width(text: str, width: int) -> list[str]:
    """Cut a text into parts of at most ``width`` columns, between characters that may be parted if there are any."""
    fragments: list[str] = []
    start = used = soft = 0
    for place, character in enumerate(text):
        if used + display_width(character) > width and place > start:
            cut = soft if soft > start else _before_marks(text, start, place)
            fragments.append(text[start:cut])
            start, used = cut, display_width(text[cut:place])
        if place > start and not touches(text[place - 1], character, leading_space=False) and not _is_mark(text, place):
            soft = place
        used += display_width(character)
    return [*fragments, text[start:]]


def _before_marks(text: str, start: int, place: int) -> int:
    """Nearest place before ``place`` that does not part a character from its combining marks."""
    cut = place
    while cut > start + 1 and _is_mark(text, cut):
        cut -= 1
    return place if _is_mark(text, cut) else cut


def _is_mark(text: str, place: int) -> bool:
    return unicodedata.category(text[place]).startswith("M") or text[place] in _JOINERS or text[place - 1] in _JOINERS
