"""Makes words and names from untrusted sources safe to print on one line.

Names come from users, voice libraries and foreign files, words from a model. Both can contain line breaks, control
characters or the marks of a format. Escapes of a single format (``<`` in VTT) are the job of its renderer.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

__all__ = ["clean_name", "clean_text", "replace_arrows", "replace_surrogates"]

LONGEST_NAME: Final = 60

# Characters that some readers treat as the end of a line or a column.
_BREAKS: Final = re.compile("[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
# Other control characters, and the byte order mark.
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\ufeff]")
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_SPACES: Final = re.compile(" {2,}")
# Separator of the times of a cue: at least two hyphens and ">".
_ARROW: Final = re.compile("-{2,}>")
# Invisible characters that change letter shapes in Persian and Indic scripts. All others are removed.
_JOINERS: Final = "\u200c\u200d"


def clean_text(text: str) -> str:
    """Put a text on one line: replace breaks by spaces, remove other control characters, replace surrogates."""
    text = _CONTROLS.sub("", _BREAKS.sub(" ", text))
    return _SPACES.sub(" ", replace_surrogates(text)).strip()


def clean_name(name: str) -> str:
    """Make a speaker's name safe to print between ``[`` and ``]: ``. The result can be empty.

    Invisible and direction-changing characters are removed, brackets become parentheses, the arrow of a cue becomes a
    single character, and names are cut at 60 characters.
    """
    visible = "".join(
        character for character in clean_text(name) if character in _JOINERS or unicodedata.category(character) != "Cf"
    )
    visible = replace_arrows(visible.replace("[", "(").replace("]", ")"))
    visible = " ".join(visible.split()).strip(_JOINERS)
    return visible if len(visible) <= LONGEST_NAME else visible[: LONGEST_NAME - 1].rstrip() + "…"


def replace_arrows(text: str) -> str:
    """Replace ``-->``, which subtitle readers treat as a line of times, by a one-character arrow."""
    return _ARROW.sub("→", text)


def replace_surrogates(text: str) -> str:
    """Replace surrogates, which cannot be encoded."""
    return _SURROGATES.sub("\ufffd", text)
