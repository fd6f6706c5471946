from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oolong_align.util.parallel import count_threads, ordered_map


@settings(max_examples=30)
@given(st.lists(st.integers(), max_size=40), st.integers(1, 5))
def test_results_keep_the_order_of_the_items(items: list[int], threads: int) -> None:
    def slow_for_even(item: int) -> int:
        time.sleep(0.001 * (item % 2 == 0))
        return 2 * item

    assert list(ordered_map(slow_for_even, items, threads=threads)) == [(item, 2 * item) for item in items]


def test_items_run_concurrently() -> None:
    met = threading.Barrier(3)
    assert [result for _, result in ordered_map(lambda _: met.wait(60) >= 0, range(3), threads=3)] == [True] * 3


@pytest.mark.parametrize("threads", [1, 3])
def test_items_are_consumed_in_the_calling_thread_and_not_far_ahead(threads: int) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            assert threading.current_thread() is caller
            taken.append(item)
            yield item

    caller = threading.current_thread()
    for item, _ in ordered_map(str, items(), threads=threads):
        assert len(taken) <= item + 2 * threads


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_is_raised_in_place_of_its_result(threads: int) -> None:
    def fail_at_five(item: int) -> int:
        if item == 5:
            raise ZeroDivisionError("five")
        return item

    seen = []
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError, match="five"):
        for item, _ in ordered_map(fail_at_five, range(100), threads=threads):
            seen.append(item)
    assert seen == [0, 1, 2, 3, 4]
    assert threading.active_count() == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_the_threads_end_when_the_caller_fails(error: type[BaseException]) -> None:
    done: list[int] = []
    before = threading.active_count()
    with pytest.raises(error):
        for item, _ in ordered_map(done.append, range(1000), threads=2):
            if item == 3:
                raise error
    assert threading.active_count() == before
    assert len(done) < 20


def test_threads_are_limited_by_the_cores() -> None:
    assert count_threads(1) == 1
    assert 1 <= count_threads(None) == count_threads(10**6) <= 16
