"""Code and objects of plugins, wrapped: errors raised in them name the plugin, and what they return is checked."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from types import TracebackType
from typing import Any, Final

from oolong_align.plugin.contract import BrokenRuleError, validate_embedding, validate_scores
from oolong_align.plugin.entries import Executor, Item, Outcome
from oolong_align.plugin.owners import Guard
from oolong_align.types import Diarization, FloatArray, SpeakerEvidence

__all__ = ["GuardedEvidence", "GuardedExecutor", "guard_evidence", "guard_function", "guard_wrapper"]

_PACKAGE: Final = "oolong_align."


def guard_function(
    function: Callable[..., Any], guard: Guard, report: Callable[[object], None] | None
) -> Callable[..., Any]:
    """Wrap a hook implementation; `report` is called with each result that is not ``None``."""

    def guarded(*args: Any) -> Any:
        with guard():
            result = function(*args)
        if report and result is not None:
            report(result)
        return result

    return guarded


def guard_wrapper(
    function: Callable[..., Generator[None, Any, Any]], guard: Guard, report: Callable[[object], None] | None
) -> Callable[..., Generator[None, Any, Any]]:
    """Wrap a hook wrapper, a generator that yields once; `report` is called with its result.

    An exception of an inner implementation passes through the generator and is not attributed to its owner.
    """

    def guarded(*args: Any) -> Generator[None, Any, Any]:
        with guard():
            generator = function(*args)
            if next(generator, generator) is generator:
                raise BrokenRuleError("a wrapper must yield once; it did not yield")
        passing: tuple[BaseException, ...] = ()
        try:
            received = yield
        except BaseException as error:  # noqa: BLE001 -- passed on to the generator, as pluggy does
            passing = (error,)
        with guard(passing):
            try:
                if passing:
                    generator.throw(passing[0])
                else:
                    generator.send(received)
            except StopIteration as stop:
                result = stop.value
            else:
                raise BrokenRuleError("a wrapper must yield once; it yielded twice")
        if report:
            report(result)
        return result

    return guarded


class GuardedExecutor:
    """`oolong_align.plugin.entries.Executor` around the executor of a plugin."""

    def __init__(self, executor: Executor, guard: Guard) -> None:
        self._executor = self._opened = executor
        self._guard = guard

    def __enter__(self) -> GuardedExecutor:
        with self._guard():
            self._opened = self._executor.__enter__()
            if not callable(getattr(self._opened, "map", None)):
                raise BrokenRuleError("__enter__ must return an executor")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        # The result is ignored: no executor may suppress the error that stops a run.
        with self._guard():
            self._executor.__exit__(kind, error, traceback)

    def map(self, function: Callable[[Item], Outcome], items: Iterable[Item], /) -> Iterator[Outcome]:
        """Yield the function's result for each item, in the order of the items.

        Errors raised by `function` itself pass unchanged.
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

        with self._guard(raised):
            outcomes = iter(self._opened.map(work, given))
        for number, item in enumerate(given):
            with self._guard(raised):
                outcome = next(outcomes, None)
                if outcome is None:
                    raise BrokenRuleError(f"map must yield a result for each of {len(given)} recordings, not {number}")
                if made.get(id(outcome), (None,))[0] != item:
                    raise BrokenRuleError("map must yield the function's results in the order of the items")
            yield outcome


class GuardedEvidence:
    """`oolong_align.types.SpeakerEvidence` around the one of a plugin; copies and pickles hold the plugin's object."""

    def __init__(self, evidence: SpeakerEvidence, guard: Guard) -> None:
        self._evidence = evidence
        self._guard = guard

    def __reduce__(self) -> tuple[Any, ...]:
        return _identity, (self._evidence,)

    def embed(self, start: float, end: float) -> FloatArray:
        """Embedding of a time range in seconds."""
        with self._guard():
            return validate_embedding(self._evidence.embed(start, end), "the result of voice.embed")

    def scores(self, start: float, end: float) -> dict[int, float]:
        """Cosine similarity of a time range's embedding to each speaker's mean embedding."""
        with self._guard():
            return validate_scores(self._evidence.scores(start, end))


def guard_evidence(diarization: Diarization, guard: Guard) -> Diarization:
    """Put a guard around the ``voice`` of a plugin's diarization; the one of this package needs none."""
    evidence = diarization.voice
    if evidence is None or type(evidence).__module__.startswith(_PACKAGE):
        return diarization
    return replace(diarization, voice=GuardedEvidence(evidence, guard))


def _identity(evidence: SpeakerEvidence) -> SpeakerEvidence:
    return evidence
