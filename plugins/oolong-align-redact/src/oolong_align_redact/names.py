"""Names without a trained model: introductions, names after titles, and known names. English only.

Finds "my name is X", "I'm X", "call me X", "this is X speaking" and "Mr X", every other occurrence of such a name, and
spelled words. People who are only mentioned are not found: capitals alone cannot separate names from places and
products.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from oolong_align_redact.stream import Span, Stream, Token, tokenise

__all__ = ["Name", "find_introduced", "find_names", "find_spelled", "names_of", "writes_capitals"]

# These precede a name in any case; the next group only before a capital.
_INTRODUCTIONS: Final = (
    *(("name", "is"), ("name", "s"), ("name", "was"), ("my", "names")),
    *(("surname", "is"), ("surname", "s"), ("nickname", "is"), ("nickname", "s")),
)
_BEFORE_CAPITALS: Final = (("i", "m"), ("i", "am"), ("im",), ("call", "me"), ("calls", "me"), ("named",))
_THIS_IS: Final = ("this", "is")
_AFTER_THIS_IS: Final = frozenset(("speaking", "calling", "here", "from", "again"))
_GREETINGS: Final = frozenset(("hi", "hello", "hey", "morning", "afternoon", "evening", "welcome"))
_ABBREVIATED_TITLES: Final = frozenset(("mr", "mrs", "ms", "mx", "dr", "prof"))
_TITLES: Final = _ABBREVIATED_TITLES | {"miss", "mister", "doctor", "professor"}
_PARTICLES: Final = frozenset(
    (
        *("al", "af", "ap", "av", "bin", "da", "de", "del", "den", "der", "di", "dos", "du", "el", "ibn", "la", "le"),
        *("ten", "ter", "van", "von", "y", "zu"),
    )
)
_FILLERS: Final = frozenset(("actually", "also", "er", "erm", "just", "still", "uh", "um", "well"))
# fmt: off
_NO_NAMES: Final = frozenset((
    "a", "about", "after", "again", "all", "am", "an", "and", "any", "are", "as", "at", "be", "because", "been", "but",
    "by", "called", "can", "did", "do", "does", "for", "from", "had", "has", "have", "he", "her", "here", "his", "how",
    "i", "if", "in", "is", "it", "its", "known", "like", "my", "no", "not", "now", "of", "ok", "okay", "on", "or",
    "our", "pronounced", "really", "she", "so", "sorry", "speaking", "spelled", "spelt", "thank", "thanks", "that",
    "the", "their", "them", "then", "there", "these", "they", "this", "those", "to", "too", "unknown", "us", "very",
    "was", "we", "were", "what", "when", "where", "which", "who", "whose", "why", "will", "with", "yes", "you", "your",
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
))
# fmt: on
# "Will" with a capital is a name.
_NAMES_TOO: Final = frozenset(("will",))
_LETTERS_THAT_ARE_WORDS: Final = frozenset("aio")
_FEWEST_SPELLED: Final = 3
_LONGEST: Final = 4
_MOST_FILLERS: Final = 2


class Name(NamedTuple):
    """A word of a name; with ``capital``, only if it is written with a capital."""

    key: str
    capital: bool


def writes_capitals(streams: Iterable[Stream]) -> bool:
    """Whether capitals carry information: not if all letters are small, or all are capitals."""
    found = {token.capital for stream in streams for token in stream.tokens if token.key != "i" and token.key.isalpha()}
    return len(found) > 1


def names_of(text: str) -> Iterator[Name]:
    """Words of a known name, such as a speaker's, without particles."""
    for token in tokenise(text):
        if len(token.key) > 1 and token.key not in _PARTICLES | _TITLES | _NO_NAMES - _NAMES_TOO:
            yield Name(token.key, token.capital)


def find_names(stream: Stream, names: Iterable[Name], *, cased: bool) -> Iterator[Span]:
    """Find further occurrences of known names, with the particles before them."""
    with_capital = {name.key for name in names if name.capital}
    anyhow = {name.key for name in names if not name.capital}
    tokens = stream.tokens
    for index, token in enumerate(tokens):
        if token.key in anyhow or (token.key in with_capital and (token.capital or not cased)):
            first = index
            while first and tokens[first - 1].key in _PARTICLES and not stream.gap(first - 1).strip():
                first -= 1
            yield Span(tokens[first].start, token.end)


def find_introduced(stream: Stream, *, cased: bool) -> Iterator[tuple[Span, tuple[Name, ...]]]:
    """Find names in introductions and after titles.

    Parameters
    ----------
    stream : Stream
    cased : bool
        Whether capitals carry information. If not, only the clearest introductions are used.

    Yields
    ------
    Span, tuple of Name
        The text to mask, and the names to find elsewhere.
    """
    tokens = stream.tokens
    for index, token in enumerate(tokens):
        if any(_ends_with(stream, index, words) for words in _INTRODUCTIONS):
            yield from _named(stream, _skip_fillers(stream, index + 1), cased=cased, any_case=True)
        elif cased and any(_ends_with(stream, index, words) for words in _BEFORE_CAPITALS):
            yield from _named(stream, _skip_fillers(stream, index + 1), cased=cased)
        elif cased and _ends_with(stream, index, _THIS_IS):
            first = _skip_fillers(stream, index + 1)
            last = _name_end(stream, first)
            alone = last > first and (_ends_phrase(stream, last - 1) or stream.gap(last - 1).startswith(","))
            greeted = index > 1 and tokens[index - 2].key in _GREETINGS
            if alone or greeted or (last < len(tokens) and tokens[last].key in _AFTER_THIS_IS):
                yield from _named(stream, first, cased=cased)
        elif token.key in _TITLES and (token.capital or not cased):
            abbreviated = token.key in _ABBREVIATED_TITLES
            if stream.gap(index).strip() in (("", ".") if abbreviated else ("",)):
                yield from _named(stream, index + 1, cased=cased, any_case=not cased and abbreviated)
        elif cased and token.key == "speaking" and (_ends_phrase(stream, index) or stream.gap(index).startswith(",")):
            yield from _named_before(stream, index)


