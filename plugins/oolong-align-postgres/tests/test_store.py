from __future__ import annotations

from oolong_align_postgres import open_postgres

from oolong_align.testing import check_speaker_store


def test_it_keeps_the_rules_of_every_store(database: str) -> None:
    check_speaker_store(lambda: open_postgres(database))
