"""Codes and English names of the languages that Whisper supports."""

from __future__ import annotations

from typing import Final

__all__ = ["LANGUAGES", "language_code", "language_name"]

_LANGUAGE_NAMES: Final = """
    af afrikaans, am amharic, ar arabic, as assamese, az azerbaijani, ba bashkir, be belarusian, bg bulgarian,
    bn bengali, bo tibetan, br breton, bs bosnian, ca catalan, ca valencian, cs czech, cy welsh, da danish, de german,
    el greek, en english, es spanish, es castilian, et estonian, eu basque, fa persian, fi finnish, fo faroese,
    fr french, gl galician, gu gujarati, ha hausa, haw hawaiian, he hebrew, hi hindi, hr croatian, ht haitian creole,
    ht haitian, hu hungarian, hy armenian, id indonesian, is icelandic, it italian, ja japanese, jw javanese,
    ka georgian, kk kazakh, km khmer, kn kannada, ko korean, la latin, lb luxembourgish, lb letzeburgesch, ln lingala,
    lo lao, lt lithuanian, lv latvian, mg malagasy, mi maori, mk macedonian, ml malayalam, mn mongolian, mr marathi,
    ms malay, mt maltese, my myanmar, my burmese, ne nepali, nl dutch, nl flemish, nn nynorsk, no norwegian,
    oc occitan, pa punjabi, pa panjabi, pl polish, ps pashto, ps pushto, pt portuguese, ro romanian, ro moldavian,
    ro moldovan, ru russian, sa sanskrit, sd sindhi, si sinhala, si sinhalese, sk slovak, sl slovenian, sn shona,
    so somali, sq albanian, sr serbian, su sundanese, sv swedish, sw swahili, ta tamil, te telugu, tg tajik, th thai,
    tk turkmen, tl tagalog, tr turkish, tt tatar, uk ukrainian, ur urdu, uz uzbek, vi vietnamese, yi yiddish,
    yo yoruba, yue cantonese, zh chinese, zh mandarin
"""
_CODES: Final = {name: code for code, _, name in (each.strip().partition(" ") for each in _LANGUAGE_NAMES.split(","))}
_NAMES: Final = {code: name for name, code in reversed(_CODES.items())}
LANGUAGES: Final = frozenset(_CODES.values())


def language_code(language: str) -> str:
    """Return Whisper's code of a language, given by its code, with or without a region, or its English name.

    Examples
    --------
    >>> [language_code(each) for each in ("EN", "en-US", "pt_BR", "English", "Haitian Creole", "klingon")]
    ['en', 'en', 'pt', 'en', 'ht', 'klingon']
    """
    words = language.lower().replace("_", " ").replace("-", " ").split()
    return _CODES.get(" ".join(words), words[0] if words else "")


def language_name(code: str) -> str:
    """Return the English name of a language in lower case. Unknown codes are returned unchanged.

    Examples
    --------
    >>> language_name("en"), language_name("my"), language_name("xx")
    ('english', 'myanmar', 'xx')
    """
    return _NAMES.get(code, code)
