"""The store in one file: the rules of every store, and what is special about a file."""

from __future__ import annotations

from pathlib import Path

from oolong_align import open_store
from oolong_align.speakers.sqlite import open_sqlite
from oolong_align.testing import check_speaker_store


def test_it_keeps_the_rules_of_every_store(tmp_path: Path) -> None:
    check_speaker_store(lambda: open_sqlite(str(tmp_path / "voices.db")))


def test_it_is_chosen_by_a_path_and_by_its_scheme(tmp_path: Path) -> None:
    for url in (tmp_path / "voices.db", f"sqlite://{tmp_path / 'others.db'}"):
        open_store(str(url)).close()
    assert {path.name for path in tmp_path.iterdir()} == {"voices.db", "others.db"}
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
