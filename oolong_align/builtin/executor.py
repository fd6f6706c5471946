"""The default executor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType

from oolong_align.plugin.entries import Item, Outcome

__all__ = ["LocalExecutor"]


class LocalExecutor:
    """Runs one file after another in this process."""

    def __enter__(self) -> LocalExecutor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        return None

    def map(self, function: Callable[[Item], Outcome], items: Iterable[Item], /) -> Iterator[Outcome]:
        """Return a lazy iterator over the results of `function`."""
        return map(function, items)
