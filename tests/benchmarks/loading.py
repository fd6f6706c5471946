"""Measure the time and memory for loading each model: ``python tests/benchmarks/loading.py``.

Each case runs in a separate process. The memory is the increase in a process that has already imported the
libraries.
"""

from __future__ import annotations

import subprocess
import sys

CASES = {
    "voice activity (segmentation)": "VoiceActivityDetector.from_pretrained()",
    "diarizer (segmentation, embedding, PLDA)": "Diarizer.from_pretrained()",
    "diarizer in int8": "Diarizer.from_pretrained(options=DiarizerOptions(precision='int8'))",
    "Whisper tiny.en": "WhisperTranscriber.from_pretrained('tiny.en')",
    "Whisper base": "WhisperTranscriber.from_pretrained('base')",
}
PROBE = """
import time
import ctranslate2, faster_whisper, numpy, onnx, onnxruntime, psutil, scipy.cluster.hierarchy, scipy.special
from oolong_align import Diarizer, DiarizerOptions, VoiceActivityDetector
from oolong_align.transcription.whisper import WhisperTranscriber
from oolong_align.diarization import diarizer
from oolong_align.diarization import vad
process = psutil.Process()
before, began = process.memory_info().rss, time.perf_counter()
loaded = {load}
print(f"{{1000 * (time.perf_counter() - began):.0f}} {{(process.memory_info().rss - before) / 2**20:.0f}}")
"""


def main() -> None:
    """Print one row per case: the second of two runs, with warm file caches."""
    print(f"{'loading':42} {'ms':>6} {'+MB':>6}")
    for name, load in CASES.items():
        for _ in range(2):
            command = [sys.executable, "-c", PROBE.format(load=load)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        milliseconds, megabytes = done.stdout.split()
        print(f"{name:42} {milliseconds:>6} {megabytes:>6}")


if __name__ == "__main__":
    main()
