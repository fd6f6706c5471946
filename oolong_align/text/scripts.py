"""Script-dependent rules for alignment and subtitles: ends of sentences, words that touch, display widths.

Uses the Unicode character properties (`UAX 14 <https://www.unicode.org/reports/tr14/>`_ line breaking,
`UAX 29 <https://www.unicode.org/reports/tr29/>`_ grapheme clusters, ``Sentence_Terminal``), and lists only characters
that they do not cover. There are no dictionaries: Thai or Chinese text is only split between the words of the
transcriber and at spaces.
"""

# ruff: noqa: RUF001 - marks of other scripts that look like Latin ones

from __future__ import annotations

from enum import IntEnum
from typing import Final
from unicodedata import east_asian_width

import regex

__all__ = [
    "Gap",
    "clusters",
    "continuation",
    "display_width",
    "ends_clause",
    "ends_sentence",
    "find_gap",
    "is_spaceless",
    "opens",
    "touches",
]

# A Greek question ends with a semicolon and an Armenian sentence with a colon, both ASCII after normalisation. Ethiopic
# doubles the mark between words. A vertical bar often replaces the danda. Tibetan and Thai marks end both sentences and
# paragraphs.
_SENTENCE_END: Final = regex.compile(
    r"(?:[\p{STerm}\u037e…‥⋯།༎༏༐༑༔๚๛៚፨]|(?<=\p{Greek});|(?<=\p{Armenian}):|፡፡|(?<=[\u0900-\u0dff])\|)\Z"
)
_CLAUSE_END: Final = regex.compile(r"(?:[\p{Terminal_Punctuation}՝—–―…‥⋯]|\.\.|(?<=\p{Greek})·)\Z")
_WORD_SPACE: Final = "፡"
_STOPS: Final = frozenset(".․．…‥⋯")
# German closes quotations with the opening mark of English. Direction marks are invisible.
_CLOSER: Final = regex.compile(r"[\p{Pe}\p{Pf}\p{Pi}\p{Cf}\"']")
_ONLY_MARKS: Final = regex.compile(r"[\p{Terminal_Punctuation}\p{STerm}\p{Pe}\p{Pf}\"'—–…‥⋯]+")
_ONLY_OPENERS: Final = regex.compile(r"[\p{Ps}\p{Pi}]+")
_LETTER_OR_DIGIT: Final = regex.compile(r"[\p{L}\p{N}]")

# Titles precede a name, so a capital letter after them does not start a sentence. "no." is missing, because it can be
# an answer.
_TITLES: Final = (
    *("dr", "mr", "mrs", "ms", "mx", "prof", "st", "mt", "jr", "sr", "rev", "gov", "capt", "lt", "sgt", "vs", "messrs"),
    *("approx", "ca", "bzw", "hr", "mme", "mlle", "sra", "srta", "dra", "dott", "dhr", "mevr", "डॉ"),
)
# In scripts with one-letter words, a single letter can be a sentence: 好.
_ABBREVIATION: Final = regex.compile(
    r"[^\p{L}]*(?:(?:[\p{L}--\p{Han}--\p{Hiragana}--\p{Katakana}--\p{Hangul}]\p{M}*\.)+|\L<titles>\.)",
    regex.V1 | regex.IGNORECASE,
    titles=_TITLES,
)
# Some recognisers do not capitalise, so before a lower-case letter only words up to this length are abbreviations.
_SHORT: Final = 5
_BEFORE_NUMBERS: Final = frozenset(("no.", "nos.", "nr.", "vol.", "fig.", "art.", "sec.", "ch.", "pp.", "núm.", "nº."))

_SPACELESS_RANGES: Final = (
    (0x0E00, 0x0FFF),  # Thai, Lao, Tibetan
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x1AAF),  # Tai Le, New Tai Lue, Khmer symbols, Tai Tham
    (0x2E80, 0xA4CF),  # CJK radicals to Yi, with kana and ideographs
    (0xA9E0, 0xA9FF),  # Burmese, extended
    (0xAA60, 0xAADF),  # Burmese, extended; Tai Viet
    (0xF900, 0xFAFF),  # CJK compatibility ideographs
    (0xFF00, 0xFFEF),  # full and half width forms
    (0x20000, 0x3FFFF),  # ideographs of the supplementary planes
)

# UAX 29 separates some Burmese vowel signs, which would then be drawn on a dotted circle.
_CLUSTERS: Final = regex.compile(r"\X\p{M}*")
_INVISIBLE: Final = regex.compile(r"\p{Cf}+")
# Longer than any cluster in use, such as a family emoji or the flag of a region.
_CONTEXT: Final = 32
# UAX 14 requires a dictionary for Thai, Lao and Burmese. These rules work without one: some vowels and signs belong to
# the letter before, some to the letter after, and a Burmese consonant with a vowel killer ends a syllable.
_NEVER_FIRST: Final = regex.compile(
    r"[\p{lb=CL}\p{lb=CP}\p{lb=EX}\p{lb=IS}\p{lb=NS}\p{lb=CJ}\p{lb=BA}\p{lb=HY}\p{lb=PO}\p{lb=IN}\p{Pf}ะาำๅๆฯະາຳໆຯ]"
    r"|[\u1000-\u1021]\u103a"
)
_NEVER_LAST: Final = regex.compile(r"[\p{lb=OP}\p{lb=PR}\p{Pi}เแโใไເແໂໃໄ]")


