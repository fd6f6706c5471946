"""Voice store in a PostgreSQL database, searched with the HNSW index of pgvector."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import psycopg

from oolong_align.errors import InputError, OolongWarning
from oolong_align.hookspecs import (
    Reference,
    Voice,
    VoiceModel,
    check_imported_number,
    check_same_model,
    check_voice,
    check_voice_embedding,
    forgotten_voice_error,
    voice_id,
    voice_number,
)
from oolong_align.types import FloatArray
from oolong_align_postgres.database import connect, index_dimension, translated

__all__ = ["PostgresStore"]

# A single statement reads a voice with all its parts, so that all come from the same state of the database.
_VOICE: Final = """
    SELECT v.number, v.name, m.model_name, m.model_weights, m.model_dimension, v.seconds, vector_send(v.centroid),
        (SELECT array_agg(a.number ORDER BY a.number) FROM oolong_alias a WHERE a.voice = v.number),
        r.embeddings, r.sources, r.starts, r.ends, r.seconds, r.enrolled, r.recordings
"""
_PARTS: Final = """
    CROSS JOIN oolong_library m
    LEFT JOIN LATERAL (
        SELECT array_agg(embedding ORDER BY place) embeddings, array_agg(source ORDER BY place) sources,
            array_agg(starts ORDER BY place) starts, array_agg(ends ORDER BY place) ends,
            array_agg(seconds ORDER BY place) seconds, array_agg(enrolled ORDER BY place) enrolled,
            array_agg(recording ORDER BY place) recordings
        FROM oolong_reference WHERE voice = v.number
    ) r ON true
