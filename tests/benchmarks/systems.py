"""Run one measured system in a separate process: ``python systems.py NAME THREADS FOLDER``.

The process reads paths of recordings from standard input, one per line, and writes one line of JSON for each. It stays
alive between requests, so the caller can alternate between systems. The caller runs `write_graphs` once beforehand, so
that writing the graphs does not count towards the memory or loading time of any system.
"""

from __future__ import annotations

import json
import math
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np

from oolong_align.audio.recording import Audio, load_audio

RATE = 16_000
WINDOW = 10 * RATE
STEP = RATE
BATCH = 16
BLOCK = 30 * RATE
# Metadata that sherpa-onnx requires in a segmentation graph: properties of pyannote's segmentation-3.0.
SHERPA_METADATA = {
    "model_type": "pyannote-segmentation-3.0",
    "sample_rate": RATE,
    "window_size": WINDOW,
    "receptive_field_size": 991,
    "receptive_field_shift": 270,
    "num_speakers": 3,
    "powerset_max_classes": 2,
    "num_classes": 7,
}

Turn: TypeAlias = tuple[float, float, int]


@dataclass(frozen=True)
class Measured:
    """Result of one call without decoding: seconds, CPU seconds of all threads, seconds of each stage, and turns.

    ``turns`` is ``None`` for a system that does not find speakers.
    """

    seconds: float
    cpu: float
    parts: dict[str, float] = field(default_factory=dict)
    turns: list[Turn] | None = None


class System(Protocol):
    def __call__(self, audio: Audio) -> Measured: ...


class Stopwatch:
    """Context manager that adds up seconds and CPU seconds of all threads."""

    def __init__(self) -> None:
        self.seconds = self.cpu = 0.0

    def __enter__(self) -> Stopwatch:
        self._began = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        seconds, cpu = self._began
        self.seconds += time.perf_counter() - seconds
        self.cpu += time.process_time() - cpu


class Ours:
    """The diarizer with the given options. Its stages come from ``Diarization.timing``."""

    def __init__(self, threads: int, **options: Any) -> None:
        from oolong_align import Diarizer, DiarizerOptions

        self._diarizer = Diarizer.from_pretrained(options=DiarizerOptions(intra_threads=threads, **options))

    def __call__(self, audio: Audio) -> Measured:
        with Stopwatch() as clock:
            result = self._diarizer(audio)
        stages = ("segmentation", "embedding", "clustering")
        parts = {stage: getattr(result.timing, f"{stage}_ms") / 1000 for stage in stages}
        turns = [(turn.start, turn.end, turn.speaker_id) for turn in result.turns]
        return Measured(clock.seconds, clock.cpu, parts, turns)


class VoiceActivity:
    """The voice activity detector on a whole recording."""

    def __init__(self, threads: int) -> None:
        from oolong_align import DiarizerOptions, VoiceActivityDetector

        self._detector = VoiceActivityDetector.from_pretrained(options=DiarizerOptions(intra_threads=threads))

    def __call__(self, audio: Audio) -> Measured:
        with Stopwatch() as clock:
            self._detector(audio)
        return Measured(clock.seconds, clock.cpu)


class BareCost:
    """The two networks alone: every window through the segmentation, and one pass through the backbone."""

    def __init__(self, threads: int, folder: Path) -> None:
        import onnxruntime as ort

        from oolong_align.weights import find_bundle

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        segmentation, backbone = (
            find_bundle(None, parts=("segmentation",)).files["segmentation"],
            folder / "backbone.onnx",
        )
        self._segmentation = ort.InferenceSession(segmentation, options, providers=["CPUExecutionProvider"])
        self._backbone = ort.InferenceSession(backbone, options, providers=["CPUExecutionProvider"])
        self._segmentation_input = self._segmentation.get_inputs()[0].name
        self._backbone_input = self._backbone.get_inputs()[0].name

    def __call__(self, audio: Audio) -> Measured:
        segmentation, embedding = self._segment(audio), self._embed(audio)
        return Measured(
            segmentation.seconds + embedding.seconds,
            segmentation.cpu + embedding.cpu,
            {"segmentation": segmentation.seconds, "embedding": embedding.seconds},
        )

    def _segment(self, audio: Audio) -> Stopwatch:
        clock = Stopwatch()
        windows = 1 + math.ceil(max(audio.num_samples - WINDOW, 0) / STEP)
        for first in range(0, windows, BATCH):
            size = min(BATCH, windows - first)
            samples = audio.read(first * STEP, (first + size - 1) * STEP + WINDOW)
            padded = np.pad(samples, (0, (size - 1) * STEP + WINDOW - len(samples)))
            batch = np.stack([padded[i * STEP :][:WINDOW] for i in range(size)])[:, None]
            with clock:
                self._segmentation.run(None, {self._segmentation_input: batch})
        return clock

    def _embed(self, audio: Audio) -> Stopwatch:
        from oolong_align.diarization.fbank import compute_fbank

        clock = Stopwatch()
        for block in audio.blocks(BLOCK):
            features = compute_fbank(block)
            if len(features):
                batch = (features - features.mean(axis=0))[None]
                with clock:
                    self._backbone.run(None, {self._backbone_input: batch})
        return clock


