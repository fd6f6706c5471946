"""Voice libraries on PostgreSQL for oolong-align."""

from __future__ import annotations

from oolong_align.hookspecs import SpeakerStore, SpeakerStoreEntry, hookimpl

__all__ = ["open_postgres"]


def open_postgres(url: str) -> SpeakerStore:
    """Open the voice library in the database ``postgresql://...``; missing tables are created."""
    from oolong_align_postgres.store import PostgresStore

    return PostgresStore(url)


@hookimpl
def oolong_speaker_stores() -> list[SpeakerStoreEntry]:
    """Register ``--speakers postgresql://...`` and its libpq alias ``postgres://``."""
    return [
        SpeakerStoreEntry(scheme, "PostgreSQL with pgvector", open_postgres) for scheme in ("postgresql", "postgres")
    ]
