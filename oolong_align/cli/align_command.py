"""``oolong align``: add speakers to a transcript of another speech recogniser."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from oolong_align.builtin.params import LocalFile
from oolong_align.cli.commands import STDOUT, make_command, output_dir_option, timing_option
from oolong_align.cli.run_commands import run_pipeline
from oolong_align.cli.terminal import Terminal, counted
from oolong_align.errors import UsageError
from oolong_align.plugin.host import Host

__all__ = ["align_command"]

_HELP: Final = """Add speakers to the transcript of another speech recogniser.

TRANSCRIPT is JSON from openai-whisper, faster-whisper, WhisperX, whisper.cpp (-ojf), a Hugging Face pipeline or the
OpenAI API, or an SRT or VTT file. The words of a subtitle are distributed over its speech, and its speaker names are
ignored. AUDIO is the recording; it is optional with --turns. Without a format option,
the result is written to STEM.json, where STEM is the name of TRANSCRIPT without its suffix."""
_BOUNDS: Final = ("num_speakers", "min_speakers", "max_speakers")


def align_command(host: Host) -> click.Command:
    """Create the command ``oolong align``."""

    @click.pass_obj
    def align(terminal: Terminal, /, **values: Any) -> int:
        return _run(host, terminal, values)

    path = LocalFile()
    return make_command(
        "align",
        align,
        _HELP,
        options=host.add_options(),
        own=[
            click.Argument(["transcript"], type=path, metavar="TRANSCRIPT"),
            click.Argument(["audio"], type=path, required=False, metavar="[AUDIO]"),
            click.Option(
                ["--turns"],
                type=path,
                metavar="RTTM",
                help="Read the speaker turns from this RTTM file instead of diarizing.",
            ),
            output_dir_option(),
            timing_option(),
        ],
        headings={"turns": "Speakers"},
        examples=["whisper.json meeting.mp4 --srt", "subtitles.srt --turns meeting.rttm --txt"],
    )


def _run(host: Host, terminal: Terminal, values: dict[str, Any]) -> int:
    transcript, audio, rttm = (values.pop(name) for name in ("transcript", "audio", "turns"))
    terminal.quiet = values["quiet"]
    if audio is None and rttm is None:
        raise UsageError(f"{transcript}: No recording given. Add it after the transcript, or give --turns FILE.rttm")
    bounds = [f"--{name}" for name in _BOUNDS if values[name] is not None]
    if rttm is not None and bounds:
        raise UsageError(f"Options {bounds[0]} and --turns {rttm} cannot be combined. Remove one of them.")
    from oolong_align.interop.files import read_transcript
    from oolong_align.interop.subtitles import SUBTITLES
    from oolong_align.interop.turns import read_rttm
    from oolong_align.pipeline import AlignRun

    recognised = read_transcript(transcript)
    if recognised.tool in SUBTITLES and not host.requested_formats(values):
        _check_guessed_target(transcript, values["output_dir"])
    words = sum(len(segment.words) for segment in recognised.segments)
    terminal.info(f"{transcript}: {counted(words, 'word')} from {recognised.tool}")
    stems = [each.stem for each in (audio, transcript) if each is not None]
    turns = None if rttm is None else read_rttm(rttm, stems)
    run = AlignRun(recognised=recognised, audio=audio, turns=turns)
    return run_pipeline(host, "align", terminal, {**values, "files": [transcript]}, run)


def _check_guessed_target(transcript: Path, output_dir: Path) -> None:
    """Refuse to replace a JSON file by default: recognisers write their own next to their subtitles."""
    target = output_dir / f"{transcript.stem}.json"
    if output_dir != STDOUT and target.exists():
        raise UsageError(
            f"{target}: File exists. If the recogniser wrote it, its times are better: give it instead of "
            f"{transcript}. Otherwise choose another --output_dir, or replace it with --json"
        )
