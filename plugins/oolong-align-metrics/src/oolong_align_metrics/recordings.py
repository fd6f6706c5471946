"""Which recordings a file or a folder holds, and which of them belong together."""

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


def collect(path: Path, suffix: str, read: Callable[[Path], Mapping[str, T]], nothing: T) -> dict[str, T]:
    """Read a file, or all files of a folder with one suffix.

    Parameters
    ----------
    path : Path
        A file, or a folder, in which a file with one recording is known by its stem.
    suffix : str
        Of the files in a folder, such as ``.rttm``.
    read : callable
        Gives the recordings in a file by name; none at all means one without content.
    nothing : T
        What stands for a recording without content.

    Returns
    -------
    dict of str to T
        By name; white space in a name is written as ``_``, as in RTTM files.

    Raises
    ------
    InputError
        If a folder has no such file, or two files have a recording of the same name.
    """
    if not path.is_dir():
        return dict(read(path)) or {_name(path): nothing}
    recordings: dict[str, T] = {}
    for file in sorted(path.glob(f"*{suffix}")):
        found = read(file)
        if len(found) < 2:
            found = {_name(file): next(iter(found.values()), nothing)}
        for name, content in found.items():
            if name in recordings:
                raise InputError(f"{file} has the recording {name!r}, which another file of the folder has as well")
            recordings[name] = content
    if not recordings:
        raise InputError(f"{path} has no file *{suffix}")
    return recordings


def pair(reference: Mapping[str, T], hypothesis: Mapping[str, U], nothing: U) -> dict[str, tuple[T, U]]:
    """Put recordings of both sides together by name; where each side has only one, whatever its name.

    Warns of recordings that one side lacks: without hypothesis everything is missed, without reference it is left
    out.

    Raises
    ------
    InputError
        If no name is on both sides.
    """
    if len(reference) == len(hypothesis) == 1:
        ((name, truth),), ((_, ours),) = reference.items(), hypothesis.items()
        return {name: (truth, ours)}
    if not reference.keys() & hypothesis.keys():
        raise InputError(
            f"no recording is in both: the reference has {_list(reference)}, the hypothesis has {_list(hypothesis)}"
        )
    if missing := [name for name in reference if name not in hypothesis]:
        _warn(f"the hypothesis lacks {_list(missing)}: all of it counts as missed")
    if extra := [name for name in hypothesis if name not in reference]:
        _warn(f"the reference lacks {_list(extra)}: left out")
    return {name: (truth, hypothesis.get(name, nothing)) for name, truth in reference.items()}


def _name(path: Path) -> str:
    return re.sub(r"\s", "_", path.stem)


def _list(names: Mapping[str, object] | list[str]) -> str:
    shown = [*names][:3]
    return ", ".join(map(repr, shown)) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _warn(text: str) -> None:
    warnings.warn(text, OolongWarning, stacklevel=3)
