"""Downloads of a transcriber before the diarization."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from oolong_align.errors import ModelNotFoundError, PluginError
from oolong_align.hookspecs import Config, TranscriberEntry, hookimpl
from oolong_align.pipeline import Pipeline
from oolong_align.testing import make_host

Record = Callable[..., Path]


class Prepares:
    """The replay transcriber, which records when its files are downloaded."""

    name = "prepares"

    def __init__(self, replay: object, error: Exception | None = None) -> None:
        self._replay = replay
        self._error = error

    @hookimpl
    def oolong_transcribers(self) -> list[TranscriberEntry]:
        return [TranscriberEntry("prepares", "", self._replay._build_transcriber, self._prepare)]

    def _prepare(self, config: Config) -> None:
        self._replay.calls.append("prepare")
        if self._error:
            raise self._error


def pipeline(replay: object, command: str = "transcribe", error: Exception | None = None) -> Pipeline:
    host = make_host(replay, Prepares(replay, error))
    chosen = {"diarizer": "replay"} | ({"transcriber": "prepares"} if command == "transcribe" else {})
    return Pipeline(host, host.resolve(command, chosen))


def test_files_are_downloaded_once_before_the_first_diarization(replay: object, record: Record) -> None:
    pipeline(replay).run_files([record("a.wav"), record("b.wav")])
    assert replay.calls == [
        *("prepare", "build diarizer", "diarize a", "build transcriber", "transcribe a"),
        *("diarize b", "transcribe b"),
    ]


def test_diarize_does_not_prepare_a_transcriber(replay: object, record: Record) -> None:
    pipeline(replay, "diarize")(record())
    assert "prepare" not in replay.calls


@pytest.mark.parametrize(
    ("error", "raised", "message"),
    [
        (ModelNotFoundError("no such model"), ModelNotFoundError, "^no such model$"),
        (OSError("gone"), PluginError, "Plugin 'prepares' failed in transcriber 'prepares': OSError: gone"),
    ],
)
def test_a_failed_download_stops_the_run(
    replay: object, record: Record, error: Exception, raised: type[Exception], message: str
) -> None:
    with pytest.raises(raised, match=message):
        pipeline(replay, error=error).run_files([record("a.wav"), record("b.wav")])
    assert replay.calls == ["prepare"]
