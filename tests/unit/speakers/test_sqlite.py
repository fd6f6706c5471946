"""The SQLite store: the store contract and its URLs."""

from __future__ import annotations

from pathlib import Path

from oolong_align import open_store
from oolong_align.speakers.sqlite import open_sqlite
from oolong_align.testing import check_speaker_store


def test_store_contract(tmp_path: Path) -> None:
    check_speaker_store(lambda: open_sqlite(str(tmp_path / "voices.db")))


def test_path_and_scheme_select_the_store(tmp_path: Path) -> None:
    for url in (tmp_path / "voices.db", f"sqlite://{tmp_path / 'others.db'}"):
        open_store(str(url)).close()
    assert {path.name for path in tmp_path.iterdir()} == {"voices.db", "others.db"}
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