"""


class PostgresStore:
    """A :class:`~oolong_align.hookspecs.SpeakerStore` on a PostgreSQL server with pgvector 0.8 or newer.

    Parameters
    ----------
    url : str
        libpq URL such as ``postgresql://user:password@host:5432/database``.

    Raises
    ------
    StoreError
        If the server is unreachable or lacks pgvector.
    """

    def __init__(self, url: str) -> None:
        self._connection, self._place = connect(url)
        self._lock = threading.RLock()
        self._depth = 0
        self._forgotten = False

    def model(self) -> VoiceModel | None:
        """Return the model of the voices, ``None`` if the store is empty."""
        rows = self._ask("SELECT model_name, model_weights, model_dimension FROM oolong_library")
        name, weights, dimension = rows[0]
        return None if name is None else VoiceModel(name=name, weights=weights, dimension=dimension)

    def put(self, voice: Voice) -> str:
        """Add a voice, or replace the one with the same id."""
        check_voice(voice)
        with self.transaction(), translated(self._place):
            stored = self.model()
            check_same_model(stored, voice.model, self._place)
            if stored is None:
                self._set_model(voice.model)
            number = self._put_voice(voice)
            self._put_parts(number, voice)
        return voice_id(number)

    def get(self, voice_id: str) -> Voice | None:
        """Return the voice with this id or alias."""
        where = "WHERE v.number = %(n)s OR v.number = (SELECT voice FROM oolong_alias WHERE number = %(n)s)"
        rows = self._ask(f"{_VOICE} FROM oolong_voice v {_PARTS} {where}", {"n": voice_number(voice_id)})
        return _voice(rows[0]) if rows else None

    def list(self, name: str | None = None) -> Sequence[Voice]:
        """Return all voices, or all voices with this name, ordered by number."""
        where = "WHERE %(name)s::text IS NULL OR v.name = %(name)s ORDER BY v.number"
        return [_voice(row) for row in self._ask(f"{_VOICE} FROM oolong_voice v {_PARTS} {where}", {"name": name})]

    def count(self) -> int:
        """Return the number of voices."""
        return int(self._ask("SELECT count(*) FROM oolong_voice")[0][0])

    def nearest(self, embedding: FloatArray, count: int, *, model: VoiceModel) -> Sequence[tuple[Voice, float]]:
        """Return the voices with the largest cosines (approximate search); ties are ordered by number."""
        check_voice_embedding(embedding, model)
        stored = self.model()
        check_same_model(stored, model, self._place)
        if stored is None or count < 1:
            return []
        ((indexed,),) = self._ask("SELECT indexed FROM oolong_library")
        # The expression of the index. Embeddings with too many dimensions for an index are compared one by one.
        kind = f"vector({indexed:d})" if indexed else "vector"
        distance = f"v.centroid::{kind} <=> %(query)s::real[]::{kind}"
        nearest = f"SELECT number, {distance} AS distance FROM oolong_voice v ORDER BY {distance} LIMIT %(count)s"  # noqa: S608
        rows = self._ask(
            f"WITH nearest AS MATERIALIZED ({nearest}) {_VOICE}, 1 - n.distance "
            f"FROM nearest n JOIN oolong_voice v USING (number) {_PARTS} ORDER BY n.distance, v.number",
            {"query": embedding.tolist(), "count": count},
        )
        return [(_voice(row[:-1]), float(row[-1])) for row in rows]

    def forget(self, voice_id: str) -> bool:
        """Delete a voice; a VACUUM after the transaction frees its space."""
        with self.transaction(), translated(self._place):
            voice = self.get(voice_id)
            if voice is None:
                return False
            self._run("DELETE FROM oolong_voice WHERE number = %s", voice_number(voice.id))
            self._run(
                "UPDATE oolong_library SET model_name = NULL, model_weights = NULL, model_dimension = NULL "
                "WHERE NOT EXISTS (SELECT 1 FROM oolong_voice)"
            )
            self._forgotten = True
        return True

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Context manager that blocks other writers."""
        with self._lock:
            if self._depth:
                with translated(self._place), self._connection.transaction():  # a savepoint
                    yield
                return
            self._depth = 1
            try:
                with translated(self._place), self._connection.transaction():
                    self._run("SELECT 1 FROM oolong_library FOR UPDATE")  # writers take turns
                    yield
            except BaseException:
                self._forgotten = False
                raise
            finally:
                self._depth = 0
            if self._forgotten:
                self._forgotten = False
                self._vacuum()

    def close(self) -> None:
        """Disconnect."""
        with self._lock:
            self._connection.close()

    def _vacuum(self) -> None:
        try:
            self._run("VACUUM oolong_voice, oolong_reference, oolong_alias, oolong_library")
        except psycopg.Error as error:
            text = " ".join(str(error).split())
            warnings.warn(f"Voice forgotten in {self._place}, but VACUUM failed: {text}", OolongWarning, stacklevel=4)

    def _ask(self, query: str, values: dict[str, Any] | None = None) -> Sequence[tuple[Any, ...]]:
        with self._lock, translated(self._place):
            return self._connection.execute(query.encode(), values, binary=True).fetchall()

    def _run(self, query: str, *values: object) -> int:
        return self._connection.execute(query.encode(), values or None).rowcount

    def _set_model(self, model: VoiceModel) -> None:
        self._run(
            "UPDATE oolong_library SET model_name = %s, model_weights = %s, model_dimension = %s",
            *(model.name, model.weights, model.dimension),
        )
        if self._ask("SELECT indexed FROM oolong_library") != [(model.dimension,)]:
            index_dimension(self._connection, model.dimension)

    def _put_voice(self, voice: Voice) -> int:
        values = (voice.name, voice.seconds, voice.centroid.tolist())
        number = voice_number(voice.id)
        if number is not None and self._run(
            "UPDATE oolong_voice SET name = %s, seconds = %s, centroid = %s::real[]::vector WHERE number = %s",
            *(*values, number),
        ):
            return number
        last: int = self._ask("SELECT last_number FROM oolong_library")[0][0]
        if number is None:
            number = last + 1
        elif number <= last:
            raise forgotten_voice_error(voice.id, self._place)
        else:
            check_imported_number(number)
        self._run("INSERT INTO oolong_voice VALUES (%s, %s, %s, %s::real[]::vector)", number, *values)
        self._run("UPDATE oolong_library SET last_number = %s", number)
        return number

    def _put_parts(self, number: int, voice: Voice) -> None:
        self._run("DELETE FROM oolong_reference WHERE voice = %s", number)
        self._run("DELETE FROM oolong_alias WHERE voice = %s", number)
        rows = [
            (number, place, _bytes(each.embedding), *_fields(each), each.enrolled, each.recording)
            for place, each in enumerate(voice.references)
        ]
        if rows:
            with self._connection.cursor() as cursor:
                cursor.executemany("INSERT INTO oolong_reference VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)", rows)
        for alias in voice.aliases:
            if self.get(alias) is not None:
                raise InputError(f"Invalid alias {alias} of {voice_id(number)}: another voice in {self._place} has it")
            self._run("INSERT INTO oolong_alias VALUES (%s, %s)", voice_number(alias), number)
        highest = max((voice_number(alias) or 0 for alias in voice.aliases), default=0)
        if self._run("UPDATE oolong_library SET last_number = %s WHERE last_number < %s", highest, highest):
            check_imported_number(highest)


def _voice(row: Sequence[Any]) -> Voice:
    number, name, model, weights, dimension, seconds, centroid, aliases, *columns = row
    references = zip(*columns, strict=True) if columns[0] is not None else ()
    return Voice(
        id=voice_id(number),
        name=name,
        model=VoiceModel(name=model, weights=weights, dimension=dimension),
        seconds=seconds,
        # binary format of pgvector: two 16-bit integers, then float32, all big-endian
        centroid=np.frombuffer(centroid, dtype=">f4", offset=4).astype(np.float32),
        references=tuple(
            Reference(
                embedding=np.frombuffer(embedding, dtype="<f4").astype(np.float32),
                source=source,
                start=start,
                end=end,
                seconds=length,
                enrolled=enrolled,
                recording=recording,
            )
            for embedding, source, start, end, length, enrolled, recording in references
        ),
        aliases=tuple(voice_id(alias) for alias in aliases or ()),
    )


def _bytes(vector: FloatArray) -> bytes:
    return vector.astype("<f4").tobytes()


def _fields(reference: Reference) -> tuple[object, ...]:
    return reference.source, reference.start, reference.end, reference.seconds
