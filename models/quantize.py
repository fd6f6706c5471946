"""Make 8-bit versions of an embedding graph by several calibrations, and print what each of them costs.

``python models/quantize.py model.onnx utterances/ --out oolong_align/data/ranges_NAME.json``
``python models/quantize.py model.onnx utterances/ --conversations recordings/ --graphs int8/``

The folder of audio is one that `train_plda.py` reads. Utterances are joined to blocks of 10 s; every second block gets
artificial reverberation and noise. On most of them the values of each tensor are counted, and their range is taken by
each of `calibration.METHODS`. The others, which were not measured, tell the cosine between the embeddings of the 8-bit
graph and those of the original and, taking turns, how many times faster it is on one thread. With ``--conversations``
(``NAME.rttm`` next to each recording) the diarizer runs with each graph.

``--out`` writes the ranges from which the program derives its 8-bit backbone, by ``--method``; ``--graphs`` keeps the
graphs, which have the original's input and output. Same input and seed, same files.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from calibration import METHODS, Histograms
from command_line import check_outputs, run
from conversations import Conversation, Score, find_conversations, score_diarizer
from plda.corpora import list_utterances
from scipy.signal import fftconvolve, lfilter

from oolong_align.audio.recording import load_audio
from oolong_align.diarization.diarizer import Diarizer
from oolong_align.diarization.fbank import FbankWindow, compute_fbank, find_fbank_window
from oolong_align.errors import InputError, ModelError, OutputError, UsageError
from oolong_align.networks.embedding_graph import extract_backbone
from oolong_align.networks.quantization import activation_names, quantize_backbone, weights_digest
from oolong_align.networks.session import extract_part, load_graph, open_session
from oolong_align.timing.grid import SAMPLE_RATE
from oolong_align.util.files import atomic_path
from oolong_align.weights import find_files

Array: TypeAlias = npt.NDArray[Any]
Ranges: TypeAlias = "list[tuple[float, float]]"

BLOCK_SAMPLES = 10 * SAMPLE_RATE
HELD_OUT = 40
NOISE_POLES = (0.0, -0.8, -0.95)  # from white to about brown
ORIGINAL = "float32"


def degrade(samples: Array, rng: np.random.Generator) -> Array:
    """Add exponentially decaying reverberation (0.15 to 0.7 s) and noise (5 to 25 dB), at the same loudness."""
    length = int(rng.uniform(0.15, 0.7) * SAMPLE_RATE)
    tail = rng.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
    tail[0] = 0
    tail *= 10 ** (-rng.uniform(0, 10) / 20) / np.linalg.norm(tail)
    tail[0] = 1
    wet = fftconvolve(samples, tail)[: len(samples)]
    noise = lfilter([1], [1, rng.choice(NOISE_POLES)], rng.standard_normal(len(samples)))
    wet += noise * 10 ** (-rng.uniform(5, 25) / 20) * np.linalg.norm(wet) / np.linalg.norm(noise)
    scaled: Array = wet * np.linalg.norm(samples) / np.linalg.norm(wet)
    return scaled


def read_blocks(folder: Path, window: FbankWindow, count: int, rng: np.random.Generator) -> Iterator[Array]:
    """Mean-free features ``(1, T, 80)`` of blocks of utterances in random order.

    Raises
    ------
    InputError
        If the folder cannot be read or holds too little audio.
    """
    utterances = list_utterances(folder)
    pending: list[Array] = []
    made = 0
    for index in rng.permutation(len(utterances)):
        with load_audio(utterances[index][0]) as audio:
            pending.append(audio.read(0, audio.num_samples))
        if sum(map(len, pending)) < BLOCK_SAMPLES:
            continue
        samples, pending = np.concatenate(pending)[:BLOCK_SAMPLES], []
        if made % 2:
            samples = degrade(samples, rng)
        features = compute_fbank(np.ascontiguousarray(samples, dtype=np.float32), window)
        yield (features - features.mean(axis=0))[None]
        made += 1
        if made == count:
            return
    raise InputError(f"{folder}: audio for {made} blocks of 10 s only, {count} are needed; lower --blocks")


def measure(backbone: Path, blocks: Sequence[Array], methods: Sequence[str]) -> dict[str, Ranges]:
    """Range of each tensor of `activation_names`, in their order, to four digits, by each method."""
    model = onnx.load(str(backbone))
    names = activation_names(model)
    given = {value.name for value in [*model.graph.output, *model.graph.input]}
    for name in names:
        if name not in given:
            model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    histograms = Histograms(len(names))
    for take in (histograms.widen, histograms.count):
        for features in blocks:
            take(session.run(names, {session.get_inputs()[0].name: features}))
    found = {}
    for method in methods:
        bounds = (histograms.bounds(row, method) for row in range(len(names)))
        found[method] = [(float(f"{low:.4g}"), float(f"{high:.4g}")) for low, high in bounds]
    return found


def write_ranges(target: Path, backbone: Path, ranges: Ranges) -> None:
    """Write the file that `oolong_align.networks.quantization` reads.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    stored = {"weights": weights_digest(onnx.load(str(backbone))), "ranges": ranges}
    try:
        with atomic_path(target) as path:
            path.write_text(json.dumps(stored) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{target} cannot be written: {error.strerror or error}") from None


def write_graph(target: Path, original: Path, backbone: Path, ranges: Ranges) -> None:
    """Write the embedding graph with an 8-bit backbone before the original's pooling and head.

    Raises
    ------
    ModelError
        If the 8-bit backbone cannot be joined to the original.
    """
    with TemporaryDirectory() as scratch:
        stored, quantized = Path(scratch, "ranges.json"), Path(scratch, "int8.onnx")
        write_ranges(stored, backbone, ranges)
        quantize_backbone(backbone, quantized, ranges=stored)
        joined = load_graph(quantized)
    model = load_graph(original)
    frames = joined.graph.output[0].name
    rest = extract_part(model, [frames], [model.graph.output[0].name])
    versions = {each.domain: each.version for each in joined.opset_import}
    if any(versions.get(each.domain) != each.version for each in rest.opset_import):
        raise ModelError(f"{original}: quantization changed the operator set; export the graph with opset 13 or later")
    joined.graph.node.extend(rest.graph.node)
    joined.graph.initializer.extend(rest.graph.initializer)
    del joined.graph.output[:]
    joined.graph.output.extend(rest.graph.output)
    onnx.save(joined, str(target))


def compare(
    original: Path, graphs: Mapping[str, Path], blocks: Sequence[Array]
) -> dict[str, tuple[float, float, float]]:
    """Mean and 5th percentile of the cosines to the original's embeddings, and how many times faster (median)."""
    paths = {ORIGINAL: original, **graphs}
    sessions = {name: open_session(path, inputs={}, outputs={}) for name, path in paths.items()}
    seconds: dict[str, list[float]] = {name: [] for name in sessions}
    cosines: dict[str, list[float]] = {name: [] for name in sessions}
    for features in blocks:
        embeddings = {}
        for name, session in sessions.items():
            start = time.perf_counter()
            found = session.run(None, {session.get_inputs()[0].name: features})[0].ravel()
            seconds[name].append(time.perf_counter() - start)
            embeddings[name] = found / np.linalg.norm(found)
        for name, embedding in embeddings.items():
            cosines[name].append(float(embedding @ embeddings[ORIGINAL]))
    return {
        name: (
            float(np.mean(cosines[name])),
            float(np.percentile(cosines[name], 5)),
            float(np.median(np.divide(seconds[ORIGINAL], seconds[name]))),
        )
        for name in sessions
    }


def diarize(
    original: Path, graphs: Mapping[str, Path], plda: Path | None, conversations: Sequence[Conversation]
) -> dict[str, Score]:
    """Score the diarizer with each graph, the rest of it in single precision."""
    bundle = find_files(None, {"segmentation": None, "embedding": original, "plda": plda})
    scores = {}
    with TemporaryDirectory() as scratch:
        kept = os.environ.get("OOLONG_CACHE")
        os.environ["OOLONG_CACHE"] = scratch  # the halves of trial graphs are of no use to anybody later
        try:
            for name, path in {ORIGINAL: original, **graphs}.items():
                tried = replace(bundle, files={**bundle.files, "embedding": path})
                scores[name] = score_diarizer(Diarizer(tried), conversations)
        finally:
            if kept is None:
                del os.environ["OOLONG_CACHE"]
            else:
                os.environ["OOLONG_CACHE"] = kept
    return scores


def table(costs: Mapping[str, tuple[float, float, float]], scores: Mapping[str, Score]) -> list[str]:
    """Lines of a table in Markdown."""
    more = ("| DER | speakers |", "---|---|") if scores else ("|", "")
    lines = [f"| backbone | cosine: mean | 5th percentile | times as fast {more[0]}", f"|---|---|---|---|{more[1]}"]
    for name, (mean, low, ratio) in costs.items():
        cells = [name if name == ORIGINAL else f"int8, {name}", f"{mean:.4f}", f"{low:.4f}", f"{ratio:.2f}"]
        cells += [f"{scores[name].error_rate:.2%}", scores[name].counts] if scores else []
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def check(arguments: argparse.Namespace) -> None:
    """Refuse options before any work.

    Raises
    ------
    UsageError
        If a number is out of range or an output's folder is not there.
    """
    if arguments.blocks < 1:
        raise UsageError(f"blocks is {arguments.blocks}; at least 1 is needed")
    if arguments.seed < 0:
        raise UsageError(f"seed is {arguments.seed}; 0 or more is needed")
    others = [path for path in (arguments.plda, arguments.conversations) if path]
    inputs = [arguments.embedding, arguments.folder, *others]
    if arguments.out:
        check_outputs([arguments.out], inputs)
    if arguments.graphs and arguments.graphs.is_dir():
        check_outputs([arguments.graphs / f"{method}.onnx" for method in METHODS], inputs)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("embedding", type=Path, help="published embedding graph (ONNX)")
    parser.add_argument("folder", type=Path, help="folder of audio with utt2spk")
    parser.add_argument("--out", type=Path, help="oolong_align/data/ranges_NAME.json")
    parser.add_argument("--method", choices=METHODS, default="mse", help="calibration of --out")
    parser.add_argument("--graphs", type=Path, metavar="FOLDER", help="keep the 8-bit graphs, METHOD.onnx")
    parser.add_argument("--conversations", type=Path, metavar="FOLDER", help="recordings with RTTM: measure DER")
    parser.add_argument("--plda", type=Path, help="PLDA of the embedding model for DER; the default bundle's otherwise")
    parser.add_argument("--blocks", type=int, default=64, help="blocks of 10 s to measure")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    check(arguments)
    conversations = find_conversations(arguments.conversations) if arguments.conversations else []
    with TemporaryDirectory() as scratch:
        backbone = Path(scratch, "backbone.onnx")
        extract_backbone(arguments.embedding, backbone)
        rng = np.random.default_rng(arguments.seed)
        metadata = {entry.key: entry.value for entry in onnx.load(str(backbone)).metadata_props}
        window = find_fbank_window(arguments.embedding, metadata)
        blocks = list(read_blocks(arguments.folder, window, arguments.blocks + HELD_OUT, rng))
        ranges = measure(backbone, blocks[:-HELD_OUT], METHODS)
        if arguments.out:
            write_ranges(arguments.out, backbone, ranges[arguments.method])
            print(f"{arguments.out}: ranges of {len(ranges[arguments.method])} tensors, {arguments.method}")
        graphs = {method: Path(scratch, f"{method}.onnx") for method in METHODS}
        for method, path in graphs.items():
            write_graph(path, arguments.embedding, backbone, ranges[method])
        keep(graphs, arguments.graphs)
        costs = compare(arguments.embedding, graphs, blocks[-HELD_OUT:])
        scores = diarize(arguments.embedding, graphs, arguments.plda, conversations) if conversations else {}
    print(f"ranges from {arguments.blocks} blocks of 10 s, cosine and speed on {HELD_OUT} others, one thread", end="")
    print(f"; DER on {len(conversations)} recordings, no collar, overlap scored" if conversations else "")
    print(*table(costs, scores), sep="\n")


def keep(graphs: Mapping[str, Path], folder: Path | None) -> None:
    """Copy graphs to a folder, which is made.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in graphs.values():
            with atomic_path(folder / path.name) as target:
                target.write_bytes(path.read_bytes())
            print(f"{folder / path.name}: {path.stat().st_size:,} bytes")
    except OSError as error:
        raise OutputError(f"{folder}: the graphs cannot be written: {error.strerror or error}") from None


if __name__ == "__main__":
    run(main)
