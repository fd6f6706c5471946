"""A temporary file that many readers share: threads and forked processes, each at its own place."""

from __future__ import annotations

import os
import tempfile
import threading
import weakref
from typing import Final

__all__ = ["ScratchFile", "scratch_folder"]

_HAS_PREAD: Final = hasattr(os, "pread")


def scratch_folder() -> str:
    """Name of the folder for temporary files, also where there is none that can be written."""
    try:
        return tempfile.gettempdir()
    except OSError:
        return "the folder for temporary files"


class ScratchFile:
    """Bytes in a temporary file, without a name where the system allows.

    One thread appends; any number of threads and of processes that were forked read. The file is deleted when nobody
    refers to this object any more: a reader that is not done keeps it, and its descriptor, alive.

    Raises
    ------
    OSError
        From every method, if the file cannot be made, written or read.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="oolong-", buffering=0)  # noqa: SIM115 -- lives as long as self
        self._lock = threading.Lock()
        weakref.finalize(self, self._file.close)

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Write bytes at the end, or give up the file; a ``memoryview`` is one of bytes."""
        rest = memoryview(data)
        with self._lock:
            try:
                self._file.seek(0, os.SEEK_END)
                while rest:
                    rest = rest[self._file.write(rest) :]
            except OSError:  # the error refers to this object, and what it wrote may be what fills the disk
                self._file.close()
                raise

    def read(self, start: int, size: int) -> bytes:
        """Exactly ``size`` bytes from ``start`` on."""
        data = self._read_some(start, size)
        while len(data) < size:  # a system call moves 2 GB at most
            more = self._read_some(start + len(data), size - len(data))
            if not more:
                raise OSError("the temporary file is shorter than it was")
            data += more
        return data

    def _read_some(self, start: int, size: int) -> bytes:
        if _HAS_PREAD:  # forked processes share the place of the file, but not the lock
            return os.pread(self._file.fileno(), size, start)
        with self._lock:
            self._file.seek(start)
            return self._file.read(size)
