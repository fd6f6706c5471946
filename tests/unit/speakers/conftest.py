from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from oolong_align.speakers.sqlite import SqliteStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "voices.db")
    yield store
    store.close()
