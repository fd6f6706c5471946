"""Normalise reference and recognised words for comparison, and keep the source word of each token.

English uses the normaliser published with Whisper: lower case, no punctuation, numbers as digits, expanded
contractions, unified British and American spelling, no "um". It does not support other languages: for these, only case,
punctuation and compatibility forms are removed, and scripts without spaces are compared by character. In English text,
words in other scripts are treated this way, too. Diacritics are kept.

References
----------
Radford et al. (2022), "Robust Speech Recognition via Large-Scale Weak Supervision", appendix C.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache

from rapidfuzz.distance import Levenshtein

from oolong_align.hookspecs import ends_sentence, is_spaceless

__all__ = ["normalise"]


def normalise(words: Sequence[str], language: str = "en") -> list[tuple[str, int]]:
    """Split words into normalised tokens.

    Parameters
    ----------
    words : sequence of str
        Words in order. Numbers and contractions can span several words of a sentence.
    language : str
        ISO 639-1 code, optionally with a region (``en-US``). Other languages than English share one set of rules.

    Returns
    -------
    list of (str, int)
        Each token with the index of its word, in order. A token from several words has the index of one of them.

    Examples
    --------
    >>> normalise(["Twenty-one", "books,", "he", "won't", "um", "READ."])
    [('21', 0), ('books', 1), ('he', 2), ('will', 3), ('not', 3), ('read', 5)]
    >>> normalise(["你好,", "Anna!"], "zh")
    [('你', 0), ('好', 0), ('anna', 1)]
    """
    english = language.casefold().replace("_", "-").split("-")[0] in ("en", "english")
    tokens: list[tuple[str, int]] = []
    for first, last, latin in _sentences(words):
        rule = _english_tokens if english and latin else _plain_tokens
        tokens += _tokens(words[first:last], first, rule)
    return tokens


def _sentences(words: Sequence[str]) -> Iterator[tuple[int, int, bool]]:
    """Start and end of each run of words in one kind of script, and whether it is Latin."""
    first = 0
    for index, word in enumerate(words):
        latin = _is_latin(word)
        if index + 1 == len(words) or ends_sentence(word.strip()) or _is_latin(words[index + 1]) != latin:
            yield first, index + 1, latin
            first = index + 1


def _tokens(words: Sequence[str], offset: int, rule: Callable[[str], tuple[str, ...]]) -> Iterator[tuple[str, int]]:
    """Tokens of a run of words. Tokens that depend on several words are aligned with the tokens of single words."""
    alone = [(token, offset + index) for index, word in enumerate(words) for token in rule(word)]
    whole = rule(" ".join(words))
    if whole == tuple(token for token, _ in alone):
        yield from alone
        return
    if not alone:
        alone = [("", offset)]
    for block in Levenshtein.opcodes([token for token, _ in alone], whole):
        width, height = block.src_end - block.src_start, block.dest_end - block.dest_start
        for step in range(height):
            place = min(block.src_start + step * width // height, len(alone) - 1)
            yield whole[block.dest_start + step], alone[place][1]


@lru_cache(maxsize=50_000)
def _english_tokens(text: str) -> tuple[str, ...]:
    tokens = _english()(text.replace("\u2019", "'")).split()
    return tuple(token for token in tokens if any(map(str.isalnum, token)))  # the normaliser keeps some full stops


@lru_cache(maxsize=50_000)
def _plain_tokens(text: str) -> tuple[str, ...]:
    tokens: list[str] = []
    for part in _plain()(text).split():
        spaceless = True
        for number, character in enumerate(part):
            before, spaceless = spaceless, is_spaceless(character)
            joined = number and not (before or spaceless)
            if joined or (number and unicodedata.category(character)[0] == "M"):
                tokens[-1] += character
            else:
                tokens.append(character)
    return tuple(tokens)


@cache
def _english() -> Callable[[str], str]:
    from whisper_normalizer.english import EnglishTextNormalizer

    normaliser: Callable[[str], str] = EnglishTextNormalizer()
    return normaliser


@cache
def _plain() -> Callable[[str], str]:
    from whisper_normalizer.basic import BasicTextNormalizer

    normaliser: Callable[[str], str] = BasicTextNormalizer(preserve_marks=True)
    return normaliser


@lru_cache(maxsize=50_000)
def _is_latin(word: str) -> bool:
    letters = (character for character in word if character.isalpha())
    return all(character.isascii() or unicodedata.name(character, "").startswith("LATIN") for character in letters)
