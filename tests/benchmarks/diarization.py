"""Compare diarization times with the bare cost of the networks: ``python tests/benchmarks/diarization.py FILE...``.

Each system runs in a separate process that keeps its models loaded. The systems take turns (ABCABC...), never two at
once, so a slow minute of the machine affects all of them. A ratio compares calls of the same run.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from measuring import ACCURACY_COLUMNS, Outcome, Worker, accuracy, join, megabytes, print_table
from systems import SYSTEMS, has_sherpa, write_graphs

TITLES = {
    "bare": "bare cost",
    "ours": "ours",
    "unrefined": "ours, method=windows",
    "int8": "ours, precision=int8",
    "exact": "ours, exact=True, method=windows",
    "vad": "ours, voice activity only",
    "sherpa": "sherpa-onnx",
}
# The stage of the bare cost with which a stage or a whole system is compared.
STAGES = {"segmentation": "segmentation", "embedding": "embedding", "vad": "segmentation"}
COLUMNS = (
    "system",
    "s",
    "/ bare",
    "/ bare stage",
    "CPU / bare",
    "RTF",
    "cold s",
    "/ bare cold",
    "peak MB",
    *ACCURACY_COLUMNS,
)

Runs = list[list[Outcome]]  # (runs, files)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure all systems and print one table."""
    options = _parse(arguments)
    names = [name for name in SYSTEMS if name not in options.skip and (name != "sherpa" or has_sherpa())]
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        folder = Path(scratch)
        write_graphs(folder)
        files = list(options.files)
        if options.hours:
            files = [folder / "joined.wav"]
            join(options.files, 3600 * options.hours, files[0])
        workers: dict[str, Worker] = {}
        cold: dict[str, float] = {}
        for name in names:
            _log(f"{TITLES[name]}: first call")
            began = time.perf_counter()
            workers[name] = stack.enter_context(Worker(name, threads=options.threads, folder=folder))
            workers[name](options.files[0])
            cold[name] = time.perf_counter() - began
        runs: dict[str, Runs] = {name: [] for name in names}
        for run in range(options.runs):
            for name in names:
                runs[name].append([])
            for file in files:
                for name in names:
                    _log(f"run {run + 1} of {options.runs}, {file.name}: {TITLES[name]}")
                    runs[name][run].append(workers[name](file))
        _report(runs, cold, files)
    if "sherpa" not in names and "sherpa" not in options.skip:
        print("sherpa-onnx is not installed. Install it: pip install -e '.[dev,bench]'")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="recordings, optionally with an RTTM file of the same name as ground truth",
    )
    parser.add_argument("--hours", type=float, help="join the files to one recording of this length in hours")
    parser.add_argument("--runs", type=int, default=3, help="number of runs after the first call (default: 3)")
    parser.add_argument("--threads", type=int, default=2, help="number of threads (default: 2)")
    parser.add_argument("--skip", default="", help=f"comma-separated systems to skip: {', '.join([*SYSTEMS][1:])}")
    options = parser.parse_args(arguments)
    options.skip = set(filter(None, options.skip.split(",")))
    if unknown := options.skip - {*SYSTEMS} | options.skip & {"bare"}:
        parser.error(f"Cannot skip {', '.join(sorted(unknown))}. Choose from {', '.join([*SYSTEMS][1:])}")
    if options.runs < 1:
        parser.error(f"Invalid --runs {options.runs}. Use 1 or more")
    return options


def _report(runs: dict[str, Runs], cold: dict[str, float], files: Sequence[Path]) -> None:
    bare, rows = runs["bare"], []
    for name, turns in runs.items():
        stage = _ratio(turns, None, bare, STAGES[name]) if name in STAGES else ""
        found = turns[-1]
        rows.append(
            [
                TITLES[name],
                *_cost(turns, None, bare),
                stage,
                _spread([_cpu(ours) / _cpu(base) for ours, base in zip(turns, bare, strict=True)]),
                _real_time_factor(turns, None),
                f"{cold[name]:.1f}",
                f"{cold[name] / cold['bare']:.2f}",
                megabytes(max(outcome.peak_rss for run in turns for outcome in run)),
                *(accuracy(list(zip(files, found, strict=True))) if found[0].turns is not None else [""] * 5),
            ]
        )
        for part in found[0].parts:
            stage = _ratio(turns, part, bare, STAGES[part]) if part in STAGES else ""
            rows.append([f"  {part}", *_cost(turns, part, bare), stage, "", _real_time_factor(turns, part), *[""] * 8])
    print_table(COLUMNS, rows)
    for name, turns in runs.items():
        if any([outcome.turns for outcome in run] != [outcome.turns for outcome in turns[0]] for run in turns):
            print(f"{TITLES[name]}: the turns differ between runs")


def _cost(turns: Runs, part: str | None, bare: Runs) -> list[str]:
    return [f"{statistics.median(_seconds(run, part) for run in turns):.2f}", _ratio(turns, part, bare, None)]


def _real_time_factor(turns: Runs, part: str | None) -> str:
    duration = sum(outcome.duration for outcome in turns[0])
    return f"{statistics.median(_seconds(run, part) for run in turns) / duration:.4f}"


def _ratio(turns: Runs, part: str | None, bare: Runs, bare_part: str | None) -> str:
    """Ratio of a stage to a stage of the bare cost of the same run; ``None`` means the whole call."""
    return _spread([_seconds(ours, part) / _seconds(base, bare_part) for ours, base in zip(turns, bare, strict=True)])


def _spread(ratios: Sequence[float]) -> str:
    """Format the median and, for several ratios, the range."""
    spread = f" ({min(ratios):.2f}-{max(ratios):.2f})" if len(ratios) > 1 else ""
    return f"{statistics.median(ratios):.2f}{spread}"


def _seconds(run: Sequence[Outcome], part: str | None) -> float:
    return sum(outcome.seconds if part is None else outcome.parts[part] for outcome in run)


def _cpu(run: Sequence[Outcome]) -> float:
    return sum(outcome.cpu for outcome in run)


def _log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
