"""Speaker names and utterance texts as printed by the text formats."""

from __future__ import annotations

from typing import Final

from oolong_align.text.clean import clean_name, clean_text
from oolong_align.types import Transcript, Word

__all__ = ["printed_names", "spoken_text"]

DEFAULT_LABEL: Final = "SPEAKER"


def printed_names(transcript: Transcript, *, space: str = " ") -> dict[str, str]:
    """Return the name to print for each label, from the speakers and the utterances of a transcript.

    A name that is empty after cleaning is replaced by the label. If two different names are equal after cleaning, the
    label is added to both.

    Parameters
    ----------
    transcript : Transcript
    space : str
        Replacement for spaces, for formats whose fields cannot contain any.
    """
    labels = dict.fromkeys((*transcript.speakers, *(utterance.speaker for utterance in transcript.utterances)))
    raw = {label: transcript.display_name(label) or label for label in labels if label is not None}
    clean = {
        label: (clean_name(name) or clean_name(label) or DEFAULT_LABEL).replace(" ", space)
        for label, name in raw.items()
    }
    owners: dict[str, set[str]] = {}
    for label, name in clean.items():
        owners.setdefault(name, set()).add(raw[label])
    return {
        label: name if len(owners[name]) == 1 else f"{name}{space}({clean_name(label) or DEFAULT_LABEL})"
        for label, name in clean.items()
    }


def spoken_text(words: tuple[Word, ...]) -> str:
    """Join words to one line of clean text."""
    return clean_text("".join((" " if word.leading_space else "") + word.text for word in words))
