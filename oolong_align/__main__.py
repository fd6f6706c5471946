"""``python -m oolong_align`` is ``oolong``."""

from __future__ import annotations

import sys

from oolong_align.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
