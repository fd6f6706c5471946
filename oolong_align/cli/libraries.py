"""Voice libraries on the command line: the option ``--speakers``, and opening a library that must exist."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from oolong_align.errors import InputError, UsageError
from oolong_align.plugin.entries import SpeakerStore
from oolong_align.plugin.host import Host
from oolong_align.speakers.urls import store_scheme

__all__ = ["library_option", "masked_url", "open_library", "voice_id"]


def library_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option that names a library; its default is the environment variable ``OOLONG_SPEAKERS``."""
    return click.option(
        "--speakers",
        "-s",
        "url",
        envvar="OOLONG_SPEAKERS",
        callback=_require_library,
        metavar="URL",
        show_default="$OOLONG_SPEAKERS",
        help="Voice library, such as voices.db.",
    )(command)


def _require_library(context: click.Context, _: click.Parameter, url: str | None) -> str:
    if url is None:
        raise click.UsageError(
            "Missing option '--speakers' / '-s'. Give a voice library, such as --speakers voices.db, or set the "
            "environment variable OOLONG_SPEAKERS.",
            context,
        )
    return url


def open_library(host: Host, url: str, *, create: bool = False) -> SpeakerStore:
    """Open a voice library.

    Raises
    ------
    UsageError
        If its file does not exist and ``create`` is false.
    StoreError
        If it cannot be opened.
    """
    if not create and store_scheme(url) == "sqlite":
        path = Path(url.removeprefix("sqlite://"))
        if not path.exists() or (path.is_file() and not path.stat().st_size):
            raise UsageError(f"{url}: No such voice library. Create it with `oolong transcribe FILE --speakers {url}`")
    return host.open_store(url)


def masked_url(url: str) -> str:
    """Return the URL of a library with its password masked.

    Examples
    --------
    >>> masked_url("postgresql://ada:secret@host/voices?sslmode=require")
    'postgresql://ada:***@host/voices?sslmode=require'
    """
    return re.sub(r"(://[^/@:]*:)[^/]*(?=@)|([?&]password=)[^&]*", lambda found: f"{found[1] or found[2]}***", url)


def voice_id(store: SpeakerStore, text: str) -> str:
    """Resolve an id or a unique name to the id of a voice; unknown text is returned unchanged.

    Raises
    ------
    InputError
        If several voices have the name.
    """
    from oolong_align.speakers.records import voice_number
    from oolong_align.text.clean import clean_text

    if store.get(text) is not None or voice_number(text) is not None:
        return text
    named = [voice.id for voice in store.list(clean_text(text))]
    if len(named) > 1:
        raise InputError(f"Ambiguous name {text!r}: {' and '.join(named)} have it. Use an id.")
    return named[0] if named else text
