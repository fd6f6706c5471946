"""URLs of voice libraries, as given to ``--speakers``."""

from __future__ import annotations

from pathlib import Path

__all__ = ["library_files", "store_scheme"]


def store_scheme(url: str) -> str:
    """Scheme that selects a kind of store; a plain path is an SQLite file.

    Examples
    --------
    >>> store_scheme("voices.db"), store_scheme("postgresql://host/voices")
    ('sqlite', 'postgresql')
    """
    scheme, separator, _ = url.partition("://")
    return scheme.lower() if separator else "sqlite"


def library_files(url: str | None) -> list[Path]:
    """Files of a library, which no output may overwrite; empty for a server.

    Examples
    --------
    >>> [path.name for path in library_files("sqlite://voices.db")], library_files("postgresql://host/voices")
    (['voices.db', 'voices.db-wal', 'voices.db-shm'], [])
    """
    if not url or store_scheme(url) != "sqlite":
        return []
    path = Path(url.partition("://")[2] if "://" in url else url)
    return [path.with_name(f"{path.name}{end}") for end in ("", "-wal", "-shm")] if path.name else []
