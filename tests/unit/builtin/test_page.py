from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from oolong_align.errors import PluginError
from oolong_align.hookspecs import OutputFormat, hookimpl
from oolong_align.pipeline import Pipeline
from oolong_align.testing import make_host
from oolong_align.types import Transcript

Record = Callable[..., Path]
OPTIONS = {"diarizer": "replay", "transcriber": "replay"}


def test_the_page_gets_its_recording(replay: object, record: Record, tmp_path: Path) -> None:
    recording = record()
    pages = {}
    host = make_host(replay)
    for choice in ("auto", "link", "none"):
        config = host.resolve("transcribe", {**OPTIONS, "html_audio": choice}, formats=["html"])
        (result,) = Pipeline(host, config).run_files([recording], tmp_path / "out")
        assert result.error is None
        pages[choice] = result.outputs[0].read_text(encoding="utf-8")
    assert '"audio":"embed"' in pages["auto"]
    assert f'"address":"./{os.path.relpath(recording, tmp_path / "out")}"' in pages["link"]
    assert '"audio":null' in pages["none"]


def test_a_page_without_words(replay: object, record: Record, tmp_path: Path) -> None:
    host = make_host(replay)
    config = host.resolve("diarize", {"diarizer": "replay", "html": True})
    (result,) = Pipeline(host, config).run_files([record()], tmp_path / "out")
    assert '"diarization":[{' in result.outputs[0].read_text(encoding="utf-8")


def test_formats_of_plugins_get_the_paths(replay: object, record: Record, tmp_path: Path) -> None:
    class Plugin:
        def __init__(self, result: object) -> None:
            self.result = result

        @hookimpl
        def oolong_formats(self) -> list[OutputFormat]:
            def render_file(transcript: Transcript, recording: Path, target: Path) -> object:
                return self.result or f"{recording.name} {target.name}"

            return [OutputFormat("names", ".names", "names", lambda transcript: "", render_file=render_file)]  # type: ignore[arg-type]

    recording = record()
    host = make_host(replay, Plugin(None))
    Pipeline(host, host.resolve("transcribe", OPTIONS, formats=["names"])).run_files([recording], tmp_path / "out")
    assert (tmp_path / "out" / "meeting.names").read_text() == f"{recording.name} meeting.names"
    broken = make_host(replay, Plugin(b"bytes"))
    with pytest.raises(PluginError, match="must be str, not bytes"):
        Pipeline(broken, broken.resolve("transcribe", OPTIONS, formats=["names"])).run_files([recording], tmp_path)
