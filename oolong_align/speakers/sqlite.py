"""Voice store in a single SQLite file.

Writers of all processes take turns, and an interrupted write has no effect. A search multiplies the embedding with the
matrix of all centroids, ``O(voices)``; the matrix is reloaded after a write by any process.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from oolong_align.errors import InputError, StoreError, UsageError, warn
from oolong_align.speakers.records import (
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
from oolong_align.speakers.sqlite_file import DAMAGED, connect, translated
from oolong_align.types import FloatArray
from oolong_align.util.vectors import l2_normalise

__all__ = ["SqliteStore", "open_sqlite"]

_READ_TOGETHER: Final = 4096


def open_sqlite(url: str) -> SqliteStore:
    """Open the library at ``voices.db`` or ``sqlite://voices.db``; a missing file is created.

    Raises
    ------
    UsageError
        If the file name is missing.
    StoreError
        If the file cannot be opened or is not a voice library.
    """
    path = url.partition("://")[2] if "://" in url else url
    if not path:
        raise UsageError("Missing file name in --speakers. Use a name such as voices.db")
    return SqliteStore(Path(path))


class SqliteStore:
    """A :class:`~oolong_align.speakers.records.SpeakerStore` in one file that only its owner can read.

    Parameters
    ----------
    path : Path
        The file; created if missing. While it is open, SQLite keeps two more files with the suffixes ``-wal`` and
        ``-shm``.

    Raises
    ------
    StoreError
        If the file cannot be opened or is not a voice library.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._connection = connect(path)
        self._depth = 0
        self._forgotten = False
        self._known: tuple[object, npt.NDArray[np.int64], FloatArray] | None = None

    def model(self) -> VoiceModel | None:
        """Return the model of the voices, ``None`` if the store is empty."""
        with self._reading():
            row = self._connection.execute("SELECT name, weights, dimension FROM model").fetchone()
        return VoiceModel(name=row[0], weights=row[1], dimension=row[2]) if row else None

    def put(self, voice: Voice) -> str:
        """Add a voice, or replace the one with the same id."""
        check_voice(voice)
        with self.transaction(), translated(self._path):
            stored = self.model()
            check_same_model(stored, voice.model, str(self._path))
            if stored is None:
                values = (voice.model.name, voice.model.weights, voice.model.dimension)
                self._connection.execute("INSERT INTO model VALUES (1, ?, ?, ?)", values)
            number = self._put_voice(voice)
            self._put_parts(number, voice)
        return voice_id(number)

    def get(self, voice_id: str) -> Voice | None:
        """Return the voice with this id or alias."""
        with self._reading():
            number = self._find(voice_id)
            found = [] if number is None else self._voices("WHERE number = ?", (number,))
        return found[0] if found else None

    def list(self, name: str | None = None) -> Sequence[Voice]:
        """Return all voices, or all voices with this name, ordered by number."""
        with self._reading():
            return self._voices("") if name is None else self._voices("WHERE name = ?", (name,))

    def count(self) -> int:
        """Return the number of voices."""
        with self._reading():
            return int(self._connection.execute("SELECT count(*) FROM voice").fetchone()[0])

    def nearest(self, embedding: FloatArray, count: int, *, model: VoiceModel) -> Sequence[tuple[Voice, float]]:
        """Return the voices with the largest cosines (exact search); ties are ordered by number."""
        check_voice_embedding(embedding, model)
        with self._reading():
            stored = self.model()
            check_same_model(stored, model, str(self._path))
            if stored is None or count < 1:
                return []
            numbers, centroids = self._centroids(stored.dimension)
            # As fast as BLAS, but independent of the number of threads, and not slowed by busy cores.
            cosines = np.einsum("ij,j->i", centroids, l2_normalise(embedding))
            cut = min(count, len(cosines))
            least = -np.partition(-cosines, cut - 1)[cut - 1]
            candidates = np.flatnonzero(cosines >= least)
            best = candidates[np.lexsort((numbers[candidates], -cosines[candidates]))[:cut]]
            found = self._voices(
                "WHERE number IN (SELECT value FROM json_each(?))", (json.dumps(numbers[best].tolist()),)
            )
        voices = {voice.id: voice for voice in found}
        return [(voices[voice_id(int(numbers[row]))], float(cosines[row])) for row in best]

    def forget(self, voice_id: str) -> bool:
        """Delete a voice; its remaining bytes in the file are removed at the end of the transaction."""
        with self.transaction(), translated(self._path):
            number = self._find(voice_id)
            if number is None:
                return False
            self._connection.execute("DELETE FROM voice WHERE number = ?", (number,))
            self._connection.execute("DELETE FROM model WHERE NOT EXISTS (SELECT 1 FROM voice)")
            self._forgotten = True
        return True

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Context manager that blocks other writers."""
        with self._lock:
            if self._depth:
                with self._savepoint():
                    yield
                return
            with translated(self._path):
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield
                with translated(self._path):
                    self._connection.execute("COMMIT")
            except BaseException:
                self._known, self._forgotten = None, False
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            finally:
                self._depth = 0
            if self._forgotten:
                self._scrub()

    @contextmanager
    def _savepoint(self) -> Iterator[None]:
        """Nested transaction: an exception rolls it back, and the outer transaction may continue."""
        with translated(self._path):
            self._connection.execute("SAVEPOINT inner")
        try:
            yield
        except BaseException:
            self._known = None
            if self._connection.in_transaction:  # a full disk ends the transaction
                self._connection.execute("ROLLBACK TO inner")
                self._connection.execute("RELEASE inner")
            raise
        with translated(self._path):
            self._connection.execute("RELEASE inner")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._known = None
            self._connection.close()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Context manager in which all reads see the same state of the file."""
        with self._lock, translated(self._path):
            if self._connection.in_transaction:
                yield
                return
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def _find(self, voice_id: str) -> int | None:
        number = voice_number(voice_id)
        query = "SELECT number FROM voice WHERE number = :n UNION ALL SELECT voice FROM alias WHERE number = :n"
        row = self._connection.execute(query, {"n": number}).fetchone()
        return row[0] if row else None

    def _voices(self, where: str, values: Sequence[object] = ()) -> Sequence[Voice]:
        model = self.model()
        if model is None:
            return []
        ask = self._connection.execute
        chosen = f"SELECT number FROM voice {where}"  # noqa: S608 -- the conditions are constants of this module
        references: dict[int, list[Reference]] = {}
        query = (
            'SELECT voice, embedding, source, start, "end", seconds, enrolled, recording FROM reference '  # noqa: S608
            f"WHERE voice IN ({chosen}) ORDER BY voice, place"
        )
        for number, embedding, source, start, end, seconds, enrolled, recording in ask(query, values):
            reference = Reference(
                embedding=self._vector(embedding, model.dimension),
                source=source,
                start=start,
                end=end,
                seconds=seconds,
                enrolled=self._time(enrolled),
                recording=recording,
            )
            references.setdefault(number, []).append(reference)
        aliases: dict[int, list[str]] = {}
        query = f"SELECT voice, number FROM alias WHERE voice IN ({chosen}) ORDER BY number"  # noqa: S608
        for number, alias in ask(query, values):
            aliases.setdefault(number, []).append(voice_id(alias))
        query = f"SELECT number, name, seconds, centroid FROM voice {where} ORDER BY number"  # noqa: S608
        return [
            Voice(
                id=voice_id(number),
                name=name,
                model=model,
                seconds=seconds,
                centroid=self._vector(centroid, model.dimension),
                references=tuple(references.get(number, ())),
                aliases=tuple(aliases.get(number, ())),
            )
            for number, name, seconds, centroid in ask(query, values)
        ]

    def _put_voice(self, voice: Voice) -> int:
        ask = self._connection.execute
        values = (voice.name, voice.seconds, _bytes(voice.centroid))
        number = voice_number(voice.id)
        if number is None:
            added = ask("INSERT INTO voice (name, seconds, centroid) VALUES (?, ?, ?)", values).lastrowid
            return int(added or 0)
        query = "UPDATE voice SET name = ?, seconds = ?, centroid = ? WHERE number = ?"
        if not ask(query, (*values, number)).rowcount:
            if number <= self._last_number():
                raise forgotten_voice_error(voice.id, str(self._path))
            check_imported_number(number)
            ask("INSERT INTO voice (name, seconds, centroid, number) VALUES (?, ?, ?, ?)", (*values, number))
        return number

    def _put_parts(self, number: int, voice: Voice) -> None:
        ask = self._connection.execute
        ask("DELETE FROM reference WHERE voice = ?", (number,))
        ask("DELETE FROM alias WHERE voice = ?", (number,))
        rows: Iterable[tuple[object, ...]] = (
            (number, place, _bytes(each.embedding), *_fields(each), str(each.enrolled), each.recording)
            for place, each in enumerate(voice.references)
        )
        self._connection.executemany("INSERT INTO reference VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        for alias in voice.aliases:
            if self._find(alias) is not None:
                raise InputError(
                    f"Invalid alias {alias} of {voice_id(number)}: it belongs to another voice in {self._path}"
                )
            ask("INSERT INTO alias VALUES (?, ?)", (voice_number(alias), number))
        highest = max((voice_number(alias) or 0 for alias in voice.aliases), default=0)
        if highest > self._last_number():
            check_imported_number(highest)
        ask("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'voice'", (highest,))

    def _last_number(self) -> int:
        row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'voice'").fetchone()
        return row[0] if row else 0

    def _centroids(self, dimension: int) -> tuple[npt.NDArray[np.int64], FloatArray]:
        """Numbers, ``(voices,)``, and L2-normalised centroids, ``(voices, D)``, in the current transaction."""
        state = (self._connection.execute("PRAGMA data_version").fetchone()[0], self._connection.total_changes)
        if self._known is None or self._known[0] != state:
            self._known = None
            (count,) = self._connection.execute("SELECT count(*) FROM voice").fetchone()
            numbers = np.empty(count, dtype=np.int64)
            centroids = np.empty((count, dimension), dtype=np.float32)
            rows = self._connection.execute("SELECT number, centroid FROM voice ORDER BY number")
            for first in range(0, count, _READ_TOGETHER):
                block = rows.fetchmany(_READ_TOGETHER)
                here = slice(first, first + len(block))
                numbers[here] = [row[0] for row in block]
                stored = self._vector(b"".join(row[1] for row in block), dimension * len(block))
                centroids[here] = l2_normalise(stored.reshape(len(block), dimension))  # (voices, D)
            self._known = (state, numbers, centroids)
        return self._known[1:]

    def _vector(self, stored: bytes, size: int) -> FloatArray:
        if len(stored) != 4 * size:
            raise StoreError(f"Voice library {self._path}: {DAMAGED}")
        return np.frombuffer(stored, dtype="<f4").astype(np.float32)

    def _time(self, stored: str) -> datetime:
        try:
            return datetime.fromisoformat(stored)
        except (TypeError, ValueError) as error:
            raise StoreError(f"Voice library {self._path}: {DAMAGED}") from error

    def _scrub(self) -> None:
        """Compact the file and truncate the write-ahead log, which still contains deleted data.

        In the file itself, deleted data is already overwritten (``secure_delete``): without space to rewrite it, it
        only stays larger than necessary.
        """
        self._forgotten = False
        problem = None
        try:
            self._connection.execute("VACUUM")
        except sqlite3.Error as error:
            problem = f"the file was not compacted: {error}"
        try:
            busy = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            if busy:
                problem = "another process is reading the file. Traces remain until every process has closed it"
        except sqlite3.Error as error:
            problem = f"traces remain until there is space on the disk: {error}"
        if problem:
            warn(f"Voice forgotten in {self._path}, but {problem}")


def _bytes(vector: FloatArray) -> bytes:
    return vector.astype("<f4").tobytes()


def _fields(reference: Reference) -> tuple[object, ...]:
    return reference.source, reference.start, reference.end, reference.seconds
