"""Measure the activation ranges from which the program derives an 8-bit version of an embedding backbone.

``python models/quantize.py model.onnx utterances/ --out oolong_align/data/ranges_NAME.json``

The folder of audio is one that `train_plda.py` reads. Utterances are joined to blocks of 10 s; every second block gets
artificial reverberation and noise. For each tensor the bounds with the least squared error of rounding to 8 bits are
searched between a fifth of the observed range and all of it (``--method mse``), or the observed range is taken
(``minmax``). At the end the 8-bit backbone is compared with the original on blocks that were not measured. Same input
and seed, same file.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from scipy.signal import fftconvolve, lfilter
from train_plda import list_utterances

from oolong_align.audio import load_audio
from oolong_align.embedding_graph import extract_backbone
from oolong_align.fbank import compute_fbank
from oolong_align.frames import SAMPLE_RATE
from oolong_align.quantization import activation_names, quantize_backbone, weights_digest

Array: TypeAlias = npt.NDArray[Any]

BLOCK_SAMPLES = 10 * SAMPLE_RATE
HELD_OUT = 8
BINS = 4096
LEVELS = 255
NOISE_POLES = (0.0, -0.8, -0.95)  # from white to about brown


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


def read_blocks(folder: Path, count: int, rng: np.random.Generator) -> Iterator[Array]:
    """Mean-free features ``(1, T, 80)`` of blocks of utterances in random order."""
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
        features = compute_fbank(np.ascontiguousarray(samples, dtype=np.float32))
        yield (features - features.mean(axis=0))[None]
        made += 1
        if made == count:
            return
    raise ValueError(f"{folder}: audio for {made} blocks of 10 s only, {count} are needed; lower --blocks")


class Histograms:
    """Distribution of every tensor's values: first the bounds of all blocks, then the counts between them."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.low = np.zeros(len(names))
        self.high = np.zeros(len(names))
        self.counts = np.zeros((len(names), BINS))

    def widen(self, values: list[Array]) -> None:
        """Take a block's values of each tensor into the bounds."""
        self.low = np.minimum(self.low, [value.min() for value in values])
        self.high = np.maximum(self.high, [value.max() for value in values])

    def count(self, values: list[Array]) -> None:
        """Count a block's values of each tensor."""
        for row, value in enumerate(values):
            self.counts[row] += np.histogram(value, bins=BINS, range=(self.low[row], self.high[row]))[0]

    def bounds(self, row: int, method: str) -> tuple[float, float]:
        """Range of a tensor by a method."""
        low, high = self.low[row], self.high[row]
        if method == "minmax":
            return low, high
        middles = low + (np.arange(BINS) + 0.5) * (high - low) / BINS
        errors = []
        shares = np.linspace(0.2, 1, 81)
        for share in shares:
            step = share * (high - low) / LEVELS
            rounded = np.clip(np.round(middles / step), np.round(share * low / step), np.round(share * high / step))
            errors.append(self.counts[row] @ (rounded * step - middles) ** 2)
        best = shares[int(np.argmin(errors))]
        return best * low, best * high


def measure(backbone: Path, blocks: list[Array], method: str) -> list[tuple[float, float]]:
    """Range of each tensor of `activation_names`, in their order, to four digits."""
    model = onnx.load(str(backbone))
    names = activation_names(model)
    given = {value.name for value in [*model.graph.output, *model.graph.input]}
    for name in names:
        if name not in given:
            model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    histograms = Histograms(names)
    for take in (histograms.widen, histograms.count):
        for features in blocks:
            take(session.run(names, {session.get_inputs()[0].name: features}))
    rows = (histograms.bounds(row, method) for row in range(len(names)))
    return [(float(f"{low:.4g}"), float(f"{high:.4g}")) for low, high in rows]


def compare(original: Path, quantized: Path, blocks: list[Array]) -> tuple[float, float]:
    """Mean cosine of the pooled means and standard deviations, and how many times faster, interleaved, one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    sessions = [onnxruntime.InferenceSession(str(path), options) for path in (original, quantized)]
    name = sessions[0].get_inputs()[0].name
    seconds, cosines = np.zeros(2), []
    for features in blocks:
        pooled = []
        for index, session in enumerate(sessions):
            start = time.perf_counter()
            (frames,) = session.run(None, {name: features})
            seconds[index] += time.perf_counter() - start
            rows = frames.reshape(-1, frames.shape[-1])
            statistics = np.concatenate([rows.mean(axis=1), rows.std(axis=1)])
            pooled.append(statistics / np.linalg.norm(statistics))
        cosines.append(pooled[0] @ pooled[1])
    return float(np.mean(cosines)), float(seconds[0] / seconds[1])


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("embedding", type=Path, help="published embedding graph (ONNX)")
    parser.add_argument("folder", type=Path, help="folder of audio with utt2spk")
    parser.add_argument("--out", type=Path, required=True, help="oolong_align/data/ranges_NAME.json")
    parser.add_argument("--method", choices=("mse", "minmax"), default="mse")
    parser.add_argument("--blocks", type=int, default=64, help="blocks of 10 s to measure")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with TemporaryDirectory() as scratch:
        backbone, quantized = Path(scratch, "backbone.onnx"), Path(scratch, "int8.onnx")
        extract_backbone(arguments.embedding, backbone)
        rng = np.random.default_rng(arguments.seed)
        blocks = list(read_blocks(arguments.folder, arguments.blocks + HELD_OUT, rng))
        ranges = measure(backbone, blocks[:-HELD_OUT], arguments.method)
        stored = {"weights": weights_digest(onnx.load(str(backbone))), "ranges": ranges}
        arguments.out.write_text(json.dumps(stored) + "\n", encoding="utf-8")
        print(f"{arguments.out}: ranges of {len(ranges)} tensors from {arguments.blocks} blocks")
        quantize_backbone(backbone, quantized, ranges=arguments.out)
        cosine, ratio = compare(backbone, quantized, blocks[-HELD_OUT:])
        print(f"8-bit against original on {HELD_OUT} other blocks: cosine {cosine:.4f}, {ratio:.1f} times as fast")


if __name__ == "__main__":
    main()
