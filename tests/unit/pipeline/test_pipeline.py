from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from oolong_align.api.transcribe import transcribe
from oolong_align.errors import AudioError, InputError, ModelError, OutputError, PluginError, UsageError
from oolong_align.hookspecs import ExecutorEntry, OutputFormat, Result, hookimpl
from oolong_align.pipeline import Pipeline
from oolong_align.plugin.host import Host
from oolong_align.testing import make_host
from oolong_align.types import Transcript

Record = Callable[..., Path]
OPTIONS = {"diarizer": "replay", "transcriber": "replay"}


def pipeline(host: Host, command: str = "transcribe", **options: object) -> Pipeline:
    if command == "diarize":
        return Pipeline(host, host.resolve("diarize", {"diarizer": "replay", **options}))
    return Pipeline(host, host.resolve("transcribe", OPTIONS | options))


def test_a_recording_becomes_a_transcript(replay: object, record: Record) -> None:
    transcript = pipeline(make_host(replay))(record())
    assert [(each.speaker, each.text) for each in transcript.utterances] == [
        ("SPEAKER_00", "hello"),
        ("SPEAKER_01", "there"),
    ]
    assert transcript.source == "meeting"
    assert transcript.duration == 3.0


def test_bounds_are_passed_to_the_diarizer(replay: object, record: Record) -> None:
    transcript = pipeline(make_host(replay), max_speakers=1)(record())
    assert list(transcript.speakers) == ["SPEAKER_00"]


def test_without_speech_no_transcriber_is_built(replay: object, record: Record) -> None:
    transcript = pipeline(make_host(replay))(record(seconds=1))
    assert transcript.utterances == ()
    assert "build transcriber" not in replay.calls


def test_an_array_is_a_recording(replay: object) -> None:
    transcript = pipeline(make_host(replay))(np.zeros(48_000, np.float32))
    assert transcript.source == ""


def test_diarize_has_no_words_and_no_transcriber(replay: object, record: Record) -> None:
    transcript = pipeline(make_host(replay), "diarize")(record())
    assert transcript.words == ()
    assert list(transcript.speakers) == ["SPEAKER_00", "SPEAKER_01"]
    assert transcript.speakers["SPEAKER_00"].seconds == 1.0
    assert replay.calls == ["build diarizer", "diarize meeting"]


def test_files_are_written_before_the_run_finishes(replay: object, record: Record, tmp_path: Path) -> None:
    finished: list[Sequence[Result]] = []

    class Finish:
        @hookimpl
        def oolong_finish(self, results: Sequence[Result]) -> None:
            assert all(path.exists() for result in results for path in result.outputs)
            finished.append(results)

    started: list[str] = []
    results = pipeline(make_host(replay, Finish()), output_format=["srt", "rttm"]).run_files(
        [record("a.wav"), record("b.wav")], tmp_path / "new" / "folder", on_start=lambda path: started.append(path.name)
    )
    out = tmp_path / "new" / "folder"
    assert sorted(path.name for path in out.iterdir()) == ["a.rttm", "a.srt", "b.rttm", "b.srt"]
    assert "[SPEAKER_01]: there" in (out / "a.srt").read_text()
    assert (out / "a.rttm").read_text().startswith("SPEAKER a 1 0.")
    assert results[0].outputs == (out / "a.srt", out / "a.rttm")
    assert started == ["a.wav", "b.wav"]
    assert {"audio", "diarize", "transcribe", "align", "identify", "write", "models"} == set(results[0].seconds)
    assert finished == [tuple(results)]
    assert replay.calls.count("build diarizer") == 1
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((out / "a.srt").stat().st_mode) == 0o666 & ~umask


def test_one_bad_file_does_not_stop_the_others(replay: object, record: Record, tmp_path: Path) -> None:
    text = tmp_path / "text.wav"
    text.write_text("no audio")
    files = [record("a.wav"), record("broken.wav"), text, record("b.wav")]
    results = pipeline(make_host(replay), srt=True).run_files(files, tmp_path / "out")
    assert [type(result.error) for result in results] == [type(None), AudioError, AudioError, type(None)]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.srt", "b.srt"]


def test_all_outputs_of_a_recording_or_none(replay: object, record: Record, tmp_path: Path) -> None:
    class Broken:
        @hookimpl
        def oolong_formats(self) -> list[OutputFormat]:
            return [OutputFormat("zbroken", ".zbroken", "fails", self.render)]

        def render(self, transcript: Transcript) -> str:
            raise AudioError("cannot be rendered")

    results = pipeline(make_host(replay, Broken()), srt=True, zbroken=True).run_files([record()], tmp_path / "out")
    assert isinstance(results[0].error, AudioError)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("error", [ModelError("missing"), UsageError("wrong"), ValueError("bug")])
