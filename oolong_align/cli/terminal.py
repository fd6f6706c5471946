"""What is said on stderr: one line for each message, progress bars on a terminal, tables."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TextIO

from oolong_align.errors import OolongError
from oolong_align.types import Progress

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Terminal", "counted", "one_line", "print_table", "printable"]

_SHORT_CELL: Final = 10  # columns; what is no longer, such as a number or a day, stays on one line
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


class Terminal:
    """The user's stderr; ``quiet`` leaves only errors and what was asked for, ``debug`` adds tracebacks."""

    def __init__(self, *, quiet: bool = False, debug: bool = False) -> None:
        self.quiet = quiet
        self.debug = debug
        self._print: Callable[[str], None] | None = None  # above the live bars, while there are any
        self._reset: Callable[[], None] | None = None
        self._warned: set[str] = set()

    def line(self, text: str) -> None:
        """Print one line; what would control the terminal, such as a file's name with an escape, is spelled out."""
        self._show(printable(text))

    def _show(self, text: str) -> None:
        try:
            if self._print:
                self._print(text)
            else:
                print(text, file=sys.stderr, flush=True)
        except OSError:  # a log on a full disk, say: that is no reason to lose a result
            sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123

    def info(self, text: str) -> None:
        """Say what was done, unless quiet."""
        if not self.quiet:
            self.line(text)

    def warn(self, text: str, about: str = "") -> None:
        """Warn, unless quiet; the same words are said once for each recording."""
        if not self.quiet and text not in self._warned:
            self._warned.add(text)
            # Most warnings about a file name it already.
            self.line(f"oolong: warning: {about + ': ' if about and about not in text else ''}{' '.join(text.split())}")

    def error(self, error: BaseException, about: str = "") -> None:
        """Say what went wrong in one line; with ``debug`` the traceback first."""
        if self.debug:
            self._show("".join(traceback.format_exception(error)).rstrip())
        text = one_line(error)
        # Most errors name their file already.
        self.line(f"oolong: error: {about + ': ' if about and about not in text else ''}{text}")

    def start_file(self) -> None:
        """Forget the bars and warnings of the last recording."""
        self._warned.clear()
        if self._reset:
            self._reset()

    @contextmanager
    def progress(self) -> Iterator[Progress | None]:
        """Show a bar for each stage while the block runs; nothing if quiet, or where stderr is not a terminal."""
        if self.quiet or not sys.stderr.isatty():
            yield None
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            TaskID,
            TaskProgressColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bars

        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        bars = Bars(
            *columns,
            TimeRemainingColumn(),
            console=Console(stderr=True, highlight=False, markup=False),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: float, total: float) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total or None)
            bars.update(tasks[stage], completed=done, total=total or None)

        def reset() -> None:
            while tasks:
                bars.remove_task(tasks.popitem()[1])

        self._print, self._reset = lambda text: bars.console.print(text, soft_wrap=True), reset
        try:
            with bars:
                yield report
        finally:
            self._print = self._reset = None


def printable(text: str) -> str:
    r"""Text with control characters spelled out, also those that end a line or turn the direction of writing.

    Examples
    --------
    >>> print(printable("a\x1b[2Jb\nc"))
    a\x1b[2Jb\nc
    """
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def counted(count: int, noun: str) -> str:
    """Say a number of things.

    Examples
    --------
    >>> counted(1, "speaker"), counted(0, "word")
    ('1 speaker', '0 words')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"


def one_line(error: BaseException) -> str:
    """Message of an error in one line; with its type, if it is none of this package's."""
    text = " ".join(str(error).split())
    if isinstance(error, OolongError):
        return text or type(error).__name__
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], file: TextIO, title: str = "") -> None:
    """Print a table: drawn on a terminal, tab-separated elsewhere, for other programs to read."""
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
    """Table of a header and rows; where it is too wide, heads and long texts take several lines and nothing is cut."""
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
