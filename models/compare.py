"""Compare the turns and the speed of the diarizer with those of pyannote.audio, with the same weights.

``python models/compare.py FILE... --reference_python VENV/bin/python --segmentation CHECKPOINT --plda FOLDER -o DIR``

The plugin ``plugins/oolong-align-metrics`` must be installed in this environment, and the extra ``reference`` in the
environment of VENV, where ``reference.py`` runs. The script prints two tables:

- *same weights*: ``method="windows"``, exact embeddings and community-1's PLDA: the same steps as pyannote.audio.
- *default*: the default options, with the PLDA of the default bundle.

All systems stay loaded and take turns on every file. The clock runs from decoded samples to turns; a warm-up call is
not timed. ``Speakers`` shows the counts of pyannote.audio and of this program, and ``DER`` the error rate of our turns
against those of pyannote.audio. If there are human labels (``STEM.rttm`` in the folder of the recording, or
``--truth``), the last columns show the DER of each system against them. DER has no collar and includes overlap.

DIR stores the turns of every system and the seconds of every call. Stored results are not computed again, so you can
extend a comparison file by file. Use a new folder for other models.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from comparison_table import Row, render_table

from oolong_align.errors import InputError, OolongError, UsageError

if TYPE_CHECKING:
    from oolong_align_metrics import Turn

REFERENCE = "reference"
OURS: dict[str, dict[str, Any]] = {"same weights": {"method": "windows", "exact": True}, "default": {}}
SYSTEMS = (REFERENCE, *OURS)
SPEECH = Path(__file__).parents[1] / "examples" / "meeting.flac"
WARM_UP_SAMPLES = 160_000

Run = Callable[[Path], float]


class Measurements:
    """Stored seconds and turns of every system."""

    def __init__(self, folder: Path, threads: int, models: Mapping[str, str]) -> None:
        self._folder = folder
        self._settings = {"threads": threads, "models": dict(models)}

    def turns(self, system: str, path: Path) -> Path:
        """RTTM file of a system for a recording."""
        return self.folder(system) / f"{path.stem}.rttm"

    def folder(self, system: str) -> Path:
        """Folder of a system's turns."""
        return self._folder / system.replace(" ", "_")

    def read(self, path: Path) -> dict[str, list[float]]:
        """Seconds of each stored call of each system.

        Measurements of another file, model or number of threads are ignored.

        Raises
        ------
        InputError
            If the stored measurements are invalid.
        """
        stored = self._file(path)
        seconds: dict[str, list[float]] = {system: [] for system in SYSTEMS}
        if not stored.is_file():
            return seconds
        try:
            kept = json.loads(stored.read_text(encoding="utf-8"))
            if kept["recording"] == self._recording(path):
                for system in SYSTEMS:
                    if self.turns(system, path).is_file():
                        seconds[system] = [float(each) for each in kept["seconds"][system]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{stored}: Invalid measurements ({error!r}). Remove the file") from error
        return seconds

    def write(self, path: Path, seconds: Mapping[str, Sequence[float]]) -> None:
        """Store the seconds of all calls so far."""
        from oolong_align.util.files import write_files

        text = json.dumps({"recording": self._recording(path), "seconds": seconds}, indent=1) + "\n"
        write_files({self._file(path): text}, inputs=[path])

    def _file(self, path: Path) -> Path:
        return self._folder / f"{path.stem}.seconds.json"

    def _recording(self, path: Path) -> dict[str, Any]:
        from oolong_align.weights import file_hash

        return {"sha256": file_hash(path), **self._settings}


class PyannoteProcess:
    """``reference.py`` in the environment of pyannote.audio. It stays loaded until `close`."""

    def __init__(self, python: Path, arguments: Sequence[str | Path], threads: int) -> None:
        command: list[str | Path] = [python, Path(__file__).with_name("reference.py"), "-", *arguments]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        try:
            self._process = subprocess.Popen(
                [*command, "--threads", str(threads)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                env=environment,
            )
        except OSError as error:
            raise UsageError(f"Could not run --reference_python {python}: {error.strerror or error}") from error

    def __call__(self, path: Path) -> float:
        """Diarize a file and return the seconds that it took."""
        assert self._process.stdin and self._process.stdout
        with suppress(BrokenPipeError):
            print(path.resolve(), file=self._process.stdin, flush=True)
        reply = self._process.stdout.readline()
        if not reply:
            code = self._process.wait()
            raise InputError(f"pyannote.audio stopped at {path} with exit code {code}. See its error message above")
        try:
            return float(json.loads(reply)["seconds"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"Unexpected reply from --reference_python: {reply[:80]!r}. Use the Python of pyannote.audio"
            ) from error

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin and self._process.stdout
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def load_ours(name: str, plda: Path, threads: int, measurements: Measurements) -> Run:
    """Load the diarizer, warm it up on some speech, and return a function that runs and times it."""
    from tempfile import TemporaryDirectory

    from precompute_plda import convert, save_plda

    from oolong_align import Diarizer, DiarizerOptions
    from oolong_align.audio.recording import load_audio
    from oolong_align.formats import render_rttm
    from oolong_align.types import Transcript
    from oolong_align.util.files import write_files

    options = DiarizerOptions(intra_threads=threads, **OURS[name])
    with TemporaryDirectory() as scratch:
        model = None
        if OURS[name]:
            model = Path(scratch, "vbx_model.npz")
            try:
                save_plda(model, convert(plda / "xvec_transform.npz", plda / "plda.npz"))
            except (OSError, KeyError, ValueError) as error:
                raise InputError(f"{plda}: Not the PLDA of community-1: {error}") from error
        diarizer = Diarizer.from_pretrained(plda=model, options=options)
    with load_audio(SPEECH) as audio:
        diarizer(audio.read(0, WARM_UP_SAMPLES))

    def run(path: Path) -> float:
        with load_audio(path) as audio:
            began = time.perf_counter()
            result = diarizer(audio)
            seconds = time.perf_counter() - began
        transcript = Transcript("", result.duration, (), diarization=result, source=path.stem)
        write_files({measurements.turns(name, path): render_rttm(transcript)}, inputs=[path])
        return seconds

    return run


def measure(
    files: Sequence[Path], repeats: int, load: Mapping[str, Callable[[], Run]], measurements: Measurements
) -> None:
    """Run the calls that are not stored yet: the systems take turns on every file.

    Parameters
    ----------
    files : sequence of Path
    repeats : int
        Calls of each system on each file.
    load : mapping of str to callable
        Functions that load a system. Each is called when its system is first needed.
    measurements : Measurements
    """
    loaded: dict[str, Run] = {}
    for path in files:
        seconds = measurements.read(path)
        for turn in range(repeats):
            for system in load:
                if len(seconds[system]) > turn:
                    continue
                if system not in loaded:
                    loaded[system] = load[system]()
                print(f"{path.name}, turn {turn + 1} of {repeats}: {system}", file=sys.stderr, flush=True)
                seconds[system].append(round(loaded[system](path), 3))
                measurements.write(path, seconds)


def compare(
    system: str, files: Sequence[Path], truths: Mapping[str, Sequence[Turn]], repeats: int, measurements: Measurements
) -> list[Row]:
    """Compare the measurements of a system with those of pyannote.audio."""
    from oolong_align_metrics import diarization_errors

    from oolong_align.audio.recording import load_audio

    rows = []
    for path in files:
        seconds = measurements.read(path)
        theirs, ours = (read_turns(measurements.turns(each, path)) for each in (REFERENCE, system))
        truth = truths.get(path.stem)
        with load_audio(path) as audio:
            duration = audio.duration
        rows.append(
            Row(
                audio=path.stem,
                duration=duration,
                seconds=list(zip(seconds[REFERENCE][:repeats], seconds[system][:repeats], strict=True)),
                speakers=(count_speakers(theirs), count_speakers(ours)),
                errors=diarization_errors(theirs, ours),
                truth=None if truth is None else (diarization_errors(truth, theirs), diarization_errors(truth, ours)),
            )
        )
    return rows


def read_turns(path: Path) -> Sequence[Turn]:
    """Turns of an RTTM file with at most one recording."""
    from oolong_align_metrics import read_rttm

    recordings = read_rttm(path)
    if len(recordings) > 1:
        raise InputError(f"{path}: Expected one recording, found {len(recordings)}. Use --truth for a file of several")
    return next(iter(recordings.values()), ())


def count_speakers(turns: Sequence[Turn]) -> int:
    """Number of different speakers."""
    return len({turn.speaker for turn in turns})


def find_truths(files: Sequence[Path], given: Path | None) -> dict[str, Sequence[Turn]]:
    """Human labels by stem: from the given file or folder, or else from the RTTM in the folder of each recording."""
    if given is None:
        return {path.stem: read_turns(rttm) for path in files if (rttm := path.with_suffix(".rttm")).is_file()}
    from oolong_align_metrics import read_rttm
    from oolong_align_metrics.recordings import collect

    no_turns: tuple[Turn, ...] = ()
    found = collect(given, ".rttm", read_rttm, no_turns)
    return {path.stem: found[name] for path in files if (name := "_".join(path.stem.split())) in found}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="recordings")
    parser.add_argument(
        "--reference_python", type=Path, required=True, metavar="PYTHON", help="Python that has pyannote.audio"
    )
    parser.add_argument(
        "--segmentation", type=Path, required=True, metavar="CHECKPOINT", help="checkpoint of segmentation-3.0"
    )
    parser.add_argument("--plda", type=Path, required=True, metavar="FOLDER", help="PLDA files of community-1")
    parser.add_argument(
        "-o", "--output_dir", type=Path, required=True, metavar="DIR", help="results, created if needed"
    )
    parser.add_argument(
        "--truth",
        type=Path,
        metavar="RTTM",
        help="human labels, a file or a folder (default: STEM.rttm next to each FILE)",
    )
    parser.add_argument("--repeats", type=int, default=1, metavar="N", help="calls of each system on each file (1)")
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, metavar="N", help="threads of each system (all cores)"
    )
    options = parser.parse_args(arguments)
    # numpy reads these variables once, at its import.
    os.environ.update(OMP_NUM_THREADS=str(options.threads), OPENBLAS_NUM_THREADS=str(options.threads))
    try:
        _run(options)
    except OolongError as error:
        print(f"compare.py: error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def _run(options: argparse.Namespace) -> None:
    for name in ("repeats", "threads"):
        if getattr(options, name) < 1:
            raise UsageError(f"Invalid --{name} {getattr(options, name)}: must be 1 or more")
    try:
        import oolong_align_metrics.recordings  # noqa: F401 -- fail before anything is measured
    except ImportError as error:
        raise UsageError(
            f"Could not import the metrics plugin ({error}). Run pip install ./plugins/oolong-align-metrics"
        ) from error
    from oolong_align import __version__
    from oolong_align.util.files import check_sources, prepare_folder
    from oolong_align.weights import file_hash, find_bundle

    check_sources(options.files, [".rttm"])
    if missing := [path for path in options.files if not path.is_file()]:
        raise InputError(f"File not found: {missing[0]}. Check the path")
    truths = find_truths(options.files, options.truth)
    originals = [options.segmentation, *(options.plda / name for name in ("xvec_transform.npz", "plda.npz"))]
    if missing := [path for path in originals if not path.is_file()]:
        raise InputError(f"File not found: {missing[0]}. Check --segmentation and --plda")
    hashes = {path.name: file_hash(path) for path in originals} | find_bundle().hashes | {"version": __version__}
    measurements = Measurements(options.output_dir, options.threads, hashes)
    for system in SYSTEMS:
        prepare_folder(measurements.folder(system))
    with ExitStack() as stack:

        def load_reference() -> Run:
            paths: list[str | Path] = ["--segmentation", options.segmentation, "--plda", options.plda]
            paths += ["--output_dir", measurements.folder(REFERENCE)]
            process = PyannoteProcess(options.reference_python, paths, options.threads)
            stack.callback(process.close)
            return process

        load: dict[str, Callable[[], Run]] = {REFERENCE: load_reference}
        for name in OURS:
            load[name] = partial(load_ours, name, options.plda, options.threads, measurements)
        measure(options.files, options.repeats, load, measurements)
    for name, settings in OURS.items():
        shown = {**settings, "threads": options.threads, "repeats": options.repeats}
        print(f"{name} ({', '.join(f'{key}={value}' for key, value in shown.items())})\n")
        print(render_table(compare(name, options.files, truths, options.repeats, measurements)))


if __name__ == "__main__":
    main()