class Gap(IntEnum):
    """The kind of gap between consecutive words, in ascending order of suitability for a break."""

    TOUCHING = 0
    INSIDE = 1
    WORD = 2
    CLAUSE = 3
    SENTENCE = 4


def find_gap(previous: str, text: str, *, leading_space: bool) -> Gap:
    """Classify the gap between two words, or between two parts of a text.

    Parameters
    ----------
    previous, text : str
        Consecutive words.
    leading_space : bool
        Whether there is a space between them. Scripts without spaces between words have spaces between phrases.
    """
    if touches(previous, text, leading_space=leading_space):
        return Gap.TOUCHING
    if ends_sentence(previous, text):
        return Gap.SENTENCE
    spaced_on_purpose = leading_space and previous and text and is_spaceless(previous[-1]) and is_spaceless(text[0])
    return Gap.CLAUSE if spaced_on_purpose or ends_clause(previous) else Gap.WORD


def ends_sentence(text: str, following: str = "") -> bool:
    """Return whether a word ends a sentence; abbreviations and initials such as ``Dr.`` or ``U.S.`` do not.

    Parameters
    ----------
    text : str
        The word.
    following : str
        The next word, if known. Before a lower-case letter, neither an ellipsis nor the full stop of a short word ends
        a sentence. ``No.`` before a number does not end one either.

    Examples
    --------
    >>> [ends_sentence(word) for word in ("yes.", "“No!”", "好。", "Dr.", "well,")]
    [True, True, True, False, False]
    >>> ends_sentence("well...", "I"), ends_sentence("well...", "perhaps")
    (True, False)
    """
    core = _without_closers(text)
    if not _SENTENCE_END.search(core[-2:]):
        return False
    if core[-1] not in _STOPS:
        return True
    first = _LETTER_OR_DIGIT.search(following)
    if first and first[0].islower() and (len(core) <= _SHORT or core[-2:-1] in _STOPS or core[-1] != "."):
        return False
    if first and first[0].isdigit() and core.lower() in _BEFORE_NUMBERS:
        return False
    return not _ABBREVIATION.fullmatch(core)


def ends_clause(text: str) -> bool:
    """Return whether a word ends a clause, for example with a comma, a colon or a dash."""
    core = _without_closers(text)
    return bool(_CLAUSE_END.search(core[-2:])) and core[-1] != _WORD_SPACE and not _ABBREVIATION.fullmatch(core)


def is_spaceless(character: str) -> bool:
    """Return whether a character belongs to a script without spaces between words."""
    code = ord(character)
    return code >= 0x0E00 and any(first <= code <= last for first, last in _SPACELESS_RANGES)


def opens(previous: str, mark: str, text: str) -> bool:
    """Return whether a mark belongs to the text after it: an opening bracket or quotation mark, a currency sign.

    Parameters
    ----------
    previous, mark, text : str
        The text before the mark, the mark, and the text after it, the latter two with their leading white space.
    """
    alone = mark.strip()
    if not alone or not text:
        return False
    spaced = mark[0].isspace() or not previous
    if _ONLY_OPENERS.fullmatch(alone):
        return spaced or is_spaceless(previous[-1])
    return spaced and not text[0].isspace() and not _ONLY_MARKS.fullmatch(alone)


def touches(previous: str, text: str, *, leading_space: bool) -> bool:
    """Return whether a word is attached to the previous word, so that no line or cue should start with it.

    This is the case for an isolated mark, for characters that typesetting never puts first or last on a line, and for
    the second part of a word without a space, in a script that has spaces (``twenty`` ``-one``).

    Parameters
    ----------
    previous, text : str
        Consecutive words.
    leading_space : bool
        Whether there is a space between them.
    """
    if not previous or not text:
        return False
    if _ONLY_MARKS.fullmatch(text):
        return True
    if leading_space:
        return False
    if not (is_spaceless(previous[-1]) or is_spaceless(text[0])):
        return True
    return bool(_NEVER_FIRST.match(text) or _NEVER_LAST.match(previous[-1]) or continuation(previous, text))


def continuation(previous: str, text: str) -> int:
    """Count the characters at the start of a text that cannot be separated from the previous text.

    They continue its last grapheme cluster, a user-perceived character (a vowel sign, a skin tone, the second half of a
    flag). An invisible text belongs to the previous text as a whole.
    """
    if not previous or not text or text[0].isascii():
        return 0
    if _INVISIBLE.fullmatch(text):
        return len(text)
    tail = previous[-_CONTEXT:]
    ends = (int(match.end()) for match in _CLUSTERS.finditer(tail + text))
    return next(end for end in ends if end >= len(tail)) - len(tail)


def clusters(text: str) -> list[str]:
    """Split a text into grapheme clusters (UAX 29), the characters that a user perceives."""
    found: list[str] = _CLUSTERS.findall(text)
    return found


def display_width(text: str) -> int:
    """Return the columns that a text needs: two per wide character (Chinese, Japanese, Korean, emoji), else one.

    Combining characters count as one, so the result is at least ``len(text)``.
    """
    if text.isascii():
        return len(text)
    return len(text) + sum(east_asian_width(character) in "WF" for character in text)


def _without_closers(text: str) -> str:
    end = len(text)
    while end and _CLOSER.match(text, end - 1):
        end -= 1
    return text[:end]
