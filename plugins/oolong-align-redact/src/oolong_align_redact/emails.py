"""E-mail addresses, written or spoken in English: "ada dot l at example dot com"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from oolong_align_redact.stream import Span, Stream

__all__ = ["find_emails"]

_DOTS: Final = frozenset(("dot", "period", "punkt", "punto", "point"))
_JOINERS: Final = _DOTS | {"underscore", "dash", "hyphen", "minus", "plus"}
_WRITTEN_JOINERS: Final = frozenset((".", "_", "-", "+", "%", "'", "’"))  # noqa: RUF001  people type it
# The name before a spoken "at" may have several words, but not these.
_NOT_LOCAL: Final = frozenset(
    (
        *("a", "address", "an", "and", "are", "at", "can", "contact", "do", "e", "email", "emails", "find", "for"),
        *("he", "her", "him", "his", "i", "in", "is", "it", "looked", "looking", "look", "m", "mail", "me", "my", "of"),
        *("on", "or", "our", "reach", "re", "s", "send", "she", "so", "that", "the", "their", "them", "they", "this"),
        *("to", "uh", "um", "us", "was", "we", "with", "write", "you", "your"),
    )
)
_MORE_LOCAL: Final = 2
_SHORTEST_TOP: Final = 2
# A bound for the search: more parts than a domain can have (RFC 1035).
_MOST_PARTS: Final = 127


def find_emails(stream: Stream) -> Iterator[Span]:
    """Find addresses, written or spoken, and handles such as ``@ada``."""
    tokens = stream.tokens
    for index in range(len(tokens)):
        before = stream.gap(index)
        if "@" in before and index + 1 < len(tokens):
            handle = before[0].isspace() and before.endswith("@")
            first = index + 1 if handle else _local_start(stream, index, spoken=False)
            yield Span(tokens[first].start, tokens[_domain_end(stream, index + 1)].end)
        elif tokens[index].key == "at" and 0 < index < len(tokens) - 1:
            last = _domain_end(stream, index + 1)
            top = tokens[last].key
            if last > index + 1 and len(top) >= _SHORTEST_TOP and top.isalpha():
                yield Span(tokens[_local_start(stream, index - 1, spoken=True)].start, tokens[last].end)
    if tokens and stream.text.startswith("@"):
        yield Span(0, tokens[_domain_end(stream, 0)].end)


def _domain_end(stream: Stream, index: int) -> int:
    """Index of the last token of a domain that starts at a token."""
    tokens = stream.tokens
    for _ in range(_MOST_PARTS):
        gap = stream.gap(index)
        if gap in (".", "-") and index + 1 < len(tokens):
            index += 1
        elif index + 2 < len(tokens) and tokens[index + 1].key in _DOTS and not gap.strip(" ,"):
            index += 2
        else:
            break
    return index


def _local_start(stream: Stream, index: int, *, spoken: bool) -> int:
    """Index of the first token of the name before the "at", given its last token."""
    tokens = stream.tokens
    more = _MORE_LOCAL if spoken else 0
    for _ in range(min(index, _MOST_PARTS)):
        if index == 0:
            break
        gap, key = stream.gap(index - 1), tokens[index - 1].key
        spelled = spoken and len(key) == 1 and len(tokens[index].key) == 1
        if gap in _WRITTEN_JOINERS or spelled:
            index -= 1
        elif index > 1 and key in _JOINERS and not gap.strip(" ,"):
            index -= 2
        elif more and not gap.strip() and key not in _NOT_LOCAL:
            more -= 1
            index -= 1
        else:
            break
    return index