class SherpaOnnx:
    """sherpa-onnx offline speaker diarization with default options and the same two networks."""

    def __init__(self, threads: int, folder: Path) -> None:
        import sherpa_onnx as sherpa

        config = sherpa.OfflineSpeakerDiarizationConfig(
            segmentation=sherpa.OfflineSpeakerSegmentationModelConfig(
                pyannote=sherpa.OfflineSpeakerSegmentationPyannoteModelConfig(model=str(folder / "segmentation.onnx")),
                num_threads=threads,
            ),
            embedding=sherpa.SpeakerEmbeddingExtractorConfig(model=str(folder / "embedding.onnx"), num_threads=threads),
            clustering=sherpa.FastClusteringConfig(),
        )
        self._diarization = sherpa.OfflineSpeakerDiarization(config)

    def __call__(self, audio: Audio) -> Measured:
        samples = audio.read(0, audio.num_samples)
        with Stopwatch() as clock:
            found = self._diarization.process(samples).sort_by_start_time()
        return Measured(clock.seconds, clock.cpu, turns=[(turn.start, turn.end, turn.speaker) for turn in found])


SYSTEMS: dict[str, Callable[[int, Path], System]] = {
    "bare": BareCost,
    "ours": lambda threads, _: Ours(threads),
    "unrefined": lambda threads, _: Ours(threads, method="windows"),
    "int8": lambda threads, _: Ours(threads, precision="int8"),
    "exact": lambda threads, _: Ours(threads, exact=True, method="windows"),
    "vad": lambda threads, _: VoiceActivity(threads),
    "sherpa": SherpaOnnx,
}


def has_sherpa() -> bool:
    """Return whether sherpa-onnx is installed."""
    return find_spec("sherpa_onnx") is not None


def write_graphs(folder: Path) -> None:
    """Write the backbone, and copies of both networks with the metadata that sherpa-onnx requires."""
    import onnx

    from oolong_align.networks.embedding_graph import extract_backbone
    from oolong_align.weights import find_bundle

    files = find_bundle(None, parts=("segmentation", "embedding")).files
    extract_backbone(files["embedding"], folder / "backbone.onnx")
    (folder / "embedding.onnx").write_bytes(files["embedding"].read_bytes())
    graph = onnx.load(files["segmentation"])
    onnx.helper.set_model_props(graph, {key: str(value) for key, value in SHERPA_METADATA.items()})
    onnx.save(graph, folder / "segmentation.onnx")


def peak_rss_bytes() -> int:
    """Return the peak physical memory of this process in bytes, including mapped files.

    On Linux a child inherits the parent's peak in ``ru_maxrss``, so ``/proc/self/status`` is used where it exists.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Measure each recording on standard input until the input ends."""
    name, threads, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # output of libraries must not mix with the replies
    system = SYSTEMS[name](threads, folder)
    for line in sys.stdin:
        began = time.perf_counter()
        with load_audio(line.rstrip("\n")) as audio:
            decoding = time.perf_counter() - began
            measured = system(audio)
            reply = {**vars(measured), "decoding": decoding, "duration": audio.duration, "peak_rss": peak_rss_bytes()}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
