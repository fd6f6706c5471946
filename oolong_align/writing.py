"""What alignment and subtitles need to know about scripts: sentence ends, words that touch, widths.

Leaves out dictionaries: where a Thai or Chinese sentence may be cut is left to the words that a transcriber gives.
"""

# ruff: noqa: RUF001 - the marks of other scripts look like Latin ones on purpose

from __future__ import annotations

import re
from typing import Final
from unicodedata import east_asian_width

__all__ = ["display_width", "ends_clause", "ends_sentence", "is_spaceless", "touches"]

# Latin, CJK (full and half width), Arabic and Urdu, Devanagari, Armenian, Ethiopic, Burmese, Khmer, Greek.
SENTENCE_MARKS: Final = frozenset(".!?…‥‼⁇⁈⁉" + "。．！？｡" + "؟۔" + "।॥" + "։" + "።፧" + "။" + "។៕" + "\u037e")
CLAUSE_MARKS: Final = frozenset(",;:—–" + "、，；：､" + "،؛" + "፣፤" + "၊")
CLOSING_MARKS: Final = frozenset("\"'”’»)]}" + "」』）】〉》］｝〕｣")
_ENDING_MARKS: Final = SENTENCE_MARKS | CLAUSE_MARKS | CLOSING_MARKS
# Beside the marks: what typesetting never puts first on a line of Japanese.
_NEVER_FIRST: Final = frozenset("。．！？｡、，；：､・ー」』）】〉》］｝〕｣々ぁぃぅぇぉっゃゅょァィゥェォッャュョ")

# "no." is not here: as an answer it is a sentence far more often than a number.
_ABBREVIATIONS: Final = frozenset(
    ("dr.", "mr.", "mrs.", "ms.", "prof.", "st.", "jr.", "sr.", "vs.", "approx.", "ca.", "bzw.", "mme.", "sra.")
)
_INITIALS: Final = re.compile(r"(?:[^\W\d_]\.)+")

_SPACELESS_RANGES: Final = (
    (0x0E00, 0x0FFF),  # Thai, Lao, Tibetan
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0xA4CF),  # CJK radicals to Yi, with kana and ideographs
    (0xF900, 0xFAFF),  # CJK compatibility ideographs
    (0xFF00, 0xFFEF),  # full and half width forms
    (0x20000, 0x3FFFF),  # ideographs of the supplementary planes
)


def ends_sentence(text: str) -> bool:
    """Tell whether a word closes a sentence; abbreviations and initials such as ``Dr.`` or ``U.S.`` do not.

    Examples
    --------
    >>> [ends_sentence(word) for word in ("yes.", "“No!”", "好。", "Dr.", "well,")]
    [True, True, True, False, False]
    """
    core = _without_closers(text)
    if not core or core[-1] not in SENTENCE_MARKS:
        return False
    return not (core[-1] == "." and (core.lower() in _ABBREVIATIONS or _INITIALS.fullmatch(core)))


def ends_clause(text: str) -> bool:
    """Tell whether a word closes a clause: with a comma, a colon, a dash and the like."""
    core = _without_closers(text)
    return bool(core) and core[-1] in CLAUSE_MARKS


def is_spaceless(character: str) -> bool:
    """Tell whether a character belongs to a script that is written without spaces between words."""
    code = ord(character)
    return code >= 0x0E00 and any(first <= code <= last for first, last in _SPACELESS_RANGES)


def touches(previous: str, text: str, *, leading_space: bool) -> bool:
    """Tell whether a word belongs to the one before it so closely that no line or cue should start with it.

    So it is for a mark that stands alone, for what typesetting never puts first on a line, and for the second
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
    if text[0] in _NEVER_FIRST or all(character in _ENDING_MARKS for character in text):
        return True
    return not (leading_space or is_spaceless(previous[-1]) or is_spaceless(text[0]))


def display_width(text: str) -> int:
    """Columns that a text takes: one for each character, two for a wide one (Chinese, Japanese, Korean, emoji).

    Combining characters count as well, so the result is never below ``len(text)``.
    """
    if text.isascii():
        return len(text)
    return len(text) + sum(east_asian_width(character) in "WF" for character in text)


def _without_closers(text: str) -> str:
    return text.rstrip("".join(CLOSING_MARKS))
