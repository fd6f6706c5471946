"""Write result files atomically: render everything, write temporary files next to the targets, then rename them.

No file is ever half-written, and a recording gets all of its outputs or none. If a rename fails, the previous files
stay.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from oolong_align.errors import OutputError, UsageError

__all__ = ["atomic_path", "check_sources", "check_targets", "is_url", "local_path", "prepare_folder", "write_files"]


def is_url(given: str) -> bool:
    """Check whether a string is a URL rather than a path; a Windows drive letter is not a scheme.

    Examples
    --------
    >>> [is_url(each) for each in ("https://a.org/b", "s3://b/c", "C://talks", "./a://b")]
    [True, True, False, False]
    """
    return re.match(r"[A-Za-z][\w+.-]+://", given) is not None


def local_path(given: str | os.PathLike[str]) -> Path:
    """Return the path of a folder or file to write.

    Raises
    ------
    UsageError
        If it is a URL (``https://``, ``s3://``), which as a path would be a folder named ``https:``.
    """
    if is_url(os.fspath(given)):
        raise UsageError(f"{given}: Writing to a URL is not supported. Write to a local folder, then copy the results.")
    return Path(given)


def check_sources(sources: Sequence[Path], outputs: Iterable[str] = ()) -> None:
    """Check that the outputs of a run do not overwrite each other. This does not open the inputs.

    Parameters
    ----------
    sources : sequence of Path
        Files to read.
    outputs : iterable of str
        Suffixes of the files to write, named ``<stem><suffix>``. If there are none, stems may repeat.

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
                f"{same}: {count} inputs share the stem {stem!r} and would overwrite each other's outputs. Rename one, "
                "or run them separately with different --output_dir"
            )


def prepare_folder(folder: Path) -> None:
    """Create the output folder and check that it is writable.

    Raises
    ------
    UsageError
        If the path exists and is not a folder.
    OutputError
        If the folder cannot be created or is not writable.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--output_dir {folder}: Not a folder. Choose another one.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"{folder}: Could not write to this folder ({error.strerror or error}). Choose another --output_dir."
        ) from error


def check_targets(targets: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Check that writing the targets does not damage anything.

    Raises
    ------
    OutputError
        If a target is an input, a folder, a device or a pipe.
    """
    sources = list(inputs)
    for target in targets:
        for source in sources:
            if target.exists() and source.exists() and target.samefile(source):
                raise OutputError(f"{target}: This output would replace an input. Choose another --output_dir.")
        if target.is_dir():
            raise OutputError(f"{target}: A folder has this name. Choose another --output_dir.")
        if target.exists() and not target.is_file():  # root could replace even /dev/null
            raise OutputError(f"{target}: Is a device or a pipe. Write to a file, or to stdout with -o -")


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary path that is renamed to ``target`` on success and removed on an error."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / target.name
        yield path
        path.replace(target)


def write_files(
    texts: Mapping[Path, str], *, inputs: Iterable[Path] = (), backups: Sequence[Path] = (), private: bool = False
) -> None:
    """Write texts as UTF-8 without changing their line endings, all or none.

    Parameters
    ----------
    texts : mapping of Path to str
        Files of one folder; existing files are replaced.
    inputs : iterable of Path
        Files that must not be replaced.
    backups : iterable of Path
        Files to back up as ``<name>.bak`` before they are replaced. A file whose content would not change is not
        written.
    private : bool
        Make the files readable by their owner only.

    Raises
    ------
    OutputError
        If a file cannot be written or would replace an input.
    """
    check_targets(texts, inputs)
    texts = {target: text for target, text in texts.items() if not _is_unchanged(target, text, backups)}
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
            # A text may contain a file name that is not valid Unicode; the file must still be valid UTF-8.
            pending[target].write_bytes(text.encode("utf-8", errors="replace"))
        for copy, target in copies.items():
            shutil.copymode(pending[copy], pending[target])
        _rename(pending, kept)
    except OSError as error:
        targets = {str(temporary): target for target, temporary in pending.items()}
        # An OSError raised by a write has no file name.
        where = targets.get(str(error.filename), error.filename or next(reversed(pending), "output"))
        raise OutputError(
            f"{where}: Could not write the file ({error.strerror or error}). Choose another place."
        ) from error
    finally:
        for temporary in (*pending.values(), *kept.values()):
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _is_unchanged(target: Path, text: str, backups: Sequence[Path]) -> bool:
    """Whether a file with a backup already has this content."""
    if not target.exists() or not any(backup.exists() and target.samefile(backup) for backup in backups):
        return False
    with suppress(OSError):
        return target.read_bytes() == text.encode("utf-8", errors="replace")
    return False


def _temporary(target: Path, number: int) -> Path:
    """Return a unique name next to a target, even for names that differ only after 200 bytes."""
    head = os.fsencode(target.name)[:200].decode("utf-8", "ignore")  # file systems count bytes
    return target.with_name(f".{head}.{os.getpid()}-{number}.part")


def _rename(pending: Mapping[Path, Path], kept: dict[Path, Path]) -> None:
    """Rename all temporary files; if one rename fails, restore or delete the files already renamed."""
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
