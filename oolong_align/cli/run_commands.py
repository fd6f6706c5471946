"""``oolong transcribe`` and ``diarize``, and the pipeline run and its messages, which ``align`` uses too."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from oolong_align.cli.commands import STDOUT, files_argument, make_command, output_dir_option, timing_option
from oolong_align.cli.terminal import Terminal, counted
from oolong_align.errors import UsageError
from oolong_align.plugin.entries import Result
from oolong_align.plugin.host import Host
from oolong_align.util.tables import print_table

if TYPE_CHECKING:
    from oolong_align.pipeline import AlignRun

__all__ = ["diarize_command", "report_failures", "run_pipeline", "transcribe_command"]


def transcribe_command(host: Host) -> click.Command:
    """Create the command ``oolong transcribe``."""

    @click.pass_obj
    def transcribe(terminal: Terminal, /, **values: Any) -> int:
        return run_pipeline(host, "transcribe", terminal, values)

    return make_command(
        "transcribe",
        transcribe,
        "Transcribe recordings with speaker labels.\n\nFILE is any audio or video file. Without a format option, the "
        "result is written to STEM.json, where STEM is the name of FILE without its suffix.",
        options=host.add_options(),
        own=[files_argument(), output_dir_option(), timing_option()],
        examples=[
            "meeting.mp4 --srt",
            "call.wav --num_speakers 2 --language en --txt -o results",
            "*.mp3 --model large-v3 --speakers voices.db --html",
        ],
    )


def diarize_command(host: Host) -> click.Command:
    """Create the command ``oolong diarize``."""

    @click.pass_obj
    def diarize(terminal: Terminal, /, **values: Any) -> int:
        return run_pipeline(host, "diarize", terminal, values)

    return make_command(
        "diarize",
        diarize,
        "Detect who speaks when, without words.\n\nThe result is written to STEM.rttm, where STEM is the name of FILE "
        "without its suffix, and to any other format that is given.",
        options=host.add_options(),
        own=[files_argument(), output_dir_option(), timing_option()],
        examples=["meeting.mp4", "call.wav --num_speakers 2 -o -"],
    )


def run_pipeline(
    host: Host, command: str, terminal: Terminal, values: dict[str, Any], run: AlignRun | None = None
) -> int:
    """Run the pipeline over ``values["files"]`` and return the exit code: 1 if a file failed."""
    files, output_dir, timing, quiet = (values.pop(name) for name in ("files", "output_dir", "timing", "quiet"))
    for name in ("p", "no_plugins", "debug"):  # read by main before parsing
        values.pop(name)
    terminal.quiet = quiet
    from oolong_align.pipeline import Pipeline

    to_stdout = output_dir == STDOUT
    asked = host.requested_formats(values)
    default = [] if asked and (to_stdout or command != "diarize") else ["rttm" if command == "diarize" else "json"]
    with terminal.progress() as progress:
        config = host.resolve(command, values, formats=default, progress=progress)
        if to_stdout and (len(files) > 1 or len(config.formats) > 1):
            raise UsageError(
                f"Option -o - accepts one recording and one format, not {len(files)} and {len(config.formats)}. "
                "Give a folder instead."
            )

        def on_result(result: Result) -> None:
            for warning in result.warnings:
                terminal.warn(warning, about=str(result.source))
            if result.error is not None:
                terminal.error(result.error, about=str(result.source))
            elif not to_stdout:
                terminal.info(_summary(result))

        results = Pipeline(host, config, run).run_files(
            files,
            None if to_stdout else output_dir,
            on_start=lambda _: terminal.start_file(),
            on_result=on_result,
        )
    if to_stdout:
        for text in (text for result in results for text in result.texts):
            click.echo(text.encode("utf-8", errors="replace"), nl=False)
    if timing:
        for result in results:
            _print_timing(result)
    return report_failures([result.source for result in results if result.error], len(results), terminal)


def report_failures(failed: Sequence[Path], count: int, terminal: Terminal) -> int:
    """List the failed files if there were several inputs, and return the exit code."""
    if failed and count > 1:
        names = ", ".join(str(path) for path in failed)
        terminal.line(f"oolong: error: {len(failed)} of {count} recordings failed: {names}")
    return 1 if failed else 0


def _summary(result: Result) -> str:
    transcript = result.transcript
    if transcript is None:
        return str(result.source)
    found = counted(len(transcript.speakers), "speaker")
    if transcript.words:
        found += f", {counted(len(transcript.words), 'word')}"
    return f"{result.source}: {found} -> {', '.join(str(path) for path in result.outputs)}"


def _print_timing(result: Result) -> None:
    transcript = result.transcript
    if transcript is None:
        return
    diarization = transcript.diarization
    rows: list[tuple[str, float]] = [("decoding", result.seconds["audio"])]
    if diarization is not None and diarization.timing is not None:
        timing = diarization.timing
        rows += [
            ("segmentation", timing.segmentation_ms / 1000),
            ("embedding", timing.embedding_ms / 1000),
            ("clustering", timing.clustering_ms / 1000),
            ("diarization", timing.total_ms / 1000),
        ]
    else:
        rows.append(("diarization", result.seconds["diarize"]))
    if "transcribe" in result.seconds:
        rows.append(("transcription", result.seconds["transcribe"]))
    rows.append(("alignment", result.seconds["align"] + result.seconds["identify"]))
    rows.append(("loading models", result.seconds["models"]))
    rows.append(("total", sum(result.seconds.values())))
    seconds = transcript.duration
    segments = len(diarization.segments) if diarization is not None else 0
    found = f"{counted(len(transcript.speakers), 'speaker')}, {counted(segments, 'segment')}"
    title = f"{result.source.name}: {seconds:.1f} s, {found}"
    table = [(name, f"{spent:.3f}", f"{spent / seconds:.4f}" if seconds else "") for name, spent in rows]
    print_table(("stage", "seconds", "RTF"), table, sys.stderr, title)
