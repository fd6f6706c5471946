"""Measure long recordings: ``python tests/benchmarks/length.py FILE... [--hours 0.083 1 4]``.

Prints time, memory and disk space. The recordings are repeated end to end up to each length. The default diarizer
runs on the result in a fresh process with a separate folder for temporary files.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from measuring import ACCURACY_COLUMNS, Outcome, Worker, accuracy, join, megabytes, print_table

STAGES = ("segmentation", "embedding", "clustering")
COLUMNS = (
    "length", "s", "RTF", "decoding", *STAGES, "peak MB", "disk MB", "disk MB per hour", *ACCURACY_COLUMNS
)  # fmt: skip
FULL_HOURS = 24.0
_DISK_POLL_S = 0.2


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one table, and the ratio of times for each pair of consecutive lengths."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="recordings, optionally with an RTTM file of the same name as ground truth",
    )
    parser.add_argument(
        "--hours", type=float, nargs="+", default=[0.083, 1.0, 4.0], help="lengths in hours (default: 0.083 1 4)"
    )
    parser.add_argument("--full", action="store_true", help="add a recording of 24 hours")
    parser.add_argument("--threads", type=int, default=2, help="number of threads per network (default: 2)")
    options = parser.parse_args(arguments)
    lengths = sorted({*options.hours, *([FULL_HOURS] if options.full else [])})

    rows, times = [], []
    for hours in lengths:
        print(f"{hours:g} h", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as scratch:
            recording = Path(scratch) / "joined.wav"
            join(options.files, 3600 * hours, recording)
            outcome, disk = _measure(recording, options.threads)
            times.append(outcome.decoding + outcome.seconds)
            rows.append(_row(hours, outcome, disk, accuracy([(recording, outcome)])))
    print_table(COLUMNS, rows)
    for (short, quick), (long, slow) in pairwise(zip(lengths, times, strict=True)):
        print(f"time({long:g} h) / time({short:g} h) = {slow / quick:.2f}, length / length = {long / short:.2f}")


def _measure(recording: Path, threads: int) -> tuple[Outcome, int]:
    """Run a fresh process; return its outcome and the peak size of its temporary files in bytes."""
    with tempfile.TemporaryDirectory() as tmpdir:
        folder = Path(tmpdir)
        with Worker("ours", threads=threads, folder=folder, tmpdir=folder) as worker:
            watch = _DiskWatch(worker.pid, folder)
            watch.start()
            outcome = worker(recording)
            watch.stop()
    return outcome, watch.peak


def _row(hours: float, outcome: Outcome, disk: int, errors: list[str]) -> list[str]:
    total = outcome.decoding + outcome.seconds
    parts = (outcome.decoding, *(outcome.parts[stage] for stage in STAGES))
    return [
        f"{hours:g} h",
        f"{total:.1f}",
        f"{total / outcome.duration:.4f}",
        *(f"{part / total:.1%}" for part in parts),
        megabytes(outcome.peak_rss),
        megabytes(disk),
        megabytes(disk * 3600 / outcome.duration),
        *errors,
    ]


class _DiskWatch(threading.Thread):
    """Record the peak disk space of a folder, including deleted files that a process holds open (Linux)."""

    def __init__(self, pid: int, folder: Path) -> None:
        super().__init__(daemon=True)
        self._descriptors = Path(f"/proc/{pid}/fd")
        self._folder = folder.resolve()
        self._done = threading.Event()
        self.peak = 0

    def run(self) -> None:
        while not self._done.wait(_DISK_POLL_S):
            self.peak = max(self.peak, self._used())

    def stop(self) -> None:
        self._done.set()
        self.join()

    def _used(self) -> int:
        sizes: dict[tuple[int, int], int] = {}
        for path in (*self._folder.rglob("*"), *self._opened()):
            try:
                status = path.stat()
            except OSError:  # closed or deleted after it was listed
                continue
            sizes[status.st_dev, status.st_ino] = 512 * status.st_blocks
        return sum(sizes.values())

    def _opened(self) -> list[Path]:
        """Return the open descriptors for files in the folder. The link keeps the path of a deleted file."""
        found = []
        for descriptor in self._descriptors.iterdir():
            try:
                target = os.readlink(descriptor)  # noqa: PTH115 -- the target may not exist
            except OSError:
                continue
            if target.startswith(f"{self._folder}/"):
                found.append(descriptor)
        return found


if __name__ == "__main__":
    main()
