"""The model cache on this machine: complete, verified sets of files. Does not use the network.

Layout: ``models/ASSET/KEY/`` contains the files of one edition and a record of their verification; ``derived/`` files
built from models; ``staging/`` unfinished downloads; ``fetch.lock`` the lock for downloads.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias

from oolong_align.errors import ModelError, warn
from oolong_align.util.files import atomic_path
from oolong_align.weights.manifest import Asset, Edition, ModelFile, edition_key

_log = logging.getLogger(__name__)

_RECORD: Final = ".verified.json"
_CHECKSUM: Final = ".sha256"
_REHASHED_BELOW: Final = 8 << 20  # smaller files are hashed at every use, which takes a few milliseconds
_STALE_S: Final = 24 * 3600.0  # an older staging folder was left by a killed process
_ENVIRONMENT: Final = "OOLONG_CACHE"

_Record: TypeAlias = dict[str, list[str | int]]
"""SHA-256, size in bytes and modification time in ns of each file when it was verified."""

_hashes: dict[tuple[str, int, int], str] = {}


def cache_dir() -> Path:
    """Cache folder: ``OOLONG_CACHE``, or this program's folder in the user cache. It may not exist yet."""
    if override := os.environ.get(_ENVIRONMENT):
        return Path(override).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("oolong_align", appauthor=False))


