"""Open a voice library in an SQLite file: permissions, versions and clear error messages.

Reading and writing voices is in ``sqlite.py``.
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

__all__ = ["DAMAGED", "connect", "translated"]

BUSY_S: Final = 30.0
DAMAGED: Final = "the file is damaged. Restore it from a backup or an export"
_READ_ONLY: Final = "the file is read-only. Make the file and its folder writable, or use a copy"
_MEANINGS: Final = (
    ("locked", f"another process has been writing for {BUSY_S:.0f} s. Try again when it has finished"),
    ("readonly", _READ_ONLY),
    ("read-only", _READ_ONLY),
    ("full", "the disk is full, nothing was changed. Free some space and try again"),
    ("disk I/O", "the disk is full or failing, nothing was changed. Free some space or check the disk"),
    ("not a database", "this is not a voice library. Choose another file"),
    ("malformed", DAMAGED),
    ("unable to open", "could not open the file. The file and its folder must exist and be writable"),
)
"""Part of an SQLite error message, and the text for users."""


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite errors into one line with the file, the reason and the next step."""
    try:
        yield
    except sqlite3.Error as error:
        meaning = next((text for mark, text in _MEANINGS if mark in str(error)), str(error))
        raise StoreError(f"Voice library {path}: {meaning}") from error


def connect(path: Path) -> sqlite3.Connection:
    """Open a library, create it with permissions for its owner only if missing, and upgrade it to the newest version.

    Raises
    ------
    StoreError
        If the file cannot be opened, is not a voice library, or is of a newer version.
    """
    try:
        with translated(path):
            return _open(path)
    except OSError as error:
        raise StoreError(f"Could not open the voice library {path}: {error.strerror or error}") from error


def _open(path: Path) -> sqlite3.Connection:
    if path.is_dir():
        raise StoreError(f"Voice library {path} is a folder. Use the name of a file")
    if path.exists() and not path.is_file():
        raise StoreError(f"Voice library {path} is a device. Use the name of a file")
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
    # SQLite readers write to the -wal and -shm files. A read-only folder without them has no writers, so the file
    # can be opened as immutable.
    immutable = not (os.access(path.parent, os.W_OK) or path.with_name(f"{path.name}-wal").exists())
    connection = _connection(f"{uri}?mode=ro{'&immutable=1' if immutable else ''}")
    try:
        if _version(connection, path) < len(STEPS):
            raise StoreError(
                f"Voice library {path} is old and read-only. Make it writable once, so that it can be upgraded"
            )
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Create or upgrade the tables; processes that open a new library at the same time wait for each other."""
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
        except sqlite3.OperationalError:  # SQLite has no timeout for this lock
            if time.monotonic() > give_up:
                raise
            time.sleep(0.05)


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """Number of upgrade steps applied to the file; 0 if it is empty."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application != APPLICATION_ID and (application or version or tables):
        raise StoreError(f"{path} is a database of another program. Choose another file")
    if version > len(STEPS):
        raise StoreError(f"Voice library {path} was created by a newer version. Upgrade oolong-align")
    return version
