"""The scripts of ``models/``, which import each other by name as they do when they are run."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace


def scripts(*names: str) -> SimpleNamespace:
    """Modules by the last part of their names."""
    folder = str(Path(__file__).parents[1] / "models")
    sys.path.insert(0, folder)
    try:
        return SimpleNamespace(**{name.rpartition(".")[2]: import_module(name) for name in names})
    finally:
        sys.path.remove(folder)
