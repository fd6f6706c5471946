"""Every exception that this package raises on purpose, and the exit code each one gives.

::

    OolongError                 1
    ├── UsageError              2   options that do not fit together
    ├── InputError              1   the caller's data: wrong dtype, shape, rate, file format
    │   └── AudioError          1   a recording that cannot be decoded
    ├── ModelError              1   a model file that is missing, wrong or unreadable
    │   ├── ModelNotFoundError  1   no source has it; lists every place that was tried
    │   │   └── UnreachableError 1  a source that does not answer, or must not be asked
    │   └── HashMismatchError   1   a source has it with other bytes; never used
    ├── RecognitionError        1   a recording on which the speech recogniser fails
    ├── OutputError             1   a result that cannot be written
    ├── StoreError              1   a library of voices that cannot be opened, read or written
    └── PluginError             3   a plugin that fails to load, to register or to run

``OolongWarning`` is for results that can be used and that the user should look at.

Messages are one line, carry the offending value and say what to do next.
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
    """Base of all errors of this package; ``exit_code`` is what the command line returns."""

    exit_code = 1


class UsageError(OolongError):
    """Options or arguments that are invalid or do not fit together."""

    exit_code = 2


class InputError(OolongError, ValueError):
    """Data from the caller that cannot be used as it is."""


class AudioError(InputError):
    """A recording that cannot be opened or decoded."""


class ModelError(OolongError):
    """A model file that cannot be used."""


class ModelNotFoundError(ModelError):
    """No source has the file; the message lists every place that was tried and why it failed."""


class UnreachableError(ModelNotFoundError):
    """A source does not answer, or was not asked because this machine is meant to be offline."""


class HashMismatchError(ModelError):
    """A file is there but its bytes are not the ones that the manifest names."""


class RecognitionError(OolongError):
    """The speech recogniser failed on one recording; others may still succeed."""


class OutputError(OolongError):
    """A result that cannot be written."""


class StoreError(OolongError):
    """A library of voices that cannot be opened, read or written."""


class PluginError(OolongError):
    """A plugin that cannot be loaded, breaks the contract, or raises while it runs."""

    exit_code = 3


class OolongWarning(UserWarning):
    """Something was done in another way than asked for, or a result deserves a second look."""


def warn(text: str) -> None:
    """Warn with an `OolongWarning` that names the line outside of this package from which it was called."""
    level = outermost = 1
    frame = sys._getframe()
    while frame.f_back is not None:
        frame, level = frame.f_back, level + 1
        if frame.f_globals.get("__name__", "").partition(".")[0] == __package__:
            outermost = level
    warnings.warn(text, OolongWarning, stacklevel=outermost + 1)
