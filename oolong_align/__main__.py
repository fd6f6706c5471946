"""What the installed commands start, and ``python -m oolong_align``, which is ``oolong``.

Imports nothing at its top, so that Ctrl-C is answered in one line also while the program is being imported.
"""

from __future__ import annotations

import sys

__all__ = ["main", "transcribe_main"]


def main() -> int:
    """Run ``oolong``; gives the exit code."""
    return _run("main")


def transcribe_main() -> int:
    """Run ``oolong-transcribe``; gives the exit code."""
    return _run("transcribe_main")


def _run(name: str) -> int:
    try:
        from oolong_align.cli import main as commands

        code: int = getattr(commands, name)()
    except KeyboardInterrupt:
        print("\noolong: interrupted", file=sys.stderr)
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
