"""Where model files lie on this machine: verified sets in the user's cache, put there whole or not at all.

Layout of the cache: ``models/ASSET/KEY/`` with the files of one edition and a mark of what was verified,
``derived/`` for files made from them, ``staging/`` for work in progress, ``fetch.lock``. Knows no network.
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
from oolong_align.weights.manifest import Asset, Edition, ModelFile, edition_key

_log = logging.getLogger(__name__)

_MARK: Final = ".verified.json"
_SEAL: Final = ".sha256"
_REHASHED_BELOW: Final = 8 << 20  # a file this small is hashed at every use: it takes a few milliseconds
_STALE_S: Final = 24 * 3600.0  # a staging folder this old was left by a process that was killed
_ENVIRONMENT: Final = "OOLONG_CACHE"

_Mark: TypeAlias = dict[str, list[str | int]]
"""For each file: its SHA-256, and its size and modification time (ns) when it was verified."""

_hashes: dict[tuple[str, int, int], str] = {}


def cache_dir() -> Path:
    """Folder of the cache: ``OOLONG_CACHE``, or the user's cache folder for this program. It may not exist yet."""
    if override := os.environ.get(_ENVIRONMENT):
        return Path(override).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("oolong_align", appauthor=False))


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes in hex; remembered in this process while size and modification time stay."""
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
    """Say how a file's bytes differ from the expected ones; ``None`` where they do not. Always reads all of it."""
    size = path.stat().st_size
    if size != expected.size:
        return f"{expected.name} has {size:,} bytes instead of {expected.size:,}"
    _hashes[_stat_key(path)] = found = _hash(path)
    if found != expected.sha256:
        return f"{expected.name} has SHA-256 {found[:12]}… instead of {expected.sha256[:12]}…"
    return None


def edition_dir(asset: Asset, files: Edition) -> Path:
    """Folder of the cache for one edition of an asset; it may not exist."""
    return cache_dir() / "models" / asset.name / edition_key(files)


def find_cached(asset: Asset, *, rehash: bool = False) -> tuple[Path | None, list[str]]:
    """Look for an asset in the cache.

    A big file that was verified before is taken as right while its size and modification time stay; ``rehash``
    reads every byte.

    Returns
    -------
    folder : Path or None
        Folder with all files of one edition, verified.
    problems : list of str
        What is wrong with the sets that are there but cannot be used.
    """
    problems: list[str] = []
    for files in asset.editions:
        folder = edition_dir(asset, files)
        if not folder.is_dir():
            continue
        try:
            problem = _check(folder, files, rehash=rehash)
        except OSError as error:
            problem = f"cannot be read ({error})"
        if problem is None:
            return folder, problems
        problems.append(f"{folder}: {problem}")
    return None, problems


def _check(folder: Path, files: Edition, *, rehash: bool) -> str | None:
    try:
        mark: _Mark = json.loads((folder / _MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        mark = {}
    verified: _Mark = {}
    for file in files:
        path = folder / file.name
        if not path.is_file():
            return f"{file.name} is missing"
        key = _stat_key(path)
        entry: list[str | int] = [file.sha256, *key[1:]]
        if not rehash and file.size >= _REHASHED_BELOW and mark.get(file.name) == entry:
            _hashes[key] = file.sha256
        elif problem := wrong_file(path, file):
            with suppress(OSError):
                (folder / _MARK).unlink(missing_ok=True)  # so that no later use trusts it
            return problem
        verified[file.name] = entry
    if verified != mark:
        with suppress(OSError):  # a cache that cannot be written is verified anew at each use
            _write_mark(folder, verified)
    return None


def _write_mark(folder: Path, verified: _Mark) -> None:
    with atomic_path(folder / _MARK) as target:
        target.write_text(json.dumps(verified, indent=1), encoding="utf-8")


def install(asset: Asset, files: Edition, fetched: Path) -> Path:
    """Move freshly fetched files, which the caller has verified, into the cache as one step."""
    folder = edition_dir(asset, files)
    folder.parent.mkdir(parents=True, exist_ok=True)
    entries: _Mark = {}
    for file in files:
        _, size, modified = _stat_key(fetched / file.name)
        entries[file.name] = [file.sha256, size, modified]
    _write_mark(fetched, entries)
    if folder.exists():
        shutil.rmtree(folder)
    fetched.rename(folder)
    return folder


@contextmanager
def staging() -> Iterator[Path]:
    """Give a fresh folder on the cache's own disk, removed at the end."""
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
    """Hold the cache's lock: one process fetches at a time, the others then find the files there.

    Raises
    ------
    ModelError
        If the cache cannot be written.
    """
    from filelock import FileLock, Timeout

    folder = cache_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "fetch.lock")
        try:
            lock.acquire(timeout=2)
        except Timeout:
            warn(f"waiting for another process that is fetching models into {folder}")
            lock.acquire()
    except OSError as error:
        reason = error.strerror or error
        raise ModelError(
            f"cannot write to the cache {folder} ({reason}): set {_ENVIRONMENT} to another folder"
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Give a temporary path beside ``target`` that replaces it at the end, or is removed on an error."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / target.name
        yield path
        path.replace(target)


def derive(source: Path, *, recipe: str, version: int, suffix: str, build: Callable[[Path], None]) -> Path:
    """Give a file that is made from a model file, built once and kept in the cache.

    Parameters
    ----------
    source : Path
        File that it is made from; its SHA-256 is part of the key.
    recipe : str
        Plain name of the way it is made.
    version : int
        Raise it when the recipe gives another result.
    suffix : str
        Suffix of the file, with the dot.
    build : callable
        ``build(target)`` writes the file to the path ``target``, which does not exist. What it raises passes through,
        and nothing is kept.

    Returns
    -------
    Path
        The file, as it was built: a damaged one is built again. Where the cache cannot be written it lies in a
        temporary folder of this process.
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
        _log.info("the cache cannot be written (%s): derived files are made anew in each process", error)
        folder = _process_folder()
    target = folder / name
    if not _is_intact(target):
        with atomic_path(target) as path:
            build(path)
        with atomic_path(_seal(target)) as path:
            path.write_text(file_hash(target))
    return target


def _seal(derived: Path) -> Path:
    """Where the SHA-256 of a derived file is written down."""
    return derived.with_name(derived.name + _SEAL)


def _is_intact(derived: Path) -> bool:
    try:
        return _seal(derived).read_text() == file_hash(derived)
    except OSError:
        return False


def check_derived() -> Iterator[tuple[Path, bool]]:
    """Read every derived file of the cache: each with whether it is as it was built; `derive` builds others again."""
    folder = cache_dir() / "derived"
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_file() and path.suffix != _SEAL:
            with suppress(OSError):
                _hashes.pop(_stat_key(path), None)
            yield path, _is_intact(path)


@cache
def _process_folder() -> Path:
    import atexit

    folder = tempfile.mkdtemp(prefix="oolong_align-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