def file_hash(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, computed once per process unless size or modification time changes."""
    key = _stat_key(path)
    if key not in _hashes:
        _hashes[key] = _hash(path)
    return _hashes[key]


def _stat_key(path: Path) -> tuple[str, int, int]:
    stat = path.stat()
    return str(path), stat.st_size, stat.st_mtime_ns


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def wrong_file(path: Path, expected: ModelFile) -> str | None:
    """Describe how a file differs from the expected one, ``None`` if it is identical. Always reads the whole file."""
    size = path.stat().st_size
    if size != expected.size:
        return f"{expected.name} has {size:,} bytes instead of {expected.size:,}"
    _hashes[_stat_key(path)] = found = _hash(path)
    if found != expected.sha256:
        return f"{expected.name} has SHA-256 {found[:12]}… instead of {expected.sha256[:12]}…"
    return None


def edition_dir(asset: Asset, files: Edition) -> Path:
    """Cache folder of one edition of an asset. It may not exist."""
    return cache_dir() / "models" / asset.name / edition_key(files)


def find_cached(asset: Asset, *, rehash: bool = False) -> tuple[Path | None, list[str]]:
    """Look up an asset in the cache.

    Large files that were verified before are trusted while their size and modification time are unchanged; ``rehash``
    reads every byte.

    Returns
    -------
    folder : Path or None
        Folder with all files of one edition, verified.
    problems : list of str
        Why other cached editions cannot be used.
    """
    problems: list[str] = []
    for files in asset.editions:
        folder = edition_dir(asset, files)
        if not folder.is_dir():
            continue
        try:
            problem = _check(folder, files, rehash=rehash)
        except OSError as error:
            problem = f"unreadable ({error})"
        if problem is None:
            return folder, problems
        problems.append(f"{folder}: {problem}")
    return None, problems


def _check(folder: Path, files: Edition, *, rehash: bool) -> str | None:
    try:
        record: _Record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        record = {}
    verified: _Record = {}
    for file in files:
        path = folder / file.name
        if not path.is_file():
            return f"{file.name} is missing"
        key = _stat_key(path)
        entry: list[str | int] = [file.sha256, *key[1:]]
        if not rehash and file.size >= _REHASHED_BELOW and record.get(file.name) == entry:
            _hashes[key] = file.sha256
        elif problem := wrong_file(path, file):
            with suppress(OSError):
                (folder / _RECORD).unlink(missing_ok=True)  # later runs must not trust it
            return problem
        verified[file.name] = entry
    if verified != record:
        with suppress(OSError):  # a read-only cache is verified at each use
            _write_record(folder, verified)
    return None


def _write_record(folder: Path, verified: _Record) -> None:
    with atomic_path(folder / _RECORD) as target:
        target.write_text(json.dumps(verified, indent=1), encoding="utf-8")


def install(asset: Asset, files: Edition, fetched: Path) -> Path:
    """Move downloaded files, verified by the caller, into the cache in one step."""
    folder = edition_dir(asset, files)
    folder.parent.mkdir(parents=True, exist_ok=True)
    entries: _Record = {}
    for file in files:
        _, size, modified = _stat_key(fetched / file.name)
        entries[file.name] = [file.sha256, size, modified]
    _write_record(fetched, entries)
    if folder.exists():
        shutil.rmtree(folder)
    fetched.rename(folder)
    return folder


@contextmanager
def staging() -> Iterator[Path]:
    """Yield an empty folder on the same disk as the cache; it is removed afterwards."""
    root = cache_dir() / "staging"
    root.mkdir(parents=True, exist_ok=True)
    for old in root.iterdir():
        with suppress(OSError):
            if time.time() - old.stat().st_mtime > _STALE_S:
                shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=root, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def fetch_lock() -> Iterator[None]:
    """Hold the cache lock, so that only one process downloads and the others then find the files in the cache.

    Raises
    ------
    ModelError
        If the cache is not writable.
    """
    from filelock import FileLock, Timeout

    folder = cache_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "fetch.lock")
        try:
            lock.acquire(timeout=2)
        except Timeout:
            warn(f"Waiting for another process that is downloading models to {folder}")
            lock.acquire()
    except OSError as error:
        reason = error.strerror or error
        raise ModelError(
            f"Could not write to the cache {folder}: {reason}. Set {_ENVIRONMENT} to another folder"
        ) from error
    try:
        yield
    finally:
        lock.release()


def derive(source: Path, *, recipe: str, version: int, suffix: str, build: Callable[[Path], None]) -> Path:
    """Return a file derived from a model file; it is built once and cached.

    Parameters
    ----------
    source : Path
        Model file; its SHA-256 is part of the cache key.
    recipe : str
        Name of the conversion, valid as part of a file name.
    version : int
        Increase it when the recipe produces a different result.
    suffix : str
        Suffix of the derived file, with the dot.
    build : callable
        ``build(target)`` writes the file to the path ``target``, which does not exist. Its exceptions propagate, and
        nothing is cached.

    Returns
    -------
    Path
        The derived file; a damaged one is rebuilt. If the cache is not writable, the file is in a temporary folder of
        this process.
    """
    name = f"{file_hash(source)[:16]}-{recipe}-{version}{suffix}"
    folder = cache_dir() / "derived"
    if _is_intact(folder / name):
        return folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        _log.info("The cache is not writable (%s). Derived files are rebuilt in each process", error)
        folder = _process_folder()
    target = folder / name
    if not _is_intact(target):
        with atomic_path(target) as path:
            build(path)
        with atomic_path(_checksum_file(target)) as path:
            path.write_text(file_hash(target))
    return target


def _checksum_file(derived: Path) -> Path:
    """File that contains the SHA-256 of a derived file."""
    return derived.with_name(derived.name + _CHECKSUM)


def _is_intact(derived: Path) -> bool:
    try:
        return _checksum_file(derived).read_text() == file_hash(derived)
    except OSError:
        return False


def check_derived() -> Iterator[tuple[Path, bool]]:
    """Read every derived file in the cache and yield whether it is intact; `derive` rebuilds damaged files."""
    folder = cache_dir() / "derived"
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_file() and path.suffix != _CHECKSUM:
            with suppress(OSError):
                _hashes.pop(_stat_key(path), None)
            yield path, _is_intact(path)


@cache
def _process_folder() -> Path:
    import atexit

    folder = tempfile.mkdtemp(prefix="oolong_align-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
