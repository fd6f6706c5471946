"""Entry points of the installed commands and of ``python -m oolong_align``.

This module imports the rest lazily, so that Ctrl-C during the imports ends the program with one line.
"""

from __future__ import annotations

import sys

__all__ = ["align_main", "main", "transcribe_main"]


def main() -> int:
    """Run ``oolong`` and return the exit code."""
    return _run("main")


def transcribe_main() -> int:
    """Run ``oolong-transcribe`` and return the exit code."""
    return _run("transcribe_main")


def align_main() -> int:
    """Run ``oolong-align``, which is ``oolong transcribe``, and return the exit code.

    ``uvx oolong-align FILE`` and ``pipx run oolong-align FILE`` start the script with the name of the package.
    """
    return _run("transcribe_main", program="oolong-align")


def _run(name: str, **options: str) -> int:
    try:
        from oolong_align.cli import main as commands

        code: int = getattr(commands, name)(**options)
    except KeyboardInterrupt:
        print("\noolong: interrupted", file=sys.stderr)
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
