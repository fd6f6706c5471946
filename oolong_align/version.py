"""The version of the installed distribution."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Final

__all__ = ["__version__"]


def _installed_version() -> str:
    try:
        return version("oolong-align")
    except PackageNotFoundError:  # a checkout on the Python path
        return "0.2.0.dev0"


__version__: Final = _installed_version()
