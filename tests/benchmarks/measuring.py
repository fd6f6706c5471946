"""Shared code of the benchmarks: worker processes, joined recordings, accuracy and tables."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import wave
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from oolong_align.audio.recording import load_audio
from oolong_align.types import DiarizeSegment

sys.path.append(str(Path(__file__).parents[1]))
from scoring import Errors, count_speakers, read_rttm, score  # shared with the tests

RATE = 16_000
_BLOCK = 60 * RATE
_WAV_SECONDS = (2**32 - 1024) // (2 * RATE)


@dataclass(frozen=True)
class Outcome:
    """Result of one call: `systems.Measured`, decoding time and audio length in seconds, peak memory in bytes."""

    seconds: float
    cpu: float
    parts: dict[str, float]
    turns: list[list[float]] | None
    decoding: float
    duration: float
    peak_rss: int

    @property
    def speakers(self) -> int:
        return len({speaker for _, _, speaker in self.turns or ()})


class Worker:
    """A system in a separate process that keeps its models loaded until `close`."""

    def __init__(self, name: str, *, threads: int, folder: Path, tmpdir: Path | None = None) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
        if tmpdir is not None:
            environment["TMPDIR"] = str(tmpdir)
        command: list[str | Path] = [sys.executable, Path(__file__).with_name("systems.py"), name, str(threads), folder]
        self._name = name
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.pid = self._process.pid

    def __call__(self, recording: Path) -> Outcome:
        assert self._process.stdin and self._process.stdout
        with suppress(BrokenPipeError):
            print(recording, file=self._process.stdin, flush=True)
        reply = self._process.stdout.readline()
        if not reply:
            sys.exit(f"{self._name} failed on {recording} with exit code {self._process.wait()}. See the message above")
        return Outcome(**json.loads(reply))

    def close(self) -> None:
        assert self._process.stdin and self._process.stdout
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def reference(recording: Path) -> Path | None:
    """Return the RTTM file of a recording, or ``None``."""
    path = recording.with_suffix(".rttm")
    return path if path.is_file() else None


def join(files: Sequence[Path], seconds: float, target: Path) -> None:
    """Repeat files end to end in a WAV file of the given length, with an RTTM file if every file has one.

    A speaker's name refers to the same person in all files. Memory use is one minute of audio, for any length.
    """
    if seconds > _WAV_SECONDS:
        sys.exit(f"{seconds / 3600:g} hours do not fit into a WAV file. Use {_WAV_SECONDS / 3600:.0f} hours or less")
    references = {file: reference(file) for file in files}
    turns: list[tuple[float, float, str]] = []
    total, written = round(seconds * RATE), 0
    with wave.open(str(target), "wb") as wav:
        wav.setparams((1, 2, RATE, 0, "NONE", ""))
        for file in itertools.cycle(files):
            if written == total:
                break
            offset = written / RATE
            turns += [(offset + a, offset + b, name) for a, b, name in read_rttm(references[file] or Path(os.devnull))]
            with load_audio(file) as audio:
                for block in audio.blocks(_BLOCK):
                    pcm = np.clip(np.rint(block[: total - written] * 32768), -32768, 32767).astype("<i2")
                    wav.writeframes(pcm.tobytes())
                    written += len(pcm)
    if all(references.values()):
        rows = [
            f"SPEAKER {target.stem} 1 {start:.3f} {min(end, seconds) - start:.3f} <NA> <NA> {name} <NA> <NA>\n"
            for start, end, name in turns
            if start < seconds
        ]
        target.with_suffix(".rttm").write_text("".join(rows))


def accuracy(results: Sequence[tuple[Path, Outcome]]) -> list[str]:
    """Format the error rate and its three parts in percent over all files, and the speakers found/true of each."""
    speakers = ", ".join(
        f"{outcome.speakers}/{count_speakers(truth) if (truth := reference(file)) else '?'}"
        for file, outcome in results
    )
    scored = [
        score(truth, [DiarizeSegment(start, end, int(speaker)) for start, end, speaker in outcome.turns or ()])
        for file, outcome in results
        if (truth := reference(file))
    ]
    if len(scored) < len(results):
        return ["-", "-", "-", "-", speakers]
    errors = Errors.sum(scored)
    parts = (errors.rate * errors.total, errors.false_alarm, errors.missed, errors.confusion)
    return [*(f"{100 * part / errors.total:.2f}" for part in parts), speakers]


ACCURACY_COLUMNS = ("DER %", "false alarm %", "missed %", "confusion %", "speakers found/true")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table."""
    table = Table(box=box.MARKDOWN)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    Console(width=300).print(table)


def megabytes(size: float) -> str:
    return f"{size / 1e6:.0f}"
