"""Messages on stderr: one line each, progress bars on a terminal, tables."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from oolong_align.errors import OolongError
from oolong_align.types import Progress
from oolong_align.util.tables import printable

__all__ = ["Terminal", "counted", "one_line"]


class Terminal:
    """The user's stderr. ``quiet`` hides everything but errors and requested output; ``debug`` adds tracebacks."""

    def __init__(self, *, quiet: bool = False, debug: bool = False) -> None:
        self.quiet = quiet
        self.debug = debug
        self._print: Callable[[str], None] | None = None  # prints above the progress bars while they are shown
        self._reset: Callable[[], None] | None = None
        self._warned: set[str] = set()

    def line(self, text: str) -> None:
        """Print one line. Control characters, for example in a file name, are escaped."""
        self._show(printable(text))

    def _show(self, text: str) -> None:
        try:
            if self._print:
                self._print(text)
            else:
                print(text, file=sys.stderr, flush=True)
        except OSError:  # for example a log on a full disk: keep the results
            sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123

    def info(self, text: str) -> None:
        """Print a summary, unless quiet."""
        if not self.quiet:
            self.line(text)

    def warn(self, text: str, about: str = "") -> None:
        """Print a warning, unless quiet; the same text only once per recording."""
        if not self.quiet and text not in self._warned:
            self._warned.add(text)
            # Most warnings about a file contain its name.
            self.line(f"oolong: warning: {about + ': ' if about and about not in text else ''}{' '.join(text.split())}")

    def error(self, error: BaseException, about: str = "") -> None:
        """Print an error as one line; with ``debug``, print the traceback first."""
        if self.debug:
            self._show("".join(traceback.format_exception(error)).rstrip())
        text = one_line(error)
        # Most errors about a file contain its name.
        self.line(f"oolong: error: {about + ': ' if about and about not in text else ''}{text}")

    def start_file(self) -> None:
        """Clear the progress bars and warnings of the previous recording."""
        self._warned.clear()
        if self._reset:
            self._reset()

    @contextmanager
    def progress(self) -> Iterator[Progress | None]:
        """Show a progress bar for each stage while the block runs, unless quiet or stderr is not a terminal."""
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


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> counted(1, "speaker"), counted(0, "word")
    ('1 speaker', '0 words')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"


def one_line(error: BaseException) -> str:
    """Return the message of an error as one line, with its type if it is not an error of this package."""
    text = " ".join(str(error).split())
    if isinstance(error, OolongError):
        return text or type(error).__name__
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
