"""A voice, the speech it was learned from, and what a store of voices must do.

Left out on purpose: whether two voices are the same person, and every kind of store (``sqlite.py``, plugins).
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
from oolong_align.types import FloatArray

__all__ = [
    "Reference",
    "SpeakerStore",
    "Voice",
    "VoiceModel",
    "check_given_number",
    "check_model",
    "check_name",
    "check_voice",
    "clean_source",
    "forgotten_id",
    "unknown_voice",
    "voice_id",
    "voice_number",
]

LONGEST_NAME: Final = 200
LONGEST_SOURCE: Final = 1000
FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 9998
LARGEST_DIMENSION: Final = 16_000  # the most that pgvector keeps
LARGEST_GIVEN_NUMBER: Final = 10**12  # leaves room for the numbers after it, which have 15 digits at most
_SHORTEST: Final = 1e-6  # lengths of vectors whose cosines float32 can hold
_LONGEST: Final = 1e6
_LONGEST_S: Final = 1e9
_VOICE_ID: Final = re.compile(r"voice_([1-9][0-9]{0,14})")


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceModel:
    """The model that made embeddings: only those of one model can be compared.

    Attributes
    ----------
    name : str
        What messages call it, such as the bundle's name.
    weights : str
        SHA-256 of the weights, hexadecimal; tells models apart together with the dimension.
    dimension : int
        Size of an embedding.
    """

    name: str
    weights: str
    dimension: int

    def same(self, other: VoiceModel) -> bool:
        """Whether embeddings of both can be compared."""
        return (self.weights, self.dimension) == (other.weights, other.dimension)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Speech that a voice was learned from.

    Attributes
    ----------
    embedding : ndarray of float32, shape (D,)
        Its embedding, of any length but zero.
    source : str
        The recording, see `clean_source`.
    start, end : float
        Where the speech lies in the recording, in seconds.
    seconds : float
        Length of the speech in there.
    enrolled : datetime
        When it was learned, with a time zone.
    recording : str
        What tells the recording from others: a digest of its samples, or else its name; empty if nothing does.
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
    """One voice of a store.

    Attributes
    ----------
    id : str
        ``voice_7``; empty for a voice that is not in a store yet, which will allocate one.
    name : str or None
        The person's name, if it is known; several voices may have the same.
    model : VoiceModel
        What made the embeddings.
    seconds : float
        Length of the speech that the voice was learned from.
    centroid : ndarray of float32, shape (D,)
        What stands for the voice when voices are compared.
    references : tuple of Reference
        The speech it was learned from.
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
    """Keeps voices of one model; whatever is in it is still there after it is opened again.

    Several threads may use one store, and several processes may have the same one open. Methods raise
    :class:`~oolong_align.errors.StoreError` where the store cannot be read or written.
    """

    def model(self) -> VoiceModel | None:
        """Return the model of the voices; ``None`` while there are none."""

    def put(self, voice: Voice) -> str:
        """Add a voice, or replace all of the one with the same id; gives the id.

        A voice with an empty id gets one that no voice has had before, ``voice_`` and a number. An id with a number
        above all that were used is taken as it is.

        Raises
        ------
        InputError
            If the voice is malformed, is of another model than those in the store, or has an id that was forgotten
            or merged into another voice.
        """

    def get(self, voice_id: str) -> Voice | None:
        """Return the voice with an id or an alias, ``None`` if there is none."""

    def list(self, name: str | None = None) -> Sequence[Voice]:
        """Return all voices, or those with a name, in order of their numbers."""

    def count(self) -> int:
        """Return the number of voices."""

    def nearest(self, embedding: FloatArray, count: int, *, model: VoiceModel) -> Sequence[tuple[Voice, float]]:
        """Voices whose centroids have the largest cosines to an embedding, with the cosines, best first.

        An index may miss some; what it gives is in order.

        Raises
        ------
        InputError
            If the embedding is malformed or the voices are of another model.
        """

    def forget(self, voice_id: str) -> bool:
        """Remove the voice with an id or an alias and every trace of it; tells whether there was one."""

    def transaction(self) -> AbstractContextManager[None]:
        """Context in which nobody else writes, to read, decide and put.

        What was written is there at its end, all of it, or nothing if an exception leaves it. A transaction inside
        another one is part of that one. ``put`` and ``forget`` alone are transactions too.
        """

    def close(self) -> None:
        """Release the store."""


def voice_id(number: int) -> str:
    """Id of a number: ``voice_7`` for 7."""
    return f"voice_{number}"


def voice_number(text: str) -> int | None:
    """Return the number of an id, ``None`` for a text that `voice_id` never gives."""
    match = _VOICE_ID.fullmatch(text)
    return int(match[1]) if match else None


def clean_source(source: str | os.PathLike[str]) -> str:
    """Name of a recording as a store can keep it: one line, valid Unicode, at most 1000 characters, from its end."""
    return _clean(os.fspath(source))[-LONGEST_SOURCE:].strip()


