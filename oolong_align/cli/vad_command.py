"""``oolong vad``: speech ranges, computed by the segmentation model only."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from oolong_align.builtin.options import diarizer_options
from oolong_align.cli.commands import STDOUT, files_argument, make_command, output_dir_option, timing_option
from oolong_align.cli.run_commands import report_failures
from oolong_align.cli.terminal import Terminal, counted
from oolong_align.errors import ModelError, UsageError
from oolong_align.plugin.host import Host
from oolong_align.types import Progress, SpeechRange
from oolong_align.util.files import check_sources, prepare_folder, write_files
from oolong_align.util.tables import print_table

if TYPE_CHECKING:
    from oolong_align.diarization.vad import VoiceActivityDetector

__all__ = ["vad_command"]

SUFFIX = ".vad.tsv"


def vad_command(host: Host) -> click.Command:
    """Create the command ``oolong vad``."""

    @click.pass_obj
    def vad(terminal: Terminal, /, **values: Any) -> int:
        return _run(terminal, values)

    return make_command(
        "vad",
        vad,
        "Detect speech.\n\nThe result is written to STEM.vad.tsv, where STEM is the name of FILE without its suffix: "
        "one speech range per line, as start and end in seconds, separated by a tab.",
        options=host.add_options(),
        own=[files_argument(), output_dir_option(), timing_option()],
        examples=["meeting.mp4", "meeting.mp4 --vad_onset 0.6 -o -"],
    )


def _run(terminal: Terminal, values: dict[str, Any]) -> int:
    files, folder = list(values["files"]), values["output_dir"]
    terminal.quiet = values["quiet"]
    options = diarizer_options(values)
    to_stdout = folder == STDOUT
    check_sources(files, () if to_stdout else (SUFFIX,))
    if not to_stdout:
        prepare_folder(folder)
    elif len(files) > 1:
        raise UsageError(f"Option -o - accepts one recording, not {len(files)}. Give a folder instead.")
    from oolong_align.diarization.vad import VoiceActivityDetector

    rows, failed = [], []
    with terminal.progress() as progress:
        detector = VoiceActivityDetector.from_pretrained(
            values["bundle"], model_dir=values["model_dir"], options=options, progress=progress
        )
        for path in files:
            terminal.start_file()
            try:
                ranges, duration, seconds = _detect(detector, path, progress, terminal)
                text = "".join(f"{each.start:.3f}\t{each.end:.3f}\n" for each in ranges)
                if not to_stdout:
                    target = folder / f"{path.stem}{SUFFIX}"
                    write_files({target: text}, inputs=[path])
                    terminal.info(f"{path}: {counted(len(ranges), 'speech range')} -> {target}")
            except ModelError:
                raise
            except Exception as error:  # noqa: BLE001  continue with the other files
                terminal.error(error, about=str(path))
                failed.append(path)
                continue
            speech = sum(each.end - each.start for each in ranges)
            rows.append(
                (
                    path.name,
                    f"{duration:.1f}",
                    f"{seconds:.3f}",
                    f"{seconds / duration:.4f}" if duration else "",
                    len(ranges),
                    f"{100 * speech / duration:.1f}" if duration else "0.0",
                )
            )
    if to_stdout and rows:
        click.echo(text, nl=False)
    if values["timing"] and rows:
        print_table(("file", "duration s", "time s", "RTF", "ranges", "speech %"), rows, sys.stderr)
    return report_failures(failed, len(files), terminal)


def _detect(
    detector: VoiceActivityDetector, path: Path, progress: Progress | None, terminal: Terminal
) -> tuple[list[SpeechRange], float, float]:
    """Return the speech ranges, the duration in seconds, and the detector's running time in seconds."""
    from oolong_align.audio.recording import load_audio

    with load_audio(path, progress=progress) as audio:
        for warning in audio.warnings:
            terminal.warn(warning, about=str(path))
        began = time.perf_counter()
        ranges = detector(audio, progress=progress)
        return ranges, audio.duration, time.perf_counter() - began
