"""Opening a library of voices in one SQLite file: permissions, versions, and errors that a user understands.

Left out on purpose: what is read from it and written to it (``sqlite.py``).
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from oolong_align.errors import StoreError
from oolong_align.speakers.sqlite_schema import APPLICATION_ID, STEPS

__all__ = ["connect", "translated"]

BUSY_S: Final = 30.0
_MEANINGS: Final = (
    ("locked", f"another process has been writing for {BUSY_S:.0f} s: try again when it is done"),
    ("readonly", "it is read-only: make the file and its folder writable, or use a copy"),
    ("read-only", "it is read-only: make the file and its folder writable, or use a copy"),
    ("full", "the disk is full: nothing was changed; make room and try again"),
    ("disk I/O", "the disk is full or failing: nothing was changed; make room, or check the disk"),
    ("not a database", "this is not a library of voices; choose another file"),
    ("malformed", "the file is damaged: restore it from a copy or an export"),
    ("unable to open", "it cannot be opened: the file and its folder must exist and be writable"),
)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into one line that names the file and the way out."""
    try:
        yield
    except sqlite3.Error as error:
        meaning = next((text for mark, text in _MEANINGS if mark in str(error)), str(error))
        raise StoreError(f"{path}: {meaning}") from error


def connect(path: Path) -> sqlite3.Connection:
    """Open a library, created for its owner only if there is none, and bring it to the newest version.

    Raises
    ------
    StoreError
        If it cannot be opened, is something else, or is of a newer version.
    """
    try:
        with translated(path):
            return _open(path)
    except OSError as error:
        raise StoreError(f"{path}: cannot be opened: {error.strerror or error}") from error


def _open(path: Path) -> sqlite3.Connection:
    if path.is_dir():
        raise StoreError(f"{path}: this is a folder; give the name of a file")
    if path.exists() and not path.is_file():
        raise StoreError(f"{path}: this is a device; give the name of a file")
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    uri = path.absolute().as_uri()
    if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        return _open_read_only(path, uri)
    connection = _connection(f"{uri}?mode=rw")
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _connection(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        for setting in ("foreign_keys = ON", "secure_delete = ON", "synchronous = FULL"):
            connection.execute(f"PRAGMA {setting}")
    except BaseException:
        connection.close()
        raise
    return connection


def _open_read_only(path: Path, uri: str) -> sqlite3.Connection:
    # Readers write to files beside it. Where they cannot, but nobody else is at it either, the file alone is enough.
    alone = not (os.access(path.parent, os.W_OK) or path.with_name(f"{path.name}-wal").exists())
    connection = _connection(f"{uri}?mode=ro{'&immutable=1' if alone else ''}")
    try:
        if _version(connection, path) < len(STEPS):
            raise StoreError(f"{path}: it is of an older version and read-only: make it writable once, to convert it")
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make or convert the tables; processes that open a new library at the same time wait for each other."""
    if _version(connection, path) < len(STEPS):
        if not _version(connection, path):
            path.chmod(0o600)
        connection.execute("BEGIN IMMEDIATE")
        for step in STEPS[_version(connection, path) :]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(STEPS)}")
        connection.execute("COMMIT")
    give_up = time.monotonic() + BUSY_S
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:  # SQLite does not wait by itself for this lock
            if time.monotonic() > give_up:
                raise
            time.sleep(0.05)


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """Steps the file has been through; 0 for an empty one."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application != APPLICATION_ID and (application or version or tables):
        raise StoreError(f"{path}: this is a database of another program; choose another file")
    if version > len(STEPS):
        raise StoreError(f"{path}: it was made by a newer version: upgrade oolong-align")
    return version
