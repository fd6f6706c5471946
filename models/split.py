"""Split an embedding graph at its pooling into a backbone and a head, and check the pair.

``python models/split.py model.onnx OUT_FOLDER [--audio RECORDING ...]``

Writes ``backbone.onnx`` (features ``[B, T, F]`` to frames) and ``head.onnx`` (mean and standard deviation ``[B, 2C]``
to an embedding), as `oolong_align.networks.embedding_graph` splits them. For each recording, in blocks of 10 s, the
script prints the largest difference between the embedding of the whole graph and that of the pair with the program's
pooling of all frames in between. A pair with different embeddings is not written.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from command_line import check_outputs, run

from oolong_align.audio.recording import load_audio
from oolong_align.diarization.fbank import FbankWindow, compute_fbank, find_fbank_window
from oolong_align.diarization.pooling import pool_statistics
from oolong_align.errors import InputError, ModelError, OutputError
from oolong_align.networks.embedding_graph import extract_backbone, extract_head
from oolong_align.networks.session import open_session
from oolong_align.timing.grid import SAMPLE_RATE
from oolong_align.util.files import atomic_path

Array: TypeAlias = npt.NDArray[Any]

BLOCK_SAMPLES = 10 * SAMPLE_RATE
SHORTEST_SAMPLES = SAMPLE_RATE
TOLERANCE = 1e-4
"""Largest allowed distance between embeddings, relative to their norm."""
MEETING = Path(__file__).resolve().parents[1] / "examples" / "meeting.flac"


def read_blocks(recording: Path, window: FbankWindow) -> Iterator[Array]:
    """Yield mean-free features ``(1, T, F)`` of blocks of 10 s; the last block has at least 1 s."""
    with load_audio(recording) as audio:
        for start in range(0, max(audio.num_samples - SHORTEST_SAMPLES, 0) + 1, BLOCK_SAMPLES):
            samples = audio.read(start, min(start + BLOCK_SAMPLES, audio.num_samples))
            if len(samples) < SHORTEST_SAMPLES:
                raise InputError(f"{recording}: shorter than 1 s. Use a longer recording")
            features = compute_fbank(samples, window)
            yield (features - features.mean(axis=0))[None]


def compare(joint: Path, backbone: Path, head: Path, recording: Path) -> tuple[int, float, float]:
    """Return the number of blocks, the largest difference of a value, and the largest distance relative to the norm."""
    sessions = [open_session(path, inputs={}, outputs={}) for path in (joint, backbone, head)]
    names = [session.get_inputs()[0].name for session in sessions]
    differences, distances = [], []
    window = find_fbank_window(joint, sessions[0].get_modelmeta().custom_metadata_map)
    for features in read_blocks(recording, window):
        expected = sessions[0].run(None, {names[0]: features})[0]
        maps = sessions[1].run(None, {names[1]: features})[0]
        frames = np.ascontiguousarray(maps.reshape(-1, maps.shape[-1]).T)
        statistics = pool_statistics(frames, np.ones((1, len(frames)), dtype=np.bool_))
        found = sessions[2].run(None, {names[2]: statistics})[0]
        differences.append(float(np.abs(found - expected).max()))
        distances.append(float(np.linalg.norm(found - expected) / np.linalg.norm(expected)))
    return len(differences), max(differences), max(distances)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="embedding graph (ONNX)")
    parser.add_argument("out", type=Path, metavar="OUT_FOLDER")
    parser.add_argument(
        "--audio", type=Path, nargs="+", default=[MEETING], help="recordings to check on (examples/meeting.flac)"
    )
    arguments = parser.parse_args()
    inputs = [arguments.model, *arguments.audio]
    if arguments.out.is_dir():
        check_outputs([arguments.out / f"{name}.onnx" for name in ("backbone", "head")], inputs)
    with TemporaryDirectory() as scratch:
        parts = {name: Path(scratch, f"{name}.onnx") for name in ("backbone", "head")}
        extract_backbone(arguments.model, parts["backbone"])
        extract_head(arguments.model, parts["head"])
        for recording in arguments.audio:
            blocks, difference, distance = compare(arguments.model, parts["backbone"], parts["head"], recording)
            print(f"{recording.name}: {blocks} blocks, largest difference {difference:.2g}, distance {distance:.2g}")
            if not distance <= TOLERANCE:
                raise ModelError(
                    f"{arguments.model}: the embeddings of backbone and head differ from those of the whole graph "
                    f"(relative distance {distance:.2g}, at most {TOLERANCE:g} allowed). Nothing was written"
                )
        try:
            arguments.out.mkdir(parents=True, exist_ok=True)
            for path in parts.values():
                with atomic_path(arguments.out / path.name) as target:
                    target.write_bytes(path.read_bytes())
                print(f"{arguments.out / path.name}: {path.stat().st_size:,} bytes")
        except OSError as error:
            raise OutputError(f"{arguments.out} cannot be written: {error.strerror or error}") from None


if __name__ == "__main__":
    run(main)
