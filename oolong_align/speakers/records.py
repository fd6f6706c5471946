"""Records of a voice library, the protocol of its stores, and the checks that stores share.

Not in this module: matching (``matching.py``) and implementations of the protocol (``sqlite.py``, plugins).
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import numpy as np

from oolong_align.errors import InputError
from oolong_align.text.clean import clean_text
from oolong_align.types import FloatArray

__all__ = [
    "Reference",
    "SpeakerStore",
    "Voice",
    "VoiceModel",
    "check_imported_number",
    "check_new_name",
    "check_same_model",
    "check_voice",
    "check_voice_embedding",
    "check_voice_name",
    "clean_source",
    "forgotten_voice_error",
    "unknown_voice_error",
    "voice_id",
    "voice_number",
]

LONGEST_NAME: Final = 200
LONGEST_SOURCE: Final = 1000
FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 9998
LARGEST_DIMENSION: Final = 16_000  # limit of pgvector
LARGEST_IMPORTED_NUMBER: Final = 10**12  # later numbers may have up to 15 digits
_SMALLEST_NORM: Final = 1e-6  # cosines of vectors between these norms are exact enough in float32
_LARGEST_NORM: Final = 1e6
_LONGEST_S: Final = 1e9
_VOICE_ID: Final = re.compile(r"voice_([1-9][0-9]{0,14})")


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceModel:
    """The embedding model of a voice: only embeddings of the same model can be compared.

    Attributes
    ----------
    name : str
        Name in messages, such as the name of the bundle.
    weights : str
        Hexadecimal SHA-256 of the weights; identifies the model together with the dimension.
    dimension : int
        Size of an embedding.
    """

    name: str
    weights: str
    dimension: int

    def same(self, other: VoiceModel) -> bool:
        """Whether embeddings of both models can be compared."""
        return (self.weights, self.dimension) == (other.weights, other.dimension)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Speech from which a voice was learned.

    Attributes
    ----------
    embedding : ndarray of float32, shape (D,)
        Embedding with a norm above zero.
    source : str
        Name of the recording, see `clean_source`.
    start, end : float
        Time range of the speech in the recording, in seconds.
    seconds : float
        Duration of speech within this range.
    enrolled : datetime
        Time of enrolment, with a time zone.
    recording : str
        Identifier of the recording: a digest of its samples, or its name; empty if unknown.
    """

    embedding: FloatArray
    source: str
    start: float
    end: float
    seconds: float
    enrolled: datetime
    recording: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A person in a voice library.

    Attributes
    ----------
    id : str
        Such as ``voice_7``; empty before the voice is stored, then allocated by the store.
    name : str or None
        Name of the person, if known; several voices may have the same name.
    model : VoiceModel
        Model of the embeddings.
    seconds : float
        Duration of the speech from which the voice was learned.
    centroid : ndarray of float32, shape (D,)
        Embedding that represents the voice in a search.
    references : tuple of Reference
        Speech from which the voice was learned.
    aliases : tuple of str
        Ids of voices that were merged into this one.
    """

    id: str = ""
    name: str | None = None
    model: VoiceModel
    seconds: float
    centroid: FloatArray
    references: tuple[Reference, ...] = ()
    aliases: tuple[str, ...] = ()


class SpeakerStore(Protocol):
    """Persistent storage for the voices of one model.

    Several threads may share a store, and several processes may open the same one. Methods raise
    :class:`~oolong_align.errors.StoreError` if the store cannot be read or written.
    """

    def model(self) -> VoiceModel | None:
        """Return the model of the voices, ``None`` if the store is empty."""

    def put(self, voice: Voice) -> str:
        """Add a voice, or replace the voice with the same id, and return the id.

        A voice with an empty id gets a new one: ``voice_`` and a number that was never used. An id whose number is
        larger than all used ones is accepted unchanged.

        Raises
        ------
        InputError
            If the voice is malformed or of another model than the stored voices, or its id was forgotten or merged
            into another voice.
        """

    def get(self, voice_id: str) -> Voice | None:
        """Return the voice with this id or alias, ``None`` if it does not exist."""

    def list(self, name: str | None = None) -> Sequence[Voice]:
        """Return all voices, or all voices with this name, ordered by number."""

    def count(self) -> int:
        """Return the number of voices."""

    def nearest(self, embedding: FloatArray, count: int, *, model: VoiceModel) -> Sequence[tuple[Voice, float]]:
        """Return the voices whose centroids are most similar to an embedding, with cosines in falling order.

        A store with an approximate index may miss some voices.

        Raises
        ------
        InputError
            If the embedding is malformed or of another model than the stored voices.
        """

    def forget(self, voice_id: str) -> bool:
        """Delete the voice with this id or alias and all its data; return whether it existed."""

    def transaction(self) -> AbstractContextManager[None]:
        """Context manager that blocks other writers.

        All changes are committed at the end, or rolled back if an exception leaves the context. A nested transaction is
        part of the outer one. ``put`` and ``forget`` outside a transaction are transactions themselves.
        """

    def close(self) -> None:
        """Close the store."""


def voice_id(number: int) -> str:
    """Return the id for a number: ``voice_7`` for 7."""
    return f"voice_{number}"


def voice_number(text: str) -> int | None:
    """Return the number of an id, ``None`` for text that `voice_id` never returns."""
    match = _VOICE_ID.fullmatch(text)
    return int(match[1]) if match else None


def clean_source(source: str | os.PathLike[str]) -> str:
    """Return the name of a recording for storage: one line, valid Unicode, only the last 1000 characters."""
    return clean_text(os.fspath(source))[-LONGEST_SOURCE:].strip()


def check_voice(voice: Voice) -> None:
    """Check a voice before it is stored.

    Raises
    ------
    InputError
        If a field is invalid.
    """
    owner = voice.id or "the voice"
    if voice.id and voice_number(voice.id) is None:
        raise InputError(f"Invalid voice id {voice.id!r}: ids have the form voice_1, voice_2, ...")
    if voice.name is not None:
        check_voice_name(voice.name, f"Name of {owner}")
    if not 0 < voice.model.dimension <= LARGEST_DIMENSION:
        raise InputError(f"Model of {owner} has {voice.model.dimension} dimensions, expected 1 to {LARGEST_DIMENSION}")
    _check_text(f"Model name of {owner}", voice.model.name, LONGEST_NAME)
    _check_text(f"Hash of the model weights of {owner}", voice.model.weights, LONGEST_NAME)
    _check_seconds(owner, voice.seconds)
    check_voice_embedding(voice.centroid, voice.model, f"Centroid of {owner}")
    for place, each in enumerate(voice.references):
        where = f"reference {place} of {owner}"
        check_voice_embedding(each.embedding, voice.model, f"Embedding in {where}")
        _check_text(f"Source of {where}", each.source, LONGEST_SOURCE)
        if each.recording:
            _check_text(f"Recording of {where}", each.recording, LONGEST_SOURCE)
        _check_seconds(where, each.seconds)
        if not (np.isfinite([each.start, each.end]).all() and 0 <= each.start <= each.end):
            raise InputError(f"Invalid time range {each.start} to {each.end} s in {where}")
        if each.enrolled.tzinfo is None:
            raise InputError(f"Enrollment time {each.enrolled} of {where} has no time zone")
        if not FIRST_YEAR <= each.enrolled.year <= LAST_YEAR:
            raise InputError(f"Enrollment time {each.enrolled} of {where} is out of range")
    for alias in voice.aliases:
        if voice_number(alias) is None or alias == voice.id or voice.aliases.count(alias) > 1:
            raise InputError(f"Invalid alias {alias!r} of {owner}")


def check_voice_name(name: str, what: str = "Name") -> None:
    """Check the name of a voice; ``what`` starts the error message.

    Raises
    ------
    InputError
        If it is not one line of 1 to 200 characters.
    """
    _check_text(what, name, LONGEST_NAME)


def check_new_name(name: str) -> None:
    """Check a name that a user gives to a voice: commands accept ids too, so it must not look like one.

    Raises
    ------
    InputError
        If it is an id, or not one line of 1 to 200 characters.
    """
    check_voice_name(name)
    if voice_number(name.strip()) is not None:
        raise InputError(f"Invalid name {name.strip()}: it is a voice id. To combine voices of one person, merge them")


def check_voice_embedding(embedding: FloatArray, model: VoiceModel, what: str = "Embedding") -> None:
    """Check an embedding of a model; ``what`` starts the error message.

    Raises
    ------
    InputError
        If it is not ``float32[D]`` with a finite norm above zero.
    """
    if embedding.dtype != np.float32 or embedding.shape != (model.dimension,):
        raise InputError(
            f"{what} must be float32 of shape ({model.dimension},), not {embedding.dtype} of {embedding.shape}"
        )
    norm = float(np.linalg.norm(embedding.astype(np.float64)))
    if not _SMALLEST_NORM <= norm <= _LARGEST_NORM:
        raise InputError(f"{what} has the norm {norm:g}: it was computed without speech, or it is not an embedding")


def check_same_model(stored: VoiceModel | None, given: VoiceModel, library: str = "") -> None:
    """Check that voices can be compared with the voices of a library; ``library`` names it in the error message.

    Raises
    ------
    InputError
        If they are of another model.
    """
    if stored is not None and not stored.same(given):
        where = f"Voice library {library}" if library else "The voice library"
        raise InputError(
            f"{where} uses the model {_described(stored)}, which cannot be compared with "
            f"{_described(given)}. Use the same model or another library"
        )


def unknown_voice_error(voice_id: str) -> InputError:
    """Error for an id that does not exist."""
    return InputError(f"Unknown voice {voice_id!r}. `oolong speakers list` shows all voices")


def check_imported_number(number: int) -> None:
    """Check the number of a voice or alias that the store did not allocate itself.

    Raises
    ------
    InputError
        If it is so large that the store could run out of numbers.
    """
    if number > LARGEST_IMPORTED_NUMBER:
        raise InputError(f"Voice id {voice_id(number)} is too large: the limit is {voice_id(LARGEST_IMPORTED_NUMBER)}")


def forgotten_voice_error(voice_id: str, library: str) -> InputError:
    """Error for writing a voice that was deleted or merged in the meantime."""
    return InputError(
        f"{voice_id} was forgotten or merged in {library}, and ids are never reused. Enroll the voice again"
    )


def _described(model: VoiceModel) -> str:
    return f"{model.name} ({model.dimension} dimensions, weights {model.weights[:12]})"


def _check_text(what: str, text: str, longest: int) -> None:
    if not text or len(text) > longest or text != clean_text(text):
        raise InputError(f"{what} must be 1 to {longest} characters on one line, not {text[:80]!r}")


def _check_seconds(owner: str, seconds: float) -> None:
    if not 0 <= seconds <= _LONGEST_S:
        raise InputError(f"Invalid duration {seconds} s of {owner}")
