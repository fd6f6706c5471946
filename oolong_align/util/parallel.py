"""Map a function over items in several threads, in order; for functions that release the GIL."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# Each thread keeps the activations of a network, up to 100 MB.
_MOST_THREADS: Final = 16


def count_threads(wanted: int | None = None) -> int:
    """Return the number of threads to use: ``wanted``, at most one per core available to this process, at most 16."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(wanted or cores, cores, _MOST_THREADS)


def ordered_map(
    function: Callable[[Item], Result], items: Iterable[Item], *, threads: int
) -> Iterator[tuple[Item, Result]]:
    """Yield each item with its result, in the order of the items.

    Items are consumed in the calling thread, at most ``2 * threads`` ahead of the results. An error of ``function`` is
    raised in place of its result. If the iteration stops early, all threads finish first.

    Examples
    --------
    >>> list(ordered_map(lambda n: n * n, [1, 2, 3], threads=2))
    [(1, 1), (2, 4), (3, 9)]
    """
    if threads == 1:
        for item in items:
            yield item, function(item)
        return
    pending: deque[tuple[Item, Future[Result]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                pending.append((item, pool.submit(function, item)))
                if len(pending) == 2 * threads:
                    first, future = pending.popleft()
                    yield first, future.result()
            while pending:
                first, future = pending.popleft()
                yield first, future.result()
        finally:
            for _, future in pending:
                future.cancel()