def check_voice(voice: Voice) -> None:
    """Check a voice before it is stored.

    Raises
    ------
    InputError
        With what is wrong.
    """
    what = voice.id or "the voice"
    if voice.id and voice_number(voice.id) is None:
        raise InputError(f"{voice.id!r} is no id of a voice: ids are voice_1, voice_2 ...")
    if voice.name is not None:
        check_name(voice.name, f"{what}: the name")
    if not 0 < voice.model.dimension <= LARGEST_DIMENSION:
        raise InputError(f"{what}: the model has {voice.model.dimension} dimensions, not 1 to {LARGEST_DIMENSION}")
    _check_text(f"{what}: the model's name", voice.model.name, LONGEST_NAME)
    _check_text(f"{what}: the hash of the weights", voice.model.weights, LONGEST_NAME)
    _check_seconds(what, voice.seconds)
    check_embedding(voice.centroid, voice.model, f"{what}: the centroid")
    for place, each in enumerate(voice.references):
        where = f"{what}: reference {place}"
        check_embedding(each.embedding, voice.model, f"{where}: the embedding")
        _check_text(f"{where}: the source", each.source, LONGEST_SOURCE)
        if each.recording:
            _check_text(f"{where}: the recording", each.recording, LONGEST_SOURCE)
        _check_seconds(where, each.seconds)
        if not (np.isfinite([each.start, each.end]).all() and 0 <= each.start <= each.end):
            raise InputError(f"{where}: {each.start} to {each.end} s is no span of a recording")
        if each.enrolled.tzinfo is None:
            raise InputError(f"{where}: the time of enrolment, {each.enrolled}, has no time zone")
        if not FIRST_YEAR <= each.enrolled.year <= LAST_YEAR:
            raise InputError(f"{where}: {each.enrolled} is no time of enrolment")
    for alias in voice.aliases:
        if voice_number(alias) is None or alias == voice.id or voice.aliases.count(alias) > 1:
            raise InputError(f"{what}: {alias!r} cannot be an alias of it")


def check_name(name: str, what: str = "the name") -> None:
    """Check the name of a voice.

    Raises
    ------
    InputError
        If it is not one line of 1 to 200 characters.
    """
    _check_text(what, name, LONGEST_NAME)


def check_new_name(name: str) -> None:
    """Check the name that a voice is to have from now on; not an id, for which names do.

    Raises
    ------
    InputError
        If it is an id, or not one line of 1 to 200 characters.
    """
    check_name(name)
    if voice_number(name.strip()) is not None:
        raise InputError(f"{name.strip()} is an id, no name; if two voices are one person, merge them")


def check_embedding(embedding: FloatArray, model: VoiceModel, what: str = "the embedding") -> None:
    """Check an embedding of a model.

    Raises
    ------
    InputError
        If it is not ``float32[D]`` of a finite length above zero.
    """
    if embedding.dtype != np.float32 or embedding.shape != (model.dimension,):
        raise InputError(
            f"{what} must be float32 of shape ({model.dimension},), not {embedding.dtype} of {embedding.shape}"
        )
    norm = float(np.linalg.norm(embedding.astype(np.float64)))
    if not _SHORTEST <= norm <= _LONGEST:
        raise InputError(f"{what} has the length {norm:g}: there was no speech to embed, or it is no embedding")


def check_model(stored: VoiceModel | None, given: VoiceModel, place: str) -> None:
    """Check that voices can be compared with those of a store.

    Raises
    ------
    InputError
        If they are of another model.
    """
    if stored is not None and not stored.same(given):
        raise InputError(
            f"{place} holds voices of the model {_described(stored)}, which cannot be compared with those of "
            f"{_described(given)}: use that model, or another library for this one"
        )


def unknown_voice(voice_id: str, place: str = "the library") -> InputError:
    """Error for an id that no voice has."""
    return InputError(f"there is no voice {voice_id!r} in {place}: `oolong speakers list` shows those that are")


def check_given_number(number: int) -> None:
    """Check the number of a voice or alias before a store takes one that it did not allocate.

    Raises
    ------
    InputError
        If there would be no room for further numbers.
    """
    if number > LARGEST_GIVEN_NUMBER:
        raise InputError(f"{voice_id(number)}: an id above {voice_id(LARGEST_GIVEN_NUMBER)} cannot be taken over")


def forgotten_id(voice_id: str, place: str) -> InputError:
    """Error for a voice that is gone while somebody still wants to write it."""
    return InputError(f"{voice_id} was forgotten or merged in {place}, and no id is used again: enrol the voice anew")


def _described(model: VoiceModel) -> str:
    return f"{model.name} ({model.dimension} dimensions, weights {model.weights[:12]})"


def _check_text(what: str, text: str, longest: int) -> None:
    if not text or len(text) > longest or text != _clean(text):
        raise InputError(f"{what} must be 1 to {longest} characters on one line, not {text[:80]!r}")


def _check_seconds(what: str, seconds: float) -> None:
    if not 0 <= seconds <= _LONGEST_S:
        raise InputError(f"{what}: {seconds} is no length in seconds")


def _clean(text: str) -> str:
    # Not at the top: the formats load libraries, and whoever only lists the plugins needs none of them.
    from oolong_align.text.clean import clean_text

    return clean_text(text)
