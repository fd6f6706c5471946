"""What alignment and subtitles need to know about scripts: sentence ends, words that touch, widths.

Rests on Unicode's properties of characters (`UAX 14 <https://www.unicode.org/reports/tr14/>`_ line breaking,
`UAX 29 <https://www.unicode.org/reports/tr29/>`_ grapheme clusters, ``Sentence_Terminal``), and names itself only what
they do not tell. Leaves out dictionaries: where a Thai or Chinese sentence may be cut is left to the words that a
transcriber gives, and to the spaces between them.
"""

# ruff: noqa: RUF001 - the marks of other scripts look like Latin ones on purpose

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

# Greek asks with a semicolon, Armenian stops with a colon, both with the ASCII character after normalisation; Ethiopic
# doubles the mark between words; a vertical bar stands in for the danda. Tibetan and Thai marks end both sentences and
# paragraphs.
_SENTENCE_END: Final = regex.compile(
    r"(?:[\p{STerm}\u037e…‥⋯།༎༏༐༑༔๚๛៚፨]|(?<=\p{Greek});|(?<=\p{Armenian}):|፡፡|(?<=[\u0900-\u0dff])\|)\Z"
)
_CLAUSE_END: Final = regex.compile(r"(?:[\p{Terminal_Punctuation}՝—–―…‥⋯]|\.\.|(?<=\p{Greek})·)\Z")
_WORD_SPACE: Final = "፡"
_STOPS: Final = frozenset(".․．…‥⋯")
# German closes a quotation with the mark that opens an English one; marks of direction are invisible.
_CLOSER: Final = regex.compile(r"[\p{Pe}\p{Pf}\p{Pi}\p{Cf}\"']")
_ONLY_MARKS: Final = regex.compile(r"[\p{Terminal_Punctuation}\p{STerm}\p{Pe}\p{Pf}\"'—–…‥⋯]+")
_ONLY_OPENERS: Final = regex.compile(r"[\p{Ps}\p{Pi}]+")
_LETTER_OR_DIGIT: Final = regex.compile(r"[\p{L}\p{N}]")

# What precedes a name, so that a capital behind it tells nothing. "no." is not here: as an answer it is a sentence.
_TITLES: Final = (
    *("dr", "mr", "mrs", "ms", "mx", "prof", "st", "mt", "jr", "sr", "rev", "gov", "capt", "lt", "sgt", "vs", "messrs"),
    *("approx", "ca", "bzw", "hr", "mme", "mlle", "sra", "srta", "dra", "dott", "dhr", "mevr", "डॉ"),
)
# One letter of a script that has words of one letter is a sentence: 好.
_ABBREVIATION: Final = regex.compile(
    r"[^\p{L}]*(?:(?:[\p{L}--\p{Han}--\p{Hiragana}--\p{Katakana}--\p{Hangul}]\p{M}*\.)+|\L<titles>\.)",
    regex.V1 | regex.IGNORECASE,
    titles=_TITLES,
)
# Some recognisers write no capitals: before a small letter only words as short as this are taken for abbreviations.
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

# UAX 29 lets some Burmese vowel signs stand alone, which are drawn on a dotted circle then.
_CLUSTERS: Final = regex.compile(r"\X\p{M}*")
_INVISIBLE: Final = regex.compile(r"\p{Cf}+")
# More than the longest cluster that anybody writes: an emoji of a family, a flag of a region.
_CONTEXT: Final = 32
# UAX 14 leaves Thai, Lao and Burmese to a dictionary. Without one: some of their vowels and signs belong to the letter
# before, some to the letter behind, and a Burmese consonant with a vowel killer ends a syllable.
_NEVER_FIRST: Final = regex.compile(
    r"[\p{lb=CL}\p{lb=CP}\p{lb=EX}\p{lb=IS}\p{lb=NS}\p{lb=CJ}\p{lb=BA}\p{lb=HY}\p{lb=PO}\p{lb=IN}\p{Pf}ะาำๅๆฯະາຳໆຯ]"
    r"|[\u1000-\u1021]\u103a"
)
_NEVER_LAST: Final = regex.compile(r"[\p{lb=OP}\p{lb=PR}\p{Pi}เแโใไເແໂໃໄ]")


