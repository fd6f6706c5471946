"""All exceptions of this package, with their exit codes.

::

    OolongError                 1
    ├── UsageError              2   invalid or contradictory options or arguments
    ├── InputError              1   invalid data from the caller: dtype, shape, rate, file format
    │   └── AudioError          1   a recording that cannot be decoded
    ├── ModelError              1   a model file that is missing, invalid or unreadable
    │   ├── ModelNotFoundError  1   not found in any source; lists all places that were tried
    │   │   └── UnreachableError 1  a source that does not respond, or is disabled offline
    │   └── HashMismatchError   1   a file with unexpected bytes; it is never used
    ├── RecognitionError        1   the speech recogniser failed on a recording
    ├── OutputError             1   a result that cannot be written
    ├── StoreError              1   a voice library that cannot be opened, read or written
    └── PluginError             3   a plugin that fails to load, register or run

`OolongWarning` marks usable results that the user should check.

Messages are one line. They contain the offending value and the next step.
"""

from __future__ import annotations

import sys
import warnings

__all__ = [
    "AudioError",
    "HashMismatchError",
    "InputError",
    "ModelError",
    "ModelNotFoundError",
    "OolongError",
    "OolongWarning",
    "OutputError",
    "PluginError",
    "RecognitionError",
    "StoreError",
    "UnreachableError",
    "UsageError",
    "warn",
]


class OolongError(Exception):
    """Base class of all errors of this package. The command line exits with ``exit_code``."""

    exit_code = 1


class UsageError(OolongError):
    """Options or arguments are invalid or contradict each other."""

    exit_code = 2


class InputError(OolongError, ValueError):
    """Data from the caller is invalid."""


class AudioError(InputError):
    """A recording cannot be opened or decoded."""


class ModelError(OolongError):
    """A model file cannot be used."""


class ModelNotFoundError(ModelError):
    """No source has the file. The message lists all places that were tried and the reasons for failure."""


class UnreachableError(ModelNotFoundError):
    """A source does not respond, or was not queried because downloads are disabled."""


class HashMismatchError(ModelError):
    """The hash of a file differs from the hash in the manifest."""


class RecognitionError(OolongError):
    """The speech recogniser failed on a recording. Other recordings may succeed."""


class OutputError(OolongError):
    """A result cannot be written."""


class StoreError(OolongError):
    """A voice library cannot be opened, read or written."""


class PluginError(OolongError):
    """A plugin cannot be loaded, violates its contract, or raises an exception."""

    exit_code = 3


class OolongWarning(UserWarning):
    """A request was fulfilled in a different way, or a result should be checked."""


def warn(text: str) -> None:
    """Issue an `OolongWarning` that points to the line outside of this package that made the call."""
    level = outermost = 1
    frame = sys._getframe()
    while frame.f_back is not None:
        frame, level = frame.f_back, level + 1
        if frame.f_globals.get("__name__", "").partition(".")[0] == __package__:
            outermost = level
    warnings.warn(text, OolongWarning, stacklevel=outermost + 1)
