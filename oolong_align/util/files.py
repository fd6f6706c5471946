"""Writing results: everything is rendered first, written to temporary files beside the targets, then renamed.

So there is never half a file, and a recording has all of its outputs or none; what was there before stays if one
cannot be renamed.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from oolong_align.errors import OutputError, UsageError

__all__ = ["check_sources", "check_targets", "is_address", "local_path", "prepare_folder", "write_files"]


def is_address(given: str) -> bool:
    """Tell whether something is an address and no path; a Windows drive is no scheme.

    Examples
    --------
    >>> [is_address(each) for each in ("https://a.org/b", "s3://b/c", "C://talks", "./a://b")]
    [True, True, False, False]
    """
    return re.match(r"[A-Za-z][\w+.-]+://", given) is not None


def local_path(given: str | os.PathLike[str]) -> Path:
    """Path of a folder or file to write.

    Raises
    ------
    UsageError
        If it is an address (``https://``, ``s3://``), which as a path would be a folder named ``https:``.
    """
    if is_address(os.fspath(given)):
        raise UsageError(f"{given} is an address: results are only written to local paths; give one, then copy from it")
    return Path(given)


def check_sources(sources: Sequence[Path], outputs: Iterable[str] = ()) -> None:
    """Check the inputs of a run before any work; whether each can be read is found out in its turn.

    Parameters
    ----------
    sources : sequence of Path
        Files to read.
    outputs : iterable of str
        Suffixes of what will be written as ``<stem><suffix>``; without any the stems may repeat.

    Raises
    ------
    UsageError
        If two inputs would write the same outputs.
    """
    if not list(outputs):
        return
    stems = Counter(os.path.normcase(source.stem) for source in sources)
    for stem, count in stems.items():
        if count > 1:
            same = ", ".join(str(each) for each in sources if os.path.normcase(each.stem) == stem)
            raise UsageError(
                f"{same}: {count} inputs have the stem {stem!r} and would overwrite each other's outputs; "
                "rename one, or run them one by one, each with an --output_dir of its own"
            )


def prepare_folder(folder: Path) -> None:
    """Create the folder for outputs and check that files can be made in it.

    Raises
    ------
    UsageError
        If the path is something else than a folder.
    OutputError
        If the folder cannot be created, or nothing can be written there.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--output_dir {folder} is not a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot write there: {error.strerror or error}; choose another --output_dir"
        ) from error


def check_targets(targets: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Check that files can be written without harm.

    Raises
    ------
    OutputError
        If one would replace an input, or a folder has its name.
    """
    sources = list(inputs)
    for target in targets:
        for source in sources:
            if target.exists() and source.exists() and target.samefile(source):
                raise OutputError(f"{target} is the input itself: choose another --output_dir")
        if target.is_dir():
            raise OutputError(f"{target} is a folder: write to another place")
        if target.exists() and not target.is_file():  # as root even /dev/null could be replaced
            raise OutputError(f"{target} is a device or a pipe: write to a file, or to stdout with -")


def write_files(
    texts: Mapping[Path, str], *, inputs: Iterable[Path] = (), backups: Sequence[Path] = (), private: bool = False
) -> None:
    """Write texts as UTF-8 with the line ends they have, all or none.

    Parameters
    ----------
    texts : mapping of Path to str
        Files of one folder; existing ones are replaced.
    inputs : iterable of Path
        Files that must not be replaced.
    backups : iterable of Path
        Files whose version before is kept with ``.bak`` behind its name, if they are replaced; one that would be the
        same stays as it is.
    private : bool
        Nobody but their owner may read the files.

    Raises
    ------
    OutputError
        If a file cannot be written, or would replace an input.
    """
    check_targets(texts, inputs)
    texts = {target: text for target, text in texts.items() if not _is_kept(target, text, backups)}
    pending: dict[Path, Path] = {}
    kept: dict[Path, Path] = {}
    copies = {
        target.with_name(f"{target.name}.bak"): target
        for target in texts
        for backup in backups
        if target.exists() and backup.exists() and target.samefile(backup)
    }
    try:
        for copy, source in copies.items():
            pending[copy] = _temporary(copy, len(pending))
            shutil.copy2(source, pending[copy])
        for target, text in texts.items():
            pending[target] = _temporary(target, len(pending))
            if private:
                pending[target].touch(mode=0o600)
            # A name that is no valid Unicode may reach a text; the file stays valid UTF-8.
            pending[target].write_bytes(text.encode("utf-8", errors="replace"))
        for copy, target in copies.items():
            shutil.copymode(pending[copy], pending[target])
        _rename(pending, kept)
    except OSError as error:
        meant = {str(temporary): target for target, temporary in pending.items()}
        # An error while a file is written names none.
        where = meant.get(str(error.filename), error.filename or next(reversed(pending), "output"))
        raise OutputError(f"{where}: cannot be written: {error.strerror or error}") from error
    finally:
        for temporary in (*pending.values(), *kept.values()):
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _is_kept(target: Path, text: str, backups: Sequence[Path]) -> bool:
    """Whether a file of which a backup is wanted holds its text already."""
    if not target.exists() or not any(backup.exists() and target.samefile(backup) for backup in backups):
        return False
    with suppress(OSError):
        return target.read_bytes() == text.encode("utf-8", errors="replace")
    return False


def _temporary(target: Path, number: int) -> Path:
    """Name beside a target that no other one has, also where the names differ only far behind."""
    head = os.fsencode(target.name)[:200].decode("utf-8", "ignore")  # file systems count bytes
    return target.with_name(f".{head}.{os.getpid()}-{number}.part")


def _rename(pending: Mapping[Path, Path], kept: dict[Path, Path]) -> None:
    """Give all files their names; if one fails, those before it get their old content back, or go."""
    done: list[Path] = []
    try:
        for target, temporary in pending.items():
            if len(pending) > 1 and target.exists():
                kept[target] = temporary.with_suffix(".old")
                shutil.copy2(target, kept[target])
            temporary.replace(target)
            done.append(target)
    except BaseException:
        for target in done:
            with suppress(OSError):
                if target in kept:
                    kept[target].replace(target)
                else:
                    target.unlink()
        raise