class Gap(IntEnum):
    """What lies between two words that follow each other, the best place for a break last."""

    TOUCHING = 0
    INSIDE = 1
    WORD = 2
    CLAUSE = 3
    SENTENCE = 4


def find_gap(previous: str, text: str, *, leading_space: bool) -> Gap:
    """Tell what lies between two words, or between two parts of a text.

    Parameters
    ----------
    previous, text : str
        Two words that follow each other.
    leading_space : bool
        Whether a space is written between them. Scripts without spaces between words have them between phrases.
    """
    if touches(previous, text, leading_space=leading_space):
        return Gap.TOUCHING
    if ends_sentence(previous, text):
        return Gap.SENTENCE
    spaced_on_purpose = leading_space and previous and text and is_spaceless(previous[-1]) and is_spaceless(text[0])
    return Gap.CLAUSE if spaced_on_purpose or ends_clause(previous) else Gap.WORD


def ends_sentence(text: str, following: str = "") -> bool:
    """Tell whether a word closes a sentence; abbreviations and initials such as ``Dr.`` or ``U.S.`` do not.

    Parameters
    ----------
    text : str
        The word.
    following : str
        The word behind it, where it is known: before a small letter neither an ellipsis nor the full stop of a short
        word ends a sentence, nor does ``No.`` before a number.

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
    """Tell whether a word closes a clause: with a comma, a colon, a dash and the like."""
    core = _without_closers(text)
    return bool(_CLAUSE_END.search(core[-2:])) and core[-1] != _WORD_SPACE and not _ABBREVIATION.fullmatch(core)


def is_spaceless(character: str) -> bool:
    """Tell whether a character belongs to a script that is written without spaces between words."""
    code = ord(character)
    return code >= 0x0E00 and any(first <= code <= last for first, last in _SPACELESS_RANGES)


def opens(previous: str, mark: str, text: str) -> bool:
    """Tell whether a mark belongs to what follows it: an opening bracket or quotation mark, a currency sign.

    Parameters
    ----------
    previous, mark, text : str
        What is written before the mark, the mark, and what follows; the latter two with their white space, which tells
        where there is any.
    """
    alone = mark.strip()
    if not alone or not text:
        return False
    spaced = mark[0].isspace() or not previous
    if _ONLY_OPENERS.fullmatch(alone):
        return spaced or is_spaceless(previous[-1])
    return spaced and not text[0].isspace() and not _ONLY_MARKS.fullmatch(alone)


def touches(previous: str, text: str, *, leading_space: bool) -> bool:
    """Tell whether a word belongs to the one before it so closely that no line or cue should start with it.

    So it is for a mark that stands alone, for what typesetting never puts first or last on a line, and for the second
    half of a word that is written without a space in a script that has spaces (``twenty`` ``-one``).

    Parameters
    ----------
    previous, text : str
        Two words that follow each other.
    leading_space : bool
        Whether a space is written between them.
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
    """Count the characters at the start of a text that cannot be parted from the text written before it.

    They go on with its last grapheme cluster, what a reader takes for one character (a vowel sign, a skin tone, the
    second half of a flag). A text in which there is nothing to see belongs to the one before it as a whole.
    """
    if not previous or not text or text[0].isascii():
        return 0
    if _INVISIBLE.fullmatch(text):
        return len(text)
    tail = previous[-_CONTEXT:]
    ends = (int(match.end()) for match in _CLUSTERS.finditer(tail + text))
    return next(end for end in ends if end >= len(tail)) - len(tail)


def clusters(text: str) -> list[str]:
    """Split a text into grapheme clusters (UAX 29), what a reader takes for one character."""
    found: list[str] = _CLUSTERS.findall(text)
    return found


def display_width(text: str) -> int:
    """Columns that a text takes: one for each character, two for a wide one (Chinese, Japanese, Korean, emoji).

    Combining characters count as well, so the result is never below ``len(text)``.
    """
    if text.isascii():
        return len(text)
    return len(text) + sum(east_asian_width(character) in "WF" for character in text)


def _without_closers(text: str) -> str:
    end = len(text)
    while end and _CLOSER.match(text, end - 1):
        end -= 1
    return text[:end]
