from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import click
import pytest
from fakes import REPLAY

from oolong_align.errors import ModelError, PluginError
from oolong_align.hookspecs import ExecutorEntry, hookimpl
from oolong_align.pipeline import Pipeline
from oolong_align.testing import make_host

Run = Callable[..., tuple[int, str, str]]
Record = Callable[..., Path]


class Inline:
    """Maps with a given function."""

    def __init__(self, run: Callable[..., Iterable[object]]) -> None:
        self.map = run

    def __enter__(self) -> Inline:
        return self

    def __exit__(self, *_: object) -> bool:
        return True  # must not suppress any error


class Odd:
    name = "odd"

    def __init__(self, make: Callable[[], object]) -> None:
        self.make = make

    @hookimpl
    def oolong_executors(self) -> list[ExecutorEntry]:
        return [ExecutorEntry("odd", "odd", lambda config: self.make())]


def fails_late(function: Callable[[object], object], items: Iterable[object]) -> Iterator[object]:
    for item in items:
        yield function(item)
        raise OSError("the queue is gone")


BROKEN = {
    "drops all": (lambda function, items: [], "a result for each of 2 recordings, not 0"),
    "drops one": (lambda function, items: [function(each) for each in items][:1], "of 2 recordings, not 1"),
    "mixes up": (lambda function, items: [function(each) for each in items][::-1], "in the order of the items"),
    "makes up": (lambda function, items: list(items), "the function's results"),
    "raises": (lambda function, items: 1 / 0, "ZeroDivisionError"),
    "fails late": (fails_late, "OSError: the queue is gone"),
    "returns None": (lambda function, items: None, "TypeError"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_executor_is_named(broken: str, run: Run, record: Record, tmp_path: Path) -> None:
    function, rule = BROKEN[broken]
    files = [record("a.wav"), record("b.wav")]
    arguments = ("transcribe", *files, *REPLAY, "--executor", "odd", "--json", "-o", tmp_path / "out")
    code, _, err = run(*arguments, plugins=(Odd(lambda: Inline(function)),))
    assert code == 3
    assert "Plugin 'odd'" in err
    assert "executor 'odd'" in err
    assert rule in err
    assert "-p no:odd" in err
    assert "bug" not in err


class Opens:
    def __init__(self, opened: object) -> None:
        self.opened = opened

    def __enter__(self) -> object:
        return self.opened

    def __exit__(self, *_: object) -> None:
        pass

    def map(self, function: object, items: object) -> Iterator[object]:
        raise OSError("not open")


def test_the_result_of_enter_is_used(run: Run, record: Record, tmp_path: Path) -> None:
    arguments = ("transcribe", record(), *REPLAY, "--executor", "odd", "--json", "-o", tmp_path / "out")
    assert run(*arguments, plugins=(Odd(lambda: Opens(Inline(map))),))[0] == 0
    code, _, err = run(*arguments, plugins=(Odd(lambda: Opens(None)),))
    assert code == 3
    assert "__enter__ must return an executor" in err


def test_processes_cannot_share_the_models(run: Run, record: Record, tmp_path: Path) -> None:
    arguments = ("transcribe", record(), *REPLAY, "--executor", "odd", "--json", "-o", tmp_path / "out")
    code, _, err = run(*arguments, plugins=(Odd(lambda: ProcessPoolExecutor(1)),))
    assert code == 3
    assert "Plugin 'odd' failed in executor 'odd'" in err


def test_an_executor_does_not_suppress_or_own_other_errors(replay: object, record: Record) -> None:
    host = make_host(replay, Odd(lambda: Inline(map)))
    config = host.resolve("transcribe", {"diarizer": "replay", "transcriber": "replay", "executor": "odd"})

    def refuse(error: Exception) -> Callable[[Path], None]:
        def refuse(path: Path) -> None:
            raise error

        return refuse

    for error in (ModelError("none"), ValueError("the caller's")):
        with pytest.raises(type(error), match=str(error)):
            Pipeline(host, config).run_files([record()], on_start=refuse(error))
    host = make_host(replay, Odd(lambda: Inline(lambda function, items: 1 / 0)))
    config = host.resolve("transcribe", {"diarizer": "replay", "transcriber": "replay", "executor": "odd"})
    with pytest.raises(PluginError, match="ZeroDivisionError"):
        Pipeline(host, config).run_files([record()])


def test_the_plugin_of_a_failing_command_is_named(run: Run) -> None:
    class Tool:
        name = "tool"

        @hookimpl
        def oolong_commands(self, cli: click.Group) -> None:
            @cli.command("shout")
            def shout() -> None:
                raise KeyError("speech")

    code, _, err = run("shout", plugins=(Tool(),))
    assert code == 3
    assert (
        err
        == "oolong: error: Plugin 'tool' failed in command 'shout': KeyError: 'speech'. Run without it: -p no:tool\n"
    )
