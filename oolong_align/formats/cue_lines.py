"""Unbreakable text runs of a cue, and their distribution over its lines."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate, pairwise
from typing import Final, TypeAlias

from oolong_align.text.clean import clean_text
from oolong_align.text.scripts import Gap, clusters, continuation, display_width, find_gap, is_spaceless
from oolong_align.types import Word

__all__ = ["Line", "TextRun", "join_line", "make_runs", "wrap"]

# Costs of breaking a line, added to the cost of uneven lines.
BREAK_COSTS: Final = {Gap.SENTENCE: 0.0, Gap.CLAUSE: 0.02, Gap.WORD: 0.2, Gap.INSIDE: 0.6, Gap.TOUCHING: 10.0}
SHORT_WORD_BREAK: Final = 0.04
SHORT_WORD: Final = 3
NAME_ALONE: Final = 1.0
_ZERO_WIDTH_SPACE: Final = "\u200b"
# Characters to look back, so that a punctuation mark before closing brackets is seen.
_CONTEXT: Final = 4


@dataclass(frozen=True, slots=True)
class TextRun:
    """Text that is never broken over two lines: a word, or a part of a word that is too long for a line.

    Attributes
    ----------
    text : str
    start, end : float
        Seconds.
    space : bool
        Whether a space is written before the run.
    gap : Gap
        Kind of break between this run and the previous one.
    width : int
        Columns of the text, without the space.
    """

    text: str
    start: float
    end: float
    space: bool
    gap: Gap
    width: int


Line: TypeAlias = tuple[TextRun, ...]


def make_runs(words: Sequence[Word], *, line_width: int, first_width: int, line_count: int) -> list[TextRun]:
    """Split words into the text runs that lines are made of.

    A word stays whole even if it is wider than a line. It is split at spaces inside it, between the characters of a
    script without spaces, and anywhere if it would fill more than a whole cue.

    Parameters
    ----------
    words : sequence of Word
        Words with empty text are skipped.
    line_width, first_width : int
        Columns of a line, and columns that the speaker's name leaves on the first line.
    line_count : int
        Lines of a cue.
    """
    room = max(first_width, (line_width + 1) // 2)
    runs: list[TextRun] = []
    for word in _join_split_characters(words):
        parts = _cut_word(word.text, line_width=line_width, room=room, line_count=line_count)
        length = sum(len(text) for text, _ in parts)
        done = 0
        for number, (text, inner_space) in enumerate(parts):
            space = inner_space if number else word.leading_space
            previous = runs[-1].text if runs else ""
            inside = number > 0 and not inner_space
            gap = _inner_gap(previous, text) if inside else find_gap(previous, text, leading_space=space)
            start, end = (word.start + (word.end - word.start) * at / length for at in (done, done + len(text)))
            runs.append(TextRun(text, start, end, space, gap, display_width(text)))
            done += len(text)
    return runs


def join_line(texts: Sequence[str], line: Line) -> str:
    """Join the texts of a line, one for each of its runs, with the spaces between them."""
    return "".join(
        (" " if number and run.space else "") + text for number, (text, run) in enumerate(zip(texts, line, strict=True))
    )


def wrap(runs: Sequence[TextRun], *, width: int, count: int, indent: int) -> tuple[Line, ...]:
    """Distribute runs over as few lines as possible, of similar length, with breaks at clauses where possible.

    An extra line is used if it avoids a break between runs that touch.

    Parameters
    ----------
    runs : sequence of TextRun
        Not empty.
    width, count : int
        Columns of a line, lines of a cue.
    indent : int
        Columns of the speaker's name at the start of the first line. That line is empty if only the name fits.

    Returns
    -------
    tuple of Line
        At most ``count`` lines. A line is wider than ``width`` only if it is a single run.
    """
    name = [TextRun("", 0.0, 0.0, False, Gap.WORD, indent)] if indent else []
    parts = [*name, replace(runs[0], space=False), *runs[1:]]
    ends = list(accumulate((part.width + part.space for part in parts), initial=0))
    number = len(parts)

    def cost_of_line(first: int, stop: int) -> float:
        used = ends[stop] - ends[first] - parts[first].space
        if used > width and stop > first + 1:
            return math.inf
        return (max(width - used, 0) / width) ** 2

    @cache
    def best(first: int, lines: int) -> tuple[float, tuple[int, ...]]:
        """Lowest cost of the parts from ``first`` on ``lines`` lines, and the ends of these lines."""
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

    least = math.inf
    places: tuple[int, ...] = (number,)
    for lines in range(1, min(count, number) + 1):
        cost, cuts = best(0, lines)
        if cost < least:
            least, places = cost, cuts
        if least < BREAK_COSTS[Gap.TOUCHING]:
            break
    return tuple(tuple(runs[a:b]) for a, b in pairwise((0, *(place - len(name) for place in places))))


def _break_cost(parts: Sequence[TextRun], at: int) -> float:
    gap = parts[at].gap
    # Articles and prepositions are short in most languages and belong to the next word.
    hanging = gap == Gap.WORD and len(parts[at - 1].text) <= SHORT_WORD
    return BREAK_COSTS[gap] + (SHORT_WORD_BREAK if hanging else 0.0)


def _join_split_characters(words: Sequence[Word]) -> Iterator[Word]:
    """Yield words with clean, non-empty text that starts with a whole character.

    Transcribers split some scripts into tokens that start with a vowel sign of the previous letter. The sign is moved
    back to that letter.
    """
    last: Word | None = None
    space = False
    for word in words:
        text = clean_text(word.text)
        space = space or word.leading_space
        split = continuation(last.text, text) if last and not space else 0
        if last and split:
            end = word.end if split == len(text) else last.end
            last = replace(last, text=last.text + text[:split], end=max(last.end, end))
            text = text[split:]
        if text:
            if last:
                yield last
            last = replace(word, text=text, leading_space=space)
            space = False
    if last:
        yield last


def _cut_word(text: str, *, line_width: int, room: int, line_count: int) -> list[tuple[str, bool]]:
    """Split a word into parts, each with a flag for a space before it."""
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
    """Split text into parts of at most ``width`` columns, of similar width if no position is better than others."""
    characters = clusters(text)
    edges = list(accumulate(map(display_width, characters), initial=0))
    fragments: list[str] = []
    start = 0
    while edges[-1] - edges[start] > width and start + 1 < len(characters):
        left = edges[-1] - edges[start]
        even = edges[start] + left / math.ceil(left / width)
        first = max(bisect_left(edges, edges[start] + width // 2), start + 1)
        stop = max(bisect_right(edges, edges[start] + width), first + 1)
        cut = max(range(first, stop), key=lambda at: (_gap_in_word(characters, at), -abs(edges[at] - even)))
        fragments.append("".join(characters[start:cut]))
        start = cut
    return [*fragments, "".join(characters[start:])]


def _gap_in_word(characters: Sequence[str], at: int) -> Gap:
    return _inner_gap("".join(characters[max(at - _CONTEXT, 0) : at]), "".join(characters[at : at + 1]))


def _inner_gap(previous: str, text: str) -> Gap:
    """Return the gap between two parts of a word; Japanese words rarely continue after a hiragana ending."""
    gap = find_gap(previous, text, leading_space=False)
    if gap != Gap.WORD or previous[-1] == _ZERO_WIDTH_SPACE or (_is_hiragana(previous[-1]) > _is_hiragana(text[0])):
        return gap
    return Gap.INSIDE


def _is_hiragana(character: str) -> bool:
    return "\u3041" <= character <= "\u309f"
