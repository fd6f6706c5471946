from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from oolong_align import DiarizerOptions, SpeechRange, VoiceActivityDetector
from oolong_align.diarization.segmentation import Segmenter
from oolong_align.types import FloatArray


class LoudnessSegmenter(Segmenter):
    """Finds the first speaker where the samples are loud; takes windows as the network does."""

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads

    def infer(self, samples: FloatArray, *, step_samples: int = 160_000) -> FloatArray:
        windows = np.lib.stride_tricks.sliding_window_view(samples, 160_000)[::step_samples]
        frames = np.abs(windows[:, : 589 * 270]).reshape(len(windows), 589, 270).mean(axis=2)
        scores = np.full((len(windows), 589, 7), -20.0, dtype=np.float32)
        scores[..., 0] = np.log1p(-frames.clip(0.001, 0.999))
        scores[..., 1] = np.log(frames.clip(0.001, 0.999))
        return scores


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    seconds=st.floats(0.0, 90.0),
    chunks=st.lists(st.integers(1, 90_000), min_size=1, max_size=5).filter(lambda sizes: sum(sizes) > 1000),
    threads=st.integers(1, 3),
    gap=st.sampled_from([0.0, 0.2, 1.0, 4.0]),
)
def test_streaming_equals_offline(seed: int, seconds: float, chunks: list[int], threads: int, gap: float) -> None:
    rng = np.random.default_rng(seed)
    length = round(seconds * 16_000)
    loud = np.repeat(rng.random(length // 3000 + 1), 3000)[:length]
    samples = (loud * rng.choice([-1, 1], length)).astype(np.float32)
    options = DiarizerOptions(min_duration_off=gap)
    detector = VoiceActivityDetector(LoudnessSegmenter(), options)

    streamed: list[SpeechRange] = []
    first, turn = 0, 0
    while first < length:
        size = chunks[turn % len(chunks)]
        streamed += detector.detect(samples[first : first + size])
        first, turn = first + size, turn + 1
    streamed += detector.finish()

    assert streamed == VoiceActivityDetector(LoudnessSegmenter(threads), options)(samples)
    assert all(0 <= r.start < r.end <= length / 16_000 for r in streamed)
    assert all(b.start - a.end >= gap for a, b in pairwise(streamed))
