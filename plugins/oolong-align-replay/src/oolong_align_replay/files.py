"""The file that belongs to a recording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from oolong_align.errors import InputError, UsageError

if TYPE_CHECKING:
    from oolong_align.hookspecs import Audio

__all__ = ["check_path", "file_for", "read_text"]


def check_path(option: str, value: str | None, example: str) -> Path:
    """Return the path of an option.

    Raises
    ------
    UsageError
        If the option is missing, or the path does not exist.
    """
    if not value:
        raise UsageError(f"Option {option} is missing. Give the file to replay, such as {option} {example}")
    path = Path(value)
    if not path.exists():
        raise UsageError(f"{option} {path}: File not found. Check the path")
    return path


def file_for(audio: Audio, path: Path, suffixes: tuple[str, ...]) -> Path:
    """Return the file itself, or the file in a folder with the recording's stem.

    Raises
    ------
    InputError
        If the folder has no file for this recording.
    """
    if not path.is_dir():
        return path
    names = [f"{audio.stem}{suffix}" for suffix in suffixes] if audio.stem else []
    for name in names:
        if (path / name).is_file():
            return path / name
    if not names:
        raise InputError(f"{path}: Samples without a name have no file in this folder. Give a file instead")
    raise InputError(f"{path}: No {' or '.join(names)} in this folder for this recording")


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"Could not read {path}: not UTF-8. Give an RTTM or JSON file") from None
    except OSError as error:
        raise InputError(f"Could not read {path}: {error.strerror or error}") from None
