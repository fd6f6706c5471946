"""Opening a store of voices from Python, by the same URLs as ``--speakers``."""

from __future__ import annotations

from oolong_align.api.hosting import load_host
from oolong_align.plugin.entries import SpeakerStore
from oolong_align.plugin.host import Host

__all__ = ["open_store"]


def open_store(url: str, *, host: Host | None = None) -> SpeakerStore:
    """Open a store of voices.

    Parameters
    ----------
    url : str
        ``voices.db``, a file that is created if it is not there, or the URL of a store that a plugin offers, such as
        ``postgresql://host/voices``.
    host : Host, optional
        The plugins to choose from; all that are installed by default.

    Raises
    ------
    UsageError
        If no plugin offers this kind of store.
    StoreError
        If it cannot be opened.

    Examples
    --------
    >>> import contextlib, tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with contextlib.closing(open_store(f"{folder}/voices.db")) as store:
    ...         list(store.list())
    []
    """
    return (host or load_host()).open_store(url)
