"""An executor on behalf of its owner: what it raises is the owner's, and no recording may be lost on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TypeVar

from oolong_align.plugin.contract import BrokenRuleError
from oolong_align.plugin.entries import Executor, Item, Outcome

__all__ = ["GuardedExecutor"]

Returned = TypeVar("Returned")


class GuardedExecutor:
    """`oolong_align.plugin.entries.Executor` around another one.

    Parameters
    ----------
    executor : Executor
    guard : callable
        Makes the context in which errors become the owner's.
    """

    def __init__(self, executor: Executor, guard: Callable[[], AbstractContextManager[None]]) -> None:
        self._executor = self._opened = executor
        self._guard = guard

    def __enter__(self) -> GuardedExecutor:
        with self._guard():
            self._opened = self._executor.__enter__()
            if not callable(getattr(self._opened, "map", None)):
                raise BrokenRuleError("__enter__ must give an executor")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        # What it returns is left out: no executor may swallow the error that stops a run.
        with self._guard():
            self._executor.__exit__(kind, error, traceback)

    def map(self, function: Callable[[Item], Outcome], items: Iterable[Item], /) -> Iterator[Outcome]:
        """Give the function's result for each item, in the order of the items.

        What the function itself raises is passed on as it is.
        """
        given = list(items)
        made: dict[int, tuple[Item, Outcome]] = {}
        raised: list[Exception] = []

        def work(item: Item) -> Outcome:
            try:
                outcome = function(item)
            except Exception as error:
                raised.append(error)
                raise
            made[id(outcome)] = (item, outcome)
            return outcome

        outcomes = self._call(lambda: iter(self._opened.map(work, given)), raised)
        for number, item in enumerate(given):
            outcome = self._call(lambda: next(outcomes, None), raised)
            with self._guard():
                if outcome is None:
                    raise BrokenRuleError(f"map must give a result for each of {len(given)} recordings, not {number}")
                if made.get(id(outcome), (None,))[0] != item:
                    raise BrokenRuleError("map must give what the function gave for each item, in the order of items")
            yield outcome

    def _call(self, call: Callable[[], Returned], raised: Sequence[Exception]) -> Returned:
        """Call what belongs to the owner; errors that are not its own are passed on as they are."""
        with self._guard():
            try:
                return call()
            except Exception as error:
                passed = next((each for each in raised if each is error), None)
                if passed is None:
                    raise
        raise passed
