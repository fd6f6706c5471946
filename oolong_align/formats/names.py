"""Speakers' names and words as the text formats print them."""

from __future__ import annotations

from typing import Final

from oolong_align.text.clean import clean_name, clean_text
from oolong_align.types import Transcript, Word

__all__ = ["printed_names", "spoken_text"]

DEFAULT_LABEL: Final = "SPEAKER"


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
    """Words as they are written, on one line."""
    return clean_text("".join((" " if word.leading_space else "") + word.text for word in words))
