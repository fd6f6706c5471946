"""The one place where words and names from outside become safe to print on one line.

Names come from users, voice libraries and foreign files, words from a model: both may hold line breaks, control
characters or a format's own marks. What a single format must escape besides (``<`` in VTT) is done by its renderer.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

__all__ = ["clean_name", "clean_text", "replace_arrows", "replace_surrogates"]

LONGEST_NAME: Final = 60

# Everything that some reader takes for the end of a line or a column.
_BREAKS: Final = re.compile("[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
# Other control characters, and the byte order mark.
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\ufeff]")
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_SPACES: Final = re.compile(" {2,}")
# Two hyphens or more and a ">" are what separates the times of a cue.
_ARROW: Final = re.compile("-{2,}>")
# Invisible characters that change the shape of letters in Persian and Indic scripts; all other ones only deceive.
_JOINERS: Final = "\u200c\u200d"


def clean_text(text: str) -> str:
    """Put a text on one line: breaks become spaces, other control characters go, half code points are replaced."""
    text = _CONTROLS.sub("", _BREAKS.sub(" ", text))
    return _SPACES.sub(" ", replace_surrogates(text)).strip()


def clean_name(name: str) -> str:
    """Make a speaker's name safe to print between ``[`` and ``]: ``; may be empty.

    Invisible and direction-changing characters go, brackets become parentheses, a cue's arrow becomes one
    character, and what is longer than 60 characters is cut.
    """
    visible = "".join(
        character for character in clean_text(name) if character in _JOINERS or unicodedata.category(character) != "Cf"
    )
    visible = replace_arrows(visible.replace("[", "(").replace("]", ")"))
    visible = " ".join(visible.split()).strip(_JOINERS)
    return visible if len(visible) <= LONGEST_NAME else visible[: LONGEST_NAME - 1].rstrip() + "…"


def replace_arrows(text: str) -> str:
    """Replace ``-->``, which subtitle readers take for a line of times, by an arrow of one character."""
    return _ARROW.sub("→", text)


def replace_surrogates(text: str) -> str:
    """Replace half code points, which no file can hold."""
    return _SURROGATES.sub("\ufffd", text)
