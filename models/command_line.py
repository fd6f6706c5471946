"""What the scripts of this folder have in common: bad input is one line on stderr, and no input is replaced."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from oolong_align.errors import OolongError, UsageError


def run(main: Callable[[], None]) -> None:
    """Run a script; an error of the program becomes one line and the exit code that `oolong_align.errors` names."""
    try:
        main()
    except OolongError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None


def check_outputs(targets: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Check before any work that files can be written and replace nothing that is read.

    Parameters
    ----------
    targets : iterable of Path
    inputs : iterable of Path
        Files, and folders of which no file is replaced.

    Raises
    ------
    UsageError
        If one is an input or a file in one, or its folder is not there.
    """
    sources = [source for source in inputs if source.exists()]
    for target in targets:
        if not target.parent.is_dir():
            raise UsageError(f"{target}: there is no folder {target.parent}")
        if not target.exists():
            continue
        for source in sources:
            if target.samefile(source):
                raise UsageError(f"{target} is an input; name another file")
            if source.resolve() in target.resolve().parents:
                raise UsageError(f"{target} is a file of the input {source}; name another file")
