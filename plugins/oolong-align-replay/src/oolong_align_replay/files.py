"""Which file belongs to a recording, and its text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from oolong_align.errors import InputError, UsageError

if TYPE_CHECKING:
    from oolong_align.hookspecs import Audio

__all__ = ["check_path", "file_for", "read_text"]


def check_path(option: str, value: str | None, example: str) -> Path:
    """Path that an option gives.

    Raises
    ------
    UsageError
        If there is none, or nothing is there.
    """
    if not value:
        raise UsageError(f"the replay needs {option}, such as {option} {example}")
    path = Path(value)
    if not path.exists():
        raise UsageError(f"{option} {path}: no such file; check the path")
    return path


def file_for(audio: Audio, path: Path, suffixes: tuple[str, ...]) -> Path:
    """Return the file itself, or of a folder the one that has the recording's stem.

    Raises
    ------
    InputError
        If the folder has none for this recording.
    """
    if not path.is_dir():
        return path
    names = [f"{audio.stem}{suffix}" for suffix in suffixes] if audio.stem else []
    for name in names:
        if (path / name).is_file():
            return path / name
    raise InputError(f"{path}: holds no {' or '.join(names) or 'file for samples without a name'} for this recording")


def read_text(path: Path) -> str:
    """Text of a file in UTF-8.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no UTF-8 text; give an RTTM or JSON file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