def test_an_error_that_affects_every_file_stops_the_run(replay: object, record: Record, error: Exception) -> None:
    class Stops:
        @hookimpl
        def oolong_identify(self, transcript: Transcript) -> Transcript:
            raise error

    expected = PluginError if isinstance(error, ValueError) else type(error)
    with pytest.raises(expected, match=str(error)):
        pipeline(make_host(replay, Stops())).run_files([record("a.wav"), record("b.wav")])
    assert replay.calls.count("diarize b") == 0


def test_wrong_inputs_are_found_before_any_work(replay: object, record: Record, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    twin = tmp_path / "other" / "meeting.flac"
    twin.write_bytes(record().read_bytes())
    file = tmp_path / "file"
    file.write_text("")
    run = pipeline(make_host(replay), srt=True).run_files
    for files, out, error, message in (
        ([record(), twin], tmp_path, UsageError, "2 inputs share the stem 'meeting'"),
        ([record(), record()], tmp_path, UsageError, "2 inputs share the stem 'meeting'"),
        ([record()], file, UsageError, "Not a folder"),
        ([record()], "s3://bucket/folder", UsageError, "s3://bucket/folder: Writing to a URL is not supported"),
        ([record()], file / "below", OutputError, "Could not write to this folder"),
        ([record()], Path("/proc/nothing"), OutputError, "Could not write to this folder"),
    ):
        with pytest.raises(error, match=message):
            run(files, out)
    assert replay.calls == []


def test_an_input_is_never_overwritten(replay: object, record: Record) -> None:
    source = record("meeting.srt")
    before = source.read_bytes()
    (result,) = pipeline(make_host(replay), srt=True).run_files([source], source.parent)
    assert isinstance(result.error, OutputError)
    assert source.read_bytes() == before
    assert [path.name for path in source.parent.iterdir()] == ["meeting.srt"]


def test_files_run_in_the_executor(replay: object, record: Record, tmp_path: Path) -> None:
    class Threads:
        @hookimpl
        def oolong_executors(self) -> list[ExecutorEntry]:
            return [ExecutorEntry("threads", "two at a time", lambda config: ThreadPoolExecutor(2))]

    files = [record(f"{index}.wav") for index in range(5)]
    results = pipeline(make_host(replay, Threads()), executor="threads", srt=True).run_files(files, tmp_path / "out")
    assert [result.source for result in results] == files
    assert all(result.error is None for result in results)
    assert replay.calls.count("build transcriber") == 1


def test_a_redaction_is_in_every_format(replay: object, record: Record, tmp_path: Path) -> None:
    class Redact:
        @hookimpl(wrapper=True)
        def oolong_align(self) -> Iterator[None]:
            transcript = yield
            utterances = tuple(
                replace(each, words=tuple(replace(word, text="***") for word in each.words))
                for each in transcript.utterances
            )
            return replace(transcript, utterances=utterances)

    host = make_host(replay, Redact())
    (result,) = pipeline(host, output_format=["all"]).run_files([record()], tmp_path / "out")
    assert len(result.outputs) == len(host.formats())
    for path in result.outputs:
        assert "hello" not in path.read_text()


def test_options_from_python_have_python_types() -> None:
    from oolong_align.builtin.options import diarizer_options

    host = make_host()
    given = {"refine": False, "providers": ("cuda", "cpu"), "threads": 3, "output_format": "srt", "step": 2}
    config = host.resolve("transcribe", given)
    options = diarizer_options(config.options)
    assert (options.method, options.providers, options.intra_threads, options.step) == (
        "windows",
        ("cuda", "cpu"),
        3,
        2,
    )
    assert [each.name for each in config.formats] == ["srt"]
    assert diarizer_options(host.complete("diarize", {"device": "cuda", "intra_threads": 1})).providers == ("cuda",)


def test_the_python_api_rejects_invalid_arguments(record: Record) -> None:
    with pytest.raises(UsageError, match=r"Unknown option 'num_speaker'\. Did you mean 'num_speakers'"):
        transcribe(record(), num_speaker=2, plugins=False)
    with pytest.raises(InputError, match="Could not read audio from NoneType"):
        transcribe(None, plugins=False)
    with pytest.raises(UsageError, match="Formats need the path of a recording"):
        transcribe(np.zeros(100, np.float32), formats=["srt"], plugins=False)
