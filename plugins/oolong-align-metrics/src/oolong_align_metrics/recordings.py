"""Collect the recordings of files and folders, and pair them by name."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from oolong_align.errors import InputError, OolongWarning

__all__ = ["collect", "pair"]

T = TypeVar("T")
U = TypeVar("U")


def collect(path: Path, suffix: str, read: Callable[[Path], Mapping[str, T]], empty: T) -> dict[str, T]:
    """Read a file, or all files with a suffix in a folder.

    Parameters
    ----------
    path : Path
        A file or a folder. In a folder, a file with one recording is named by its stem.
    suffix : str
        Suffix of the files in a folder, such as ``.rttm``.
    read : callable
        Returns the recordings in a file by name. An empty result is a recording without content.
    empty : T
        Content of a recording without content.

    Returns
    -------
    dict of str to T
        By name, with ``_`` for white space, as in RTTM files.

    Raises
    ------
    InputError
        If a folder has no such file, or two files contain recordings of the same name.
    """
    if not path.is_dir():
        return dict(read(path)) or {_name(path): empty}
    recordings: dict[str, T] = {}
    for file in sorted(path.glob(f"*{suffix}")):
        found = read(file)
        if len(found) < 2:
            found = {_name(file): next(iter(found.values()), empty)}
        for name, content in found.items():
            if name in recordings:
                raise InputError(f"{file}: Recording {name!r} is also in another file of the folder. Remove one")
            recordings[name] = content
    if not recordings:
        raise InputError(f"{path}: No *{suffix} files in this folder. Give a file or another folder")
    return recordings


def pair(reference: Mapping[str, T], hypothesis: Mapping[str, U], empty: U) -> dict[str, tuple[T, U]]:
    """Pair the recordings of both sides by name. Single recordings are paired whatever their names.

    Issues a warning for recordings without a hypothesis, whose words and turns count as missed, and without a
    reference, which are skipped.

    Raises
    ------
    InputError
        If both sides have no name in common.
    """
    if len(reference) == len(hypothesis) == 1:
        ((name, truth),), ((_, ours),) = reference.items(), hypothesis.items()
        return {name: (truth, ours)}
    if not reference.keys() & hypothesis.keys():
        raise InputError(
            f"No common recordings: the reference has {_list(reference)}, the hypothesis has {_list(hypothesis)}"
        )
    if missing := [name for name in reference if name not in hypothesis]:
        _warn(f"No hypothesis for {_list(missing)}: everything counts as missed")
    if extra := [name for name in hypothesis if name not in reference]:
        _warn(f"No reference for {_list(extra)}: skipped")
    return {name: (truth, hypothesis.get(name, empty)) for name, truth in reference.items()}


def _name(path: Path) -> str:
    return re.sub(r"\s", "_", path.stem)


def _list(names: Mapping[str, object] | list[str]) -> str:
    shown = [*names][:3]
    return ", ".join(map(repr, shown)) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _warn(text: str) -> None:
    warnings.warn(text, OolongWarning, stacklevel=3)
