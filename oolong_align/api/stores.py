"""Open a voice store from Python with the same URLs as ``--speakers``."""

from __future__ import annotations

from oolong_align.api.hosting import load_host
from oolong_align.plugin.entries import SpeakerStore
from oolong_align.plugin.host import Host

__all__ = ["open_store"]


def open_store(url: str, *, host: Host | None = None) -> SpeakerStore:
    """Open a voice store.

    Parameters
    ----------
    url : str
        Path of an SQLite file, such as ``voices.db``, which is created if missing, or the URL of a store from a plugin,
        such as ``postgresql://host/voices``.
    host : Host, optional
        Host with the available plugins; defaults to all installed plugins.

    Raises
    ------
    UsageError
        If no plugin provides this kind of store.
    StoreError
        If the store cannot be opened.

    Examples
    --------
    >>> import contextlib, tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with contextlib.closing(open_store(f"{folder}/voices.db")) as store:
    ...         list(store.list())
    []
    """
    return (host or load_host()).open_store(url)
