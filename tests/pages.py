"""Code blocks of the documentation.

The conventions of the pages:

- A ``bash`` block, or an indented block, holds commands. Each line is run in order, in one folder for each page.
- A ``python`` block is run after the blocks before it, with their variables.
- A block with ``title="FILE"`` shows that file as the commands before it have written it.
- A ``text`` block directly after a ``python`` block shows what it prints.
- A ``console`` block holds commands (``$ ...``) and what they print.
- A line ``...`` in an output stands for any lines.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
_FENCE: Final = re.compile(r"^```(\w*)(?: title=\"(.*?)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED: Final = re.compile(r"(?<=\n\n)(?:    \S.*\n)+")
_TIME: Final = re.compile(r"\d\d:\d\d:\d\d[,.]\d{3}|\b\d+\.\d+\b")
_TOLERANCE_S: Final = 0.1
"""Times of words depend a little on the processor, because the 8-bit kernels of Whisper differ."""


class Block(NamedTuple):
    """One code block; ``line`` is the number of its first line in the page."""

    page: str
    line: int
    language: str
    title: str | None
    text: str

    def commands(self) -> list[tuple[str, str]]:
        """Commands, each with the output that the page shows; a backslash at the end of a line continues it."""
        text = self.text.replace("\\\n", " ")
        if self.language == "console":
            parts = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
            return [(command, output) for command, _, output in (part.partition("\n") for part in parts)]
        return [(line, "...") for line in text.splitlines() if line and not line.startswith("#")]


def read_blocks(page: Path) -> list[Block]:
    """All code blocks of a page, in order."""
    text = page.read_text("utf-8")
    found = [(each.start(), each[1], each[2], each[3]) for each in _FENCE.finditer(text)]
    outside = _FENCE.sub(lambda each: re.sub(r"[^\n]", "x", each[0]), text)
    found += [
        (each.start(), "bash", None, re.sub("^    ", "", each[0], flags=re.MULTILINE))
        for each in _INDENTED.finditer(outside)
    ]
    name = page.relative_to(ROOT).as_posix()
    return [Block(name, text.count("\n", 0, at) + 1, *rest) for at, *rest in sorted(found, key=lambda each: each[0])]


def inline_code(page: Path) -> list[str]:
    """Code spans of a page's prose."""
    return re.findall(r"`([^`\n]+)`", _FENCE.sub("", page.read_text("utf-8")))


def agrees(shown: str, real: str) -> bool:
    """Whether an output is the one that a page shows, with times up to 0.1 s apart."""
    pattern = "\n".join("(?s:.*)" if line == "..." else re.escape(_TIME.sub("@", line)) for line in _lines(shown))
    if not re.fullmatch(pattern, _TIME.sub("@", "\n".join(_lines(real)))):
        return False
    begins = shown.partition("\n...")[0]  # after a gap it is unknown which times belong together
    pairs = zip(_TIME.findall(begins), _TIME.findall(real), strict=False)
    return all(abs(_seconds(one) - _seconds(other)) <= _TOLERANCE_S for one, other in pairs)


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip("\n").splitlines()]


def _seconds(time: str) -> float:
    return sum(float(part) * 60**n for n, part in enumerate(reversed(time.replace(",", ".").split(":"))))
