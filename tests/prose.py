"""Find private idioms in docstrings, comments, strings and Markdown.

``python tests/prose.py [FILE...]`` checks files, by default all of the repository, and exits with 1 if a file has more
than ``LIMIT`` idioms per 1,000 words. ``idioms.txt`` lists the idioms and what to write instead.
"""

from __future__ import annotations

import re
import sys
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("oolong_align", "plugins", "models", "examples", "tests", "docs", ".github")
LIMIT = 1.0  # idioms per 1,000 words; well-kept projects of this field have 0.1 to 0.9
ALLOWED = 2  # in a short file, where the rate of a single legitimate use is high
# Files that are still to be rewritten: the list only shrinks.
PENDING: set[str] = set()
RULES = [line.split("\t") for line in (ROOT / "tests" / "idioms.txt").read_text("utf-8").splitlines() if "\t" in line]
IDIOMS = re.compile("|".join(rf"\b(?P<rule{n}>{pattern})\b" for n, (pattern, _) in enumerate(RULES)), re.IGNORECASE)
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
PROSE_TOKENS = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


def read_prose(path: Path) -> str:
    """Text of a Python or Markdown file with everything but prose blanked, so that line numbers stay."""
    text = path.read_text("utf-8")
    if path.suffix == ".md":
        return CODE.sub(lambda code: "\n" * code[0].count("\n"), text)
    lines = [""] * (text.count("\n") + 2)
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            if token.type in PROSE_TOKENS and " " in token.string:
                for number, part in enumerate(token.string.splitlines(), token.start[0] - 1):
                    lines[number] += f" {part}"
    return "\n".join(lines)


def find_idioms(text: str) -> Iterator[tuple[int, str, str]]:
    """Line number, idiom and suggestion of each find."""
    for found in IDIOMS.finditer(text):
        rule = int(str(found.lastgroup).removeprefix("rule"))
        yield text.count("\n", 0, found.start()) + 1, found[0], RULES[rule][1]


def is_plain(path: Path) -> bool:
    """Whether a file keeps to the limit; prints its idioms otherwise."""
    text = read_prose(path)
    found = list(find_idioms(text))
    plain = len(found) <= max(ALLOWED, LIMIT / 1000 * len(text.split()))
    for line, idiom, better in () if plain else found:
        print(f"{path}:{line}: {idiom!r}: write {better}")
    return plain


def main(arguments: Sequence[str]) -> int:
    every = (path for name in FOLDERS for path in (ROOT / name).rglob("*") if path.suffix in (".py", ".md"))
    paths = map(Path, arguments) if arguments else [*ROOT.glob("*.md"), *every]
    pending = {ROOT / name for name in PENDING}
    return int(sum(not is_plain(path) for path in paths if path.resolve() not in pending) > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
