"""How a script of this folder ends when its input is bad: one line on stderr, no traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable

from oolong_align.errors import OolongError


def run(main: Callable[[], None]) -> None:
    """Run a script; an error of the program becomes one line and the exit code that `oolong_align.errors` names."""
    try:
        main()
    except OolongError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
