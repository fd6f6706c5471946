"""``oolong align``: speakers for the words that another recogniser wrote."""

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

_HELP: Final = """Say who said the words that another recogniser wrote.

TRANSCRIPT is the JSON of openai-whisper, faster-whisper, WhisperX, whisper.cpp (-ojf), a Hugging Face pipeline or
OpenAI's API, or an SRT or VTT, whose words are spread over the speech in each cue, and whose names of speakers are left
out; AUDIO is the recording, which is not needed with --turns. Without a format, JSON is written: TRANSCRIPT's
stem with .json."""
_BOUNDS: Final = ("num_speakers", "min_speakers", "max_speakers")


def align_command(host: Host) -> click.Command:
    """``oolong align``."""

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
                help="Take who spoke when from this file, instead of diarizing.",
            ),
            output_dir_option(),
            timing_option(),
        ],
    )


def _run(host: Host, terminal: Terminal, values: dict[str, Any]) -> int:
    transcript, audio, rttm = (values.pop(name) for name in ("transcript", "audio", "turns"))
    terminal.quiet = values["quiet"]
    if audio is None and rttm is None:
        raise UsageError(f"{transcript}: give its recording too, or who spoke when with --turns THEIRS.rttm")
    bounds = [f"--{name}" for name in _BOUNDS if values[name] is not None]
    if rttm is not None and bounds:
        raise UsageError(f"{bounds[0]} does not fit --turns: {rttm} tells who speaks; leave one of them out")
    from oolong_align.interop.files import read_transcript
    from oolong_align.interop.subtitles import SUBTITLES
    from oolong_align.interop.turns import read_rttm
    from oolong_align.pipeline import Recognition

    heard = read_transcript(transcript)
    if heard.tool in SUBTITLES and not host.requested_formats(values):
        _check_guessed_target(transcript, values["output_dir"])
    words = sum(len(segment.words) for segment in heard.segments)
    terminal.info(f"{transcript}: {counted(words, 'word')} of {heard.tool}")
    stems = [each.stem for each in (audio, transcript) if each is not None]
    turns = None if rttm is None else read_rttm(rttm, stems)
    recognition = Recognition(heard=heard, audio=audio, turns=turns)
    return run_pipeline(host, "align", terminal, {**values, "files": [transcript]}, recognition)


def _check_guessed_target(transcript: Path, output_dir: Path) -> None:
    """Refuse to replace a JSON that nobody named: recognisers write theirs beside their subtitles."""
    target = output_dir / f"{transcript.stem}.json"
    if output_dir != STDOUT and target.exists():
        raise UsageError(
            f"{target} is there already; if the recogniser wrote it, it has better times: give it in the place of "
            f"{transcript}, or write elsewhere with --output_dir, or replace it with --json"
        )
