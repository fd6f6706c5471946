"""Diarize with pyannote.audio and the weights of the program, for comparison with the program.

``python models/reference.py FILE... --segmentation CHECKPOINT --plda FOLDER -o DIR``

This needs the extra ``reference`` (pyannote.audio 4 and torch), preferably in a separate environment, and no network:

- CHECKPOINT is pyannote's segmentation-3.0 (``pytorch_model.bin``). Only tensors and the description of the classes
  are read; files with other objects are rejected and their code never runs.
- The weights of the embedding come from the ONNX graph of the default bundle, or from ``--embedding``.
- FOLDER contains ``plda.npz`` and ``xvec_transform.npz`` of community-1.

Before the first recording, the script compares both networks with the ONNX graphs on 10 s of ``examples/meeting.flac``
and prints the differences on stderr. The pipeline uses the parameters of pyannote's community-1. For each file,
``DIR/STEM.rttm`` contains turns that can overlap, ``DIR/STEM.exclusive.rttm`` turns with one speaker at a time, and
``DIR/STEM.npz`` the arrays: ``segmentation (windows, frames, 3)`` and ``speaker_count (frames, 1)``, and if the
recording has speech ``embeddings (windows, 3, 256)``, ``hard_clusters (windows, 3)`` (-2: silent),
``discrete_diarization (frames, speakers)`` and ``speaker_embeddings (speakers, 256)``. A line of JSON on stdout reports
the run time of the pipeline in seconds, without loading and decoding. If FILE is ``-``, the script reads one path per
line from standard input.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from reference_networks import check_network, embed_as_graph, import_pyannote, load_embedding, load_segmentation

from oolong_align.audio.recording import load_audio
from oolong_align.errors import InputError, ModelError, OolongError, OutputError, UsageError
from oolong_align.util.files import check_sources, check_targets, prepare_folder, write_files
from oolong_align.weights import find_bundle

RATE = 16_000
SPEECH = Path(__file__).parents[1] / "examples" / "meeting.flac"
CHECKED_SAMPLES = 10 * RATE
SEGMENTATION_TOLERANCE = 1e-3
EMBEDDING_TOLERANCE = 1e-5
# Parameters of pyannote/speaker-diarization-community-1.
BATCH_SIZE = 32
PARAMETERS = {"segmentation": {"min_duration_off": 0.0}, "clustering": {"threshold": 0.6, "Fa": 0.07, "Fb": 0.8}}
PLDA_FILES = ("xvec_transform.npz", "plda.npz")


def render_turns(annotation: Any, name: str) -> str:
    """Format a pyannote annotation as RTTM lines, with times to the microsecond."""
    file_id = "_".join(name.split())
    return "".join(
        f"SPEAKER {file_id} 1 {turn.start:.6f} {turn.duration:.6f} <NA> <NA> {speaker} <NA> <NA>\n"
        for turn, _, speaker in annotation.itertracks(yield_label=True)
    )


def save_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write arrays atomically and without pickle; equal arrays produce equal bytes.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            np.savez_compressed(file, **dict(sorted(arrays.items())))  # type: ignore[arg-type]
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


class Reference:
    """Pipeline of pyannote.audio with the parameters of community-1, checked and warmed up.

    Parameters
    ----------
    segmentation : Path
        Checkpoint of segmentation-3.0.
    plda : Path
        Folder with both PLDA files.
    embedding : Path or None
        ONNX graph. If None, that of the default bundle.

    Raises
    ------
    OolongError
        If a file is invalid, or the weights differ from those of the program.
    """

    def __init__(self, segmentation: Path, plda: Path, embedding: Path | None) -> None:
        import torch
        from pyannote.audio.core.plda import PLDA
        from pyannote.audio.pipelines import SpeakerDiarization

        class Recorded(SpeakerDiarization):  # type: ignore[misc]
            """The pipeline of pyannote.audio that also keeps the clusters, which no hook receives."""

            clusters: npt.NDArray[np.int64] | None = None

            def reconstruct(self, segmentations: Any, hard_clusters: Any, count: Any) -> Any:
                self.clusters = np.array(hard_clusters)
                return super().reconstruct(segmentations, hard_clusters, count)

        try:
            for name in PLDA_FILES:
                with np.load(plda / name, allow_pickle=False) as arrays:
                    if not all(np.isfinite(arrays[each]).all() for each in arrays):
                        raise ValueError(f"{name} contains values that are not finite")
            model = PLDA(*(plda / name for name in PLDA_FILES))
        except (OSError, KeyError, ValueError) as error:
            raise ModelError(
                f"{plda} does not contain a PLDA of community-1 ({error}). It needs {' and '.join(PLDA_FILES)}"
            ) from error
        bundle = find_bundle(parts=("segmentation", "embedding")).files
        graph = embedding or bundle["embedding"]
        self._inputs = [segmentation, graph, *(plda / name for name in PLDA_FILES)]
        networks = load_segmentation(segmentation), load_embedding(graph)
        with load_audio(SPEECH) as audio:
            clip = torch.from_numpy(np.array(audio.read(0, CHECKED_SAMPLES)))[None, None]
        with torch.inference_mode():
            classes = networks[0](clip).numpy()
            check_network("segmentation", bundle["segmentation"], clip.numpy(), classes, SEGMENTATION_TOLERANCE)
            features, voice = networks[1].compute_fbank(clip).numpy(), embed_as_graph(networks[1], clip)
            check_network("embedding", graph, features, voice, EMBEDDING_TOLERANCE)
        self._pipeline = Recorded(
            segmentation=networks[0],
            embedding=networks[1],
            plda=model,
            clustering="VBxClustering",
            embedding_exclude_overlap=True,
            segmentation_batch_size=BATCH_SIZE,
            embedding_batch_size=BATCH_SIZE,
        ).instantiate(PARAMETERS)
        self._run(clip[0], "warm-up")

    def diarize(self, path: Path, folder: Path) -> dict[str, Any]:
        """Diarize a recording, write the results to a folder, and return the values to report by name."""
        suffixes = (".npz", ".rttm", ".exclusive.rttm")
        arrays_path, turns_path, exclusive_path = targets = [folder / f"{path.stem}{suffix}" for suffix in suffixes]
        check_targets(targets, [path, *self._inputs])
        import torch

        with load_audio(path) as audio:
            samples, duration = audio.read(0, audio.num_samples), audio.duration
        if not len(samples):
            raise InputError(f"{path} has no samples, which pyannote.audio does not accept. Leave it out")
        began = time.perf_counter()
        output, arrays = self._run(torch.from_numpy(np.array(samples))[None], path.stem)
        seconds = time.perf_counter() - began
        arrays["speaker_embeddings"] = output.speaker_embeddings
        save_arrays(arrays_path, arrays)
        found = {turns_path: output.speaker_diarization, exclusive_path: output.exclusive_speaker_diarization}
        write_files({target: render_turns(turns, path.stem) for target, turns in found.items()})
        speakers = len(output.speaker_diarization.labels())
        return {"file": str(path), "seconds": round(seconds, 3), "duration": duration, "speakers": speakers}

    def _run(self, waveform: Any, name: str) -> tuple[Any, dict[str, npt.NDArray[Any]]]:
        steps: dict[str, npt.NDArray[Any]] = {}

        def keep(step: str, artefact: Any, total: int | None = None, **_: Any) -> None:
            if total is None:  # only progress calls have a total
                steps[step] = np.array(artefact if isinstance(artefact, np.ndarray) else artefact.data)

        self._pipeline.clusters = None
        output = self._pipeline({"waveform": waveform, "sample_rate": RATE, "uri": name}, hook=keep)
        steps["speaker_count"] = steps.pop("speaker_counting")
        if self._pipeline.clusters is not None:
            steps["hard_clusters"] = self._pipeline.clusters
        return output, steps


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "files", type=Path, nargs="+", metavar="FILE", help="recordings, or - for paths on standard input"
    )
    parser.add_argument("--segmentation", type=Path, required=True, metavar="CHECKPOINT")
    parser.add_argument("--plda", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--embedding", type=Path, metavar="GRAPH.onnx", help="embedding graph (default bundle)")
    parser.add_argument(
        "-o", "--output_dir", type=Path, default=Path(), metavar="DIR", help="output folder, created if needed (.)"
    )
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, metavar="N", help="number of torch threads (all cores)"
    )
    options = parser.parse_args(arguments)
    try:
        _run(options)
    except OolongError as error:
        print(f"reference.py: error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def _run(options: argparse.Namespace) -> None:
    if options.threads < 1:
        raise UsageError(f"Invalid --threads {options.threads}. Use 1 or more")
    from_stdin = options.files == [Path("-")]
    paths: Iterable[Path] = (Path(line.rstrip("\n")) for line in sys.stdin) if from_stdin else options.files
    if not from_stdin:
        check_sources(options.files, [".rttm"])
    prepare_folder(options.output_dir)
    replies = sys.stdout
    with redirect_stdout(sys.stderr):  # keep the output of libraries out of the replies
        import_pyannote()
        import torch

        torch.set_num_threads(options.threads)
        reference = Reference(options.segmentation, options.plda, options.embedding)
        for path in paths:
            print(json.dumps(reference.diarize(path, options.output_dir)), file=replies, flush=True)


if __name__ == "__main__":
    main()
