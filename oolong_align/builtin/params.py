"""Parameter types for click."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from oolong_align.util.files import is_url

__all__ = ["FiniteRange", "LocalFile", "WholeNumber"]


class FiniteRange(click.FloatRange):
    """A range of finite numbers; ``click.FloatRange`` accepts ``nan`` and ``inf``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Convert a value, or fail with one line."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


class WholeNumber(click.IntRange):
    """A whole number with a minimum."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Convert a value, or fail with one line."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value}. Use a whole number of at least {self.min}.", param, ctx)


class LocalFile(click.Path):
    """Path of a file. URLs are rejected here, because a `Path` merges their slashes."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Convert a value to a path."""
        if isinstance(value, str) and is_url(value):
            self.fail(f"{value} is a URL. Download the file first.", param, ctx)
        return super().convert(value, param, ctx)
