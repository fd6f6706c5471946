"""Connect to the server: tables, settings and clear error messages.

Reading and writing voices is in ``store.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from oolong_align.errors import StoreError

__all__ = ["Connection", "connect", "index_dimension", "translated"]

Connection = psycopg.Connection[tuple[Any, ...]]

VERSION: Final = 2
_PGVECTOR: Final = (0, 8)
_SETUP_LOCK: Final = 0x6F6F6C76
_LARGEST_INDEXED: Final = 2000  # maximum dimension of an HNSW index in pgvector
# A larger list improves recall; strict_order continues the search if the list has too few voices.
_SETTINGS: Final = (
    "SET TIME ZONE 'UTC'",
    "SET hnsw.ef_search = 200",
    "SET hnsw.iterative_scan = strict_order",
)
_TABLES: Final = (
    """
    CREATE TABLE oolong_library (
        only_one integer PRIMARY KEY CHECK (only_one = 1),
        version integer NOT NULL,
        last_number bigint NOT NULL,
        indexed integer NOT NULL,
        model_name text,
        model_weights text,
        model_dimension integer
    )
    """,
    """
    CREATE TABLE oolong_voice (
        number bigint PRIMARY KEY,
        name text,
        seconds double precision NOT NULL,
        centroid vector NOT NULL
    )
    """,
    "CREATE INDEX oolong_voice_name ON oolong_voice (name)",
    """
    CREATE TABLE oolong_reference (
        voice bigint NOT NULL REFERENCES oolong_voice ON DELETE CASCADE,
        place integer NOT NULL,
        embedding bytea NOT NULL,
        source text NOT NULL,
        starts double precision NOT NULL,
        ends double precision NOT NULL,
        seconds double precision NOT NULL,
        enrolled timestamptz NOT NULL,
        recording text NOT NULL,
        PRIMARY KEY (voice, place)
    )
    """,
    """
    CREATE TABLE oolong_alias (
        number bigint PRIMARY KEY,
        voice bigint NOT NULL REFERENCES oolong_voice ON DELETE CASCADE
    )
    """,
    "CREATE INDEX oolong_alias_voice ON oolong_alias (voice)",
)
_SECOND_VERSION: Final = (
    "ALTER TABLE oolong_reference ADD COLUMN recording text NOT NULL DEFAULT ''",
    "ALTER TABLE oolong_reference ALTER COLUMN recording DROP DEFAULT",
    "UPDATE oolong_reference SET recording = source WHERE source <> 'recording'",
    "UPDATE oolong_library SET version = 2",
)


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Turn server errors into one line that names the database but not the password."""
    try:
        yield
    except psycopg.Error as error:
        text = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, psycopg.errors.LockNotAvailable):
            text = "another client has been writing for 30 s. Try again when it has finished"
        elif isinstance(error, psycopg.errors.DiskFull):
            text = "the disk of the server is full, nothing was changed. Free some space and try again"
        elif isinstance(error, psycopg.errors.ReadOnlySqlTransaction | psycopg.errors.InsufficientPrivilege):
            text = f"{text}. Ask for write access or use another library"
        raise StoreError(f"Voice library {place}: {text}") from error


def place_of(url: str) -> str:
    """Name of the database in messages, without user and password."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error as error:
        raise StoreError(
            "Invalid PostgreSQL URL in --speakers. Use the form postgresql://user@host:5432/database"
        ) from error
    return f"postgresql://{parts.get('host') or 'localhost'}/{parts.get('dbname') or ''}"


def connect(url: str) -> tuple[Connection, str]:
    """Connect to a database, create missing tables, and return the connection and the database name for messages.

    Raises
    ------
    StoreError
        If the server is unreachable or lacks pgvector, or the library is of a newer version.
    """
    place = place_of(url)
    with translated(place):
        seconds = conninfo_to_dict(url).get("connect_timeout", 10)
        connection: Connection = psycopg.connect(make_conninfo(url, connect_timeout=seconds), autocommit=True)
        try:
            connection.execute("SET lock_timeout = '30s'")
            with connection.transaction():
                _prepare(connection, place)
            for setting in _SETTINGS:
                connection.execute(setting.encode())
        except BaseException:
            connection.close()
            raise
    return connection, place


def index_dimension(connection: Connection, dimension: int) -> None:
    """Create the index for centroids of this dimension."""
    connection.execute("DROP INDEX IF EXISTS oolong_voice_nearest")
    indexed = dimension if dimension <= _LARGEST_INDEXED else 0
    if indexed:
        connection.execute(
            b"CREATE INDEX oolong_voice_nearest ON oolong_voice "
            b"USING hnsw ((centroid::vector(%d)) vector_cosine_ops)" % dimension
        )
    connection.execute("UPDATE oolong_library SET indexed = %s", (indexed,))


def _prepare(connection: Connection, place: str) -> None:
    # Clients that open a new library at the same time wait for each other.
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_SETUP_LOCK,))
    found = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'").fetchone()
    if found is None:
        try:
            with connection.transaction():
                connection.execute("CREATE EXTENSION vector")
        except psycopg.Error as error:
            raise StoreError(
                f"Voice library {place}: the server has no pgvector. Ask its administrator to install pgvector and run "
                "CREATE EXTENSION vector"
            ) from error
        found = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'").fetchone()
    if found is None or tuple(int(part) for part in str(found[0]).split(".")[:2]) < _PGVECTOR:
        raise StoreError(f"Voice library {place}: pgvector is older than 0.8. Ask the administrator to upgrade it")
    if connection.execute("SELECT to_regclass('oolong_library')::text").fetchone() == (None,):
        for statement in _TABLES:
            connection.execute(statement.encode())
        connection.execute("INSERT INTO oolong_library VALUES (1, %s, 0, 0)", (VERSION,))
    row = connection.execute("SELECT version FROM oolong_library").fetchone()
    if row is None or row[0] > VERSION:
        raise StoreError(f"Voice library {place} was created by a newer version. Upgrade oolong-align-postgres")
    if row[0] < VERSION:
        for statement in _SECOND_VERSION:
            connection.execute(statement.encode())
