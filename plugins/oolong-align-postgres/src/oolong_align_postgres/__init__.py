"""Known voices on a PostgreSQL server, for oolong-align."""

from __future__ import annotations

from oolong_align.hookspecs import SpeakerStore, SpeakerStoreEntry, hookimpl

__all__ = ["open_postgres"]


def open_postgres(url: str) -> SpeakerStore:
    """Open the library of voices in the database at ``postgresql://...``; its tables are made if they are not there."""
    from oolong_align_postgres.store import PostgresStore

    return PostgresStore(url)


@hookimpl
def oolong_speaker_stores() -> list[SpeakerStoreEntry]:
    """Offer ``--speakers postgresql://...``, which libpq also knows as ``postgres://``."""
    return [
        SpeakerStoreEntry(scheme, "PostgreSQL with pgvector", open_postgres) for scheme in ("postgresql", "postgres")
    ]
