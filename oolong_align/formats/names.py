"""The one place where words and names from outside become safe to print on one line.

Names come from users, voice libraries and foreign files, words from a model: both may hold line breaks, control
characters or a format's own marks. What a single format must escape besides (``<`` in VTT) is done by its renderer.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from oolong_align.types import Transcript, Word

__all__ = ["clean_name", "clean_text", "printed_names", "replace_arrows", "replace_surrogates", "spoken_text"]

LONGEST_NAME: Final = 60
NOBODY: Final = "SPEAKER"

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


def printed_names(transcript: Transcript, *, space: str = " ") -> dict[str, str]:
    """Name to print for each label of a transcript, whether of a known speaker or only of an utterance.

    A name of which nothing is left gives way to the label. Two different names that look the same once they are
    clean are told apart by their labels.

    Parameters
    ----------
    transcript : Transcript
    space : str
        What to write for a space, for formats whose fields hold none.
    """
    labels = dict.fromkeys((*transcript.speakers, *(utterance.speaker for utterance in transcript.utterances)))
    raw = {label: transcript.display_name(label) or label for label in labels if label is not None}
    clean = {
        label: (clean_name(name) or clean_name(label) or NOBODY).replace(" ", space) for label, name in raw.items()
    }
    owners: dict[str, set[str]] = {}
    for label, name in clean.items():
        owners.setdefault(name, set()).add(raw[label])
    return {
        label: name if len(owners[name]) == 1 else f"{name}{space}({clean_name(label) or NOBODY})"
        for label, name in clean.items()
    }


def spoken_text(words: tuple[Word, ...]) -> str:
    """Words as they are written, on one line."""
    return clean_text("".join((" " if word.leading_space else "") + word.text for word in words))
