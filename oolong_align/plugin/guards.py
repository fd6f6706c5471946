"""What a plugin hands over, wrapped: errors raised in it are its owner's, and what it returns is checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from types import TracebackType
from typing import Any, Final, TypeVar

from oolong_align.plugin.contract import BrokenRuleError, validate_embedding, validate_scores
from oolong_align.plugin.entries import Executor, Item, Outcome
from oolong_align.types import Diarization, FloatArray, SpeakerEvidence

__all__ = ["GuardedEvidence", "GuardedExecutor", "guard_evidence"]

_CORE: Final = "oolong_align."
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


class GuardedEvidence:
    """`oolong_align.types.SpeakerEvidence` around another one; copies and pickles are of that one.

    Parameters
    ----------
    voice : SpeakerEvidence
    guard : callable
        Makes the context in which errors become the owner's.
    """

    def __init__(self, voice: SpeakerEvidence, guard: Callable[[], AbstractContextManager[None]]) -> None:
        self._voice = voice
        self._guard = guard

    def __reduce__(self) -> tuple[Any, ...]:
        return _itself, (self._voice,)

    def embed(self, start: float, end: float) -> FloatArray:
        """Embedding of a span in seconds."""
        with self._guard():
            return validate_embedding(self._voice.embed(start, end), "what voice.embed gives")

    def scores(self, start: float, end: float) -> dict[int, float]:
        """Cosine of a span's embedding to each speaker's mean embedding."""
        with self._guard():
            return validate_scores(self._voice.scores(start, end))


def guard_evidence(diarization: Diarization, guard: Callable[[], AbstractContextManager[None]]) -> Diarization:
    """Put a guard around a plugin's voice; those of the core need none."""
    voice = diarization.voice
    if voice is None or type(voice).__module__.startswith(_CORE):
        return diarization
    return replace(diarization, voice=GuardedEvidence(voice, guard))


def _itself(voice: SpeakerEvidence) -> SpeakerEvidence:
    return voice
