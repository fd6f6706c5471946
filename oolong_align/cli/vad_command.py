"""``oolong vad``: where somebody speaks, with the segmentation model only."""

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
    """``oolong vad``."""

    @click.pass_obj
    def vad(terminal: Terminal, /, **values: Any) -> int:
        return _run(terminal, values)

    return make_command(
        "vad",
        vad,
        "Say where somebody speaks: lines of start, tab, end, in seconds.\n\nWrites FILE's stem with .vad.tsv.",
        options=host.add_options(),
        own=[files_argument(), output_dir_option(), timing_option()],
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
        raise UsageError(f"-o - takes one recording, not {len(files)}; name a folder")
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
                    terminal.info(f"{path}: {counted(len(ranges), 'range')} -> {target}")
            except ModelError:
                raise
            except Exception as error:  # noqa: BLE001  the other files get their turn
                terminal.error(error, about=str(path))
                failed.append(path)
                continue
            voice = sum(each.end - each.start for each in ranges)
            rows.append(
                (
                    path.name,
                    f"{duration:.1f}",
                    f"{seconds:.3f}",
                    f"{seconds / duration:.4f}" if duration else "",
                    len(ranges),
                    f"{100 * voice / duration:.1f}" if duration else "0.0",
                )
            )
    if to_stdout and rows:
        click.echo(text, nl=False)
    if values["timing"] and rows:
        print_table(("file", "duration s", "time s", "RTF", "ranges", "voice %"), rows, sys.stderr)
    return report_failures(failed, len(files), terminal)


def _detect(
    detector: VoiceActivityDetector, path: Path, progress: Progress | None, terminal: Terminal
) -> tuple[list[SpeechRange], float, float]:
    """Ranges, duration and the detector's own seconds."""
    from oolong_align.audio.recording import load_audio

    with load_audio(path, progress=progress) as audio:
        for warning in audio.warnings:
            terminal.warn(warning, about=str(path))
        began = time.perf_counter()
        ranges = detector(audio, progress=progress)
        return ranges, audio.duration, time.perf_counter() - began