def find_spelled(stream: Stream) -> Iterator[Span]:
    """Find three or more single letters in a row, as in ``V-I-O-L-E-T``; not ``U.S.A.`` or a stuttered "I"."""
    first = 0
    for index, token in enumerate(stream.tokens):
        if not _is_letter(token):
            first = index + 1
        elif not _spells_on(stream, index):
            letters = {each.key for each in stream.tokens[first : index + 1]}
            if index - first + 1 >= _FEWEST_SPELLED and letters - _LETTERS_THAT_ARE_WORDS:
                yield Span(stream.tokens[first].start, token.end)
            first = index + 1


def _is_letter(token: Token) -> bool:
    return len(token.key) == 1 and token.key.isascii() and token.key.isalpha()


def _spells_on(stream: Stream, index: int) -> bool:
    """Whether the token after a letter can be the next letter of the same word."""
    following = index + 1
    if following == len(stream.tokens) or not _is_letter(stream.tokens[following]):
        return False
    gap = stream.gap(index)
    return gap == ". " or gap.strip() in ("", ",", "-")


def _named(
    stream: Stream, first: int, *, cased: bool, any_case: bool = False
) -> Iterator[tuple[Span, tuple[Name, ...]]]:
    tokens = stream.tokens
    last = _name_end(stream, first, any_case=any_case)
    if last == first:
        return
    found = tuple(Name(each.key, cased and each.capital) for each in tokens[first:last] if _is_telling(each))
    small = any_case and not tokens[first].capital
    if small and last < len(tokens) and not stream.gap(last - 1).strip() and tokens[last].key not in _NO_NAMES:
        last += 1  # may be a surname or just the next word: masked here, but nowhere else
    yield Span(tokens[first].start, tokens[last - 1].end), found


def _named_before(stream: Stream, index: int) -> Iterator[tuple[Span, tuple[Name, ...]]]:
    """A name before "speaking"; "Generally speaking" has none."""
    tokens = stream.tokens
    first = index
    while first and index - first < _LONGEST and not stream.gap(first - 1).strip() and _can_start(tokens[first - 1]):
        first -= 1
    if first < index and not tokens[index - 1].key.endswith("ly"):
        found = tuple(Name(each.key, True) for each in tokens[first:index] if _is_telling(each))
        yield Span(tokens[first].start, tokens[index - 1].end), found


def _name_end(stream: Stream, first: int, *, any_case: bool = False) -> int:
    """Index after the last token of the name that starts at a token; ``first`` if there is no name."""
    tokens = stream.tokens
    last = index = first
    while index < len(tokens) and index - first < _LONGEST + 1:
        token = tokens[index]
        if index > first and not _joins(stream, index - 1):
            break
        if _can_start(token) or (index == first and any_case and token.key not in _NO_NAMES):
            last = index = index + 1
        elif token.key in _PARTICLES and index + 1 < len(tokens) and tokens[index + 1].capital:
            index += 1
        else:
            break
    return last


def _can_start(token: Token) -> bool:
    return token.capital and (token.key not in _NO_NAMES or token.key in _NAMES_TOO) and token.key.isalpha()


def _is_telling(token: Token) -> bool:
    return len(token.key) > 1 and token.key not in _PARTICLES | _TITLES


def _joins(stream: Stream, index: int) -> bool:
    """Whether a token and the next one can belong to the same name."""
    gap, key = stream.gap(index).strip(), stream.tokens[index].key
    return gap in ("", "-", "'", "’") or (gap == "." and (len(key) == 1 or key in _TITLES))  # noqa: RUF001


def _skip_fillers(stream: Stream, index: int) -> int:
    for _ in range(_MOST_FILLERS):
        if index < len(stream.tokens) and stream.tokens[index].key in _FILLERS and not stream.tokens[index].capital:
            index += 1
    return index


def _ends_with(stream: Stream, index: int, words: tuple[str, ...]) -> bool:
    """Whether these words end at a token and continue to the next one in the same sentence."""
    first = index - len(words) + 1
    if first < 0 or any(stream.tokens[first + place].key != word for place, word in enumerate(words)):
        return False
    return not any(_ends_phrase(stream, each) for each in range(first, index + 1))


def _ends_phrase(stream: Stream, index: int) -> bool:
    gap = stream.gap(index).strip()
    return index + 1 == len(stream.tokens) or (bool(gap) and gap[0] in ".?!;" and not gap.startswith(".."))
