"""Libraries of voices on the command line: the option that names one, and opening one that must be there."""

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

__all__ = ["library_option", "open_library", "shown", "voice_id"]


def library_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option that names a library, also by ``OOLONG_SPEAKERS``."""
    return click.option(
        "--speakers",
        "-s",
        "url",
        envvar="OOLONG_SPEAKERS",
        required=True,
        metavar="URL",
        help="Library of voices, such as voices.db (OOLONG_SPEAKERS).",
    )(command)


def open_library(host: Host, url: str, *, create: bool = False) -> SpeakerStore:
    """Open a library.

    Raises
    ------
    UsageError
        If its file is not there and is not to be created.
    StoreError
        If it cannot be opened.
    """
    if not create and store_scheme(url) == "sqlite":
        path = Path(url.removeprefix("sqlite://"))
        if not path.exists() or (path.is_file() and not path.stat().st_size):
            raise UsageError(f"{url}: there is no such library; `oolong transcribe --speakers {url}` makes one")
    return host.open_store(url)


def shown(url: str) -> str:
    """URL of a library as it may be shown: without a password.

    Examples
    --------
    >>> shown("postgresql://ada:secret@host/voices?sslmode=require")
    'postgresql://ada:***@host/voices?sslmode=require'
    """
    return re.sub(r"(://[^/@:]*:)[^/]*(?=@)|([?&]password=)[^&]*", lambda found: f"{found[1] or found[2]}***", url)


def voice_id(store: SpeakerStore, text: str) -> str:
    """Id that is meant: the text itself, or the id of the one voice that has it as a name.

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
        raise InputError(f"{' and '.join(named)} have the name {text!r}; give an id")
    return named[0] if named else text
