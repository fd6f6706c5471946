"""Quantize an embedding graph to 8 bits with several calibration methods, and print the accuracy and speed of each.

``python models/quantize.py model.onnx utterances/ --out oolong_align/data/ranges_NAME.json``
``python models/quantize.py model.onnx utterances/ --conversations recordings/ --graphs int8/``

The folder of audio has the format that `train_plda.py` reads. Utterances are joined to blocks of 10 s; every second
block gets artificial reverberation and noise. Most blocks are used for calibration: the values of each tensor are
counted, and each of `calibration.METHODS` determines their range. The other blocks are held out. On these the script
measures the cosine between the embeddings of the 8-bit graph and those of the original, and the speed-up on one thread,
running the graphs in turn. With ``--conversations`` (``NAME.rttm`` next to each recording), it also runs the diarizer
with each graph.

``--out`` writes the ranges of ``--method``, from which the program derives its 8-bit backbone. ``--graphs`` keeps the
graphs, which have the same input and output as the original. The same input and seed produce the same files.
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
NOISE_POLES = (0.0, -0.8, -0.95)  # from white to almost brown noise
ORIGINAL = "float32"


def degrade(samples: Array, rng: np.random.Generator) -> Array:
    """Add exponentially decaying reverberation (0.15 to 0.7 s) and noise (SNR of 5 to 25 dB); keep the loudness."""
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
    """Yield mean-free features ``(1, T, 80)`` of blocks of utterances in random order.

    Raises
    ------
    InputError
        If the folder cannot be read or has too little audio.
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
    raise InputError(f"{folder}: enough audio for {made} blocks of 10 s, but {count} are needed. Lower --blocks")


def measure(backbone: Path, blocks: Sequence[Array], methods: Sequence[str]) -> dict[str, Ranges]:
    """Return by method the range of each tensor, in the order of `activation_names`, to four digits."""
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
    """Write the file of ranges that `oolong_align.networks.quantization` reads.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    stored = {"weights": weights_digest(onnx.load(str(backbone))), "ranges": ranges}
    try:
        with atomic_path(target) as path:
            path.write_text(json.dumps(stored) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{target} cannot be written: {error.strerror or error}") from None


def write_graph(target: Path, original: Path, backbone: Path, ranges: Ranges) -> None:
    """Write the embedding graph with an 8-bit backbone and the original pooling and head.

    Raises
    ------
    ModelError
        If the 8-bit backbone cannot be joined to the original pooling.
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
    """Return the mean and 5th percentile of the cosines to the original embeddings, and the median speed-up."""
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
    """Score the diarizer with each embedding graph; the segmentation stays in single precision."""
    bundle = find_files(None, {"segmentation": None, "embedding": original, "plda": plda})
    scores = {}
    with TemporaryDirectory() as scratch:
        kept = os.environ.get("OOLONG_CACHE")
        os.environ["OOLONG_CACHE"] = scratch  # do not fill the user's cache with parts of trial graphs
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
    """Format the lines of a Markdown table."""
    more = ("| DER | speakers |", "---|---|") if scores else ("|", "")
    lines = [f"| backbone | cosine: mean | 5th percentile | times as fast {more[0]}", f"|---|---|---|---|{more[1]}"]
    for name, (mean, low, ratio) in costs.items():
        cells = [name if name == ORIGINAL else f"int8, {name}", f"{mean:.4f}", f"{low:.4f}", f"{ratio:.2f}"]
        cells += [f"{scores[name].error_rate:.2%}", scores[name].counts] if scores else []
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def check(arguments: argparse.Namespace) -> None:
    """Check the options before any work.

    Raises
    ------
    UsageError
        If a number is out of range, an output would overwrite an input, or the folder of an output does not exist.
    """
    if arguments.blocks < 1:
        raise UsageError(f"Invalid --blocks {arguments.blocks}. Use 1 or more")
    if arguments.seed < 0:
        raise UsageError(f"Invalid --seed {arguments.seed}. Use 0 or more")
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
    parser.add_argument("--out", type=Path, help="write the ranges to oolong_align/data/ranges_NAME.json")
    parser.add_argument("--method", choices=METHODS, default="mse", help="calibration method of --out")
    parser.add_argument("--graphs", type=Path, metavar="FOLDER", help="keep the 8-bit graphs as METHOD.onnx")
    parser.add_argument("--conversations", type=Path, metavar="FOLDER", help="recordings with RTTM to measure DER")
    parser.add_argument("--plda", type=Path, help="PLDA of the embedding model for DER (default bundle)")
    parser.add_argument("--blocks", type=int, default=64, help="number of 10 s blocks for calibration")
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
    """Copy graphs to a folder; create it if needed.

    Raises
    ------
    OutputError
        If the graphs cannot be written.
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
