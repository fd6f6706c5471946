"""Shared by the scripts of this folder: report errors in one line on stderr, and never overwrite an input."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from oolong_align.errors import OolongError, UsageError


def run(main: Callable[[], None]) -> None:
    """Run a script. An `OolongError` is printed in one line and ends the script with the error's exit code."""
    try:
        main()
    except OolongError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None


def check_outputs(targets: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Check before any work that the output folders exist and that no output overwrites an input.

    Parameters
    ----------
    targets : iterable of Path
    inputs : iterable of Path
        Files, and folders whose files must not be overwritten.

    Raises
    ------
    UsageError
        If an output is an input or a file in an input folder, or its folder does not exist.
    """
    sources = [source for source in inputs if source.exists()]
    for target in targets:
        if not target.parent.is_dir():
            raise UsageError(f"{target}: Folder {target.parent} not found. Create it first")
        if not target.exists():
            continue
        for source in sources:
            if target.samefile(source):
                raise UsageError(f"{target}: This output would overwrite an input. Choose another file")
            if source.resolve() in target.resolve().parents:
                raise UsageError(
                    f"{target}: This output would overwrite a file in the input {source}. Choose another file"
                )
