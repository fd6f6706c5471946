"""Import the scripts in ``models/``, which import each other by file name."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace


def scripts(*names: str) -> SimpleNamespace:
    """Import modules and return them as attributes, named after the last part of each module name."""
    folder = str(Path(__file__).parents[1] / "models")
    sys.path.insert(0, folder)
    try:
        return SimpleNamespace(**{name.rpartition(".")[2]: import_module(name) for name in names})
    finally:
        sys.path.remove(folder)
