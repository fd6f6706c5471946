"""Tables of text for terminals and pipes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TextIO

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["print_table", "printable"]

_SHORT_CELL: Final = 10  # columns; shorter cells, such as numbers and dates, stay on one line
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    r"""Escape control characters, including line ends and those that change the direction of writing.

    Examples
    --------
    >>> print(printable("a\x1b[2Jb\nc"))
    a\x1b[2Jb\nc
    """
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], file: TextIO, title: str = "") -> None:
    """Print a table: drawn on a terminal, tab-separated in a file or pipe."""
    title, lines = printable(title), [[printable(str(cell)) for cell in row] for row in (columns, *rows)]
    if not file.isatty():
        if title:
            print(title, file=file)
        for row in lines:
            print(*row, sep="\t", file=file)
        return
    from rich.console import Console

    console = Console(file=file, markup=False, highlight=False)
    if title:
        console.print(title, soft_wrap=True)
    console.print(_fitting_table(lines, console.width), crop=False)


def _fitting_table(lines: Sequence[Sequence[str]], width: int) -> Table:
    """Table of a header and rows. If it is too wide, headers and long texts wrap; nothing is cut."""
    from rich.box import SIMPLE_HEAD
    from rich.cells import cell_len
    from rich.table import Column, Table

    columns = list(zip(*lines, strict=True))
    whole = [max(map(cell_len, column)) for column in columns]
    if sum(whole) + 3 * len(whole) < width:
        table = Table(*lines[0])
    else:
        words = [max(cell_len(word) for cell in column for word in cell.split() or [""]) for column in columns]
        sizes = [min(max(map(cell_len, column[1:]), default=1), _SHORT_CELL) for column in columns]
        spare = width - sum(sizes) - 2 * (len(sizes) - 1)
        for goals in (words, whole):
            while spare > 0 and (short := [place for place, goal in enumerate(goals) if sizes[place] < goal]):
                sizes[min(short, key=sizes.__getitem__)] += 1  # the narrowest first
                spare -= 1
        heads = [Column(column[0], overflow="fold", width=size) for column, size in zip(columns, sizes, strict=True)]
        table = Table(*heads, box=SIMPLE_HEAD, collapse_padding=True, pad_edge=False, show_edge=False)
        table.width = sum(sizes) + 2 * (len(sizes) - 1)
    for row in lines[1:]:
        table.add_row(*row)
    return table
