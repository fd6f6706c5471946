"""A temporary file for concurrent readers: threads and forked processes, each with its own position."""

from __future__ import annotations

import os
import tempfile
import threading
import weakref
from typing import Final

__all__ = ["ScratchFile", "scratch_folder"]

_HAS_PREAD: Final = hasattr(os, "pread")


def scratch_folder() -> str:
    """Return the folder for temporary files, or a description of it if no folder is writable."""
    try:
        return tempfile.gettempdir()
    except OSError:
        return "the folder for temporary files"


class ScratchFile:
    """Bytes in a temporary file, anonymous if the system supports it.

    One thread appends; any number of threads and forked processes read. The file is deleted with the last reference to
    this object: an active reader keeps the object and its file descriptor alive.

    Raises
    ------
    OSError
        From every method, if the file cannot be created, written or read.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="oolong-", buffering=0)  # noqa: SIM115 -- lives as long as self
        self._lock = threading.Lock()
        weakref.finalize(self, self._file.close)

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Append bytes; on failure, close and delete the file. A ``memoryview`` must have byte items."""
        rest = memoryview(data)
        with self._lock:
            try:
                self._file.seek(0, os.SEEK_END)
                while rest:
                    rest = rest[self._file.write(rest) :]
            except OSError:  # free the disk now: the traceback keeps this object alive
                self._file.close()
                raise

    def read(self, start: int, size: int) -> bytes:
        """Return exactly ``size`` bytes starting at ``start``."""
        data = self._read_some(start, size)
        while len(data) < size:  # a system call moves 2 GB at most
            more = self._read_some(start + len(data), size - len(data))
            if not more:
                raise OSError("The temporary file was truncated")
            data += more
        return data

    def _read_some(self, start: int, size: int) -> bytes:
        if _HAS_PREAD:  # forked processes share the file position, but not the lock
            return os.pread(self._file.fileno(), size, start)
        with self._lock:
            self._file.seek(start)
            return self._file.read(size)
