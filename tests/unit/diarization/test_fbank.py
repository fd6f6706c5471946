from __future__ import annotations

from pathlib import Path

import kaldi_native_fbank as knf
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oolong_align.audio.recording import load_audio
from oolong_align.diarization.fbank import (
    FbankWindow,
    compute_fbank,
    count_fbank_frames,
    find_fbank_window,
    read_mean_free_fbank,
)
from oolong_align.errors import ModelError

BOTH = pytest.mark.parametrize("window", ["hamming", "povey"])


def reference(samples: np.ndarray, window: FbankWindow) -> np.ndarray:
    options = knf.FbankOptions()
    options.frame_opts.samp_freq = 16_000
    options.frame_opts.dither = 0.0
    options.frame_opts.window_type = window
    options.mel_opts.num_bins = 80
    options.use_energy = False
    extractor = knf.OnlineFbank(options)
    extractor.accept_waveform(16_000, samples * np.float32(32768))
    extractor.input_finished()
    return np.array([extractor.get_frame(frame) for frame in range(extractor.num_frames_ready)]).reshape(-1, 80)


def noise(seed: int, length: int, loudness: float = 0.1) -> np.ndarray:
    return (loudness * np.random.default_rng(seed).standard_normal(length)).astype(np.float32)


@BOTH
@pytest.mark.parametrize("length", [0, 399, 400, 559, 560, 16_000, 160_000])
@pytest.mark.parametrize("loudness", [0.0, 1e-4, 0.3])
def test_features_equal_those_of_kaldi(length: int, loudness: float, window: FbankWindow) -> None:
    samples = noise(length, length, loudness) + np.float32(loudness / 2)
    features = compute_fbank(samples, window)
    assert features.shape == (count_fbank_frames(length), 80)
    np.testing.assert_allclose(features, reference(samples, window), atol=1e-3)


@BOTH
def test_speech_too(repository: object, window: FbankWindow) -> None:
    with load_audio(f"{repository}/examples/meeting.flac") as audio:
        samples = audio.read(0, 20 * 16_000)
    difference = np.abs(compute_fbank(samples, window) - reference(samples, window))
    assert difference.max() < 0.02
    assert difference.mean() < 2e-5


def test_the_metadata_select_the_window_function() -> None:
    published = {"framework": "3d-speaker", "sample_rate": "16000", "normalize_samples": "1"}
    assert find_fbank_window(Path("m.onnx"), published) == "povey"
    assert find_fbank_window(Path("m.onnx"), {"framework": " 3D-Speaker\n"}) == "povey"
    for metadata in ({}, {"framework": ""}, {"framework": "wespeaker"}, {"language": "English"}):
        assert find_fbank_window(Path("m.onnx"), metadata) == "hamming"


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"framework": "nemo"}, "unknown framework 'nemo' in the metadata. Use a network of wespeaker or 3d"),
        ({"framework": "n\x1b" * 10**6}, r"unknown framework 'n\\x1bn\\x1b.{,200}$"),
        ({"framework": "3d-speaker", "sample_rate": "8000"}, "unsupported sample_rate '8000' in the metadata"),
    ],
    ids=["toolkit", "long", "rate"],
)
def test_unsupported_metadata_are_refused(metadata: dict[str, str], message: str) -> None:
    with pytest.raises(ModelError, match=rf"^m\.onnx: {message}"):
        find_fbank_window(Path("m.onnx"), metadata)


@given(st.integers(0, 2**31), st.integers(400, 400_000), st.integers(0, 10**6), st.integers(1, 2000))
def test_the_subtracted_mean_is_over_the_surrounding_ten_seconds(seed: int, length: int, begin: int, size: int) -> None:
    samples = noise(seed, length)
    every = compute_fbank(samples)
    first = begin % len(every)
    last = min(first + size, len(every))
    span = min(998, len(every))
    expected = []
    for frame in range(first, last):
        start = min(max(frame - 499, 0), len(every) - span)
        expected.append(every[frame] - every[start : start + span].mean(axis=0, dtype=np.float64))
    np.testing.assert_allclose(read_mean_free_fbank(load_audio(samples), first, last), expected, atol=1e-3)
