from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from oolong_align import DiarizerOptions, SpeechRange, VoiceActivityDetector
from oolong_align.audio.recording import load_audio
from oolong_align.errors import InputError

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def vad(model_dir: Path | None) -> VoiceActivityDetector:
    return VoiceActivityDetector.from_pretrained(model_dir=model_dir)


@pytest.fixture(scope="module")
def samples(data_dir: Path) -> np.ndarray:
    with load_audio(data_dir / "real" / "sample.flac") as audio:
        return np.array(audio.read(0, audio.num_samples))


def stream(vad: VoiceActivityDetector, samples: np.ndarray, size: int) -> list[SpeechRange]:
    ranges = [r for first in range(0, len(samples), size) for r in vad.detect(samples[first : first + size])]
    return ranges + vad.finish()


@pytest.mark.parametrize("size", [1, 160, 4001, 48_000, 10**9])
def test_the_result_does_not_depend_on_the_chunk_size(
    vad: VoiceActivityDetector, samples: np.ndarray, size: int
) -> None:
    whole = vad(samples)
    assert len(whole) == 3
    assert stream(vad, samples, size) == whole


def test_a_finished_detector_can_be_used_again(vad: VoiceActivityDetector, samples: np.ndarray) -> None:
    assert stream(vad, samples, 16_000) == stream(vad, samples, 16_000)
    assert vad.finish() == []


def test_ranges_are_returned_during_the_stream(vad: VoiceActivityDetector, samples: np.ndarray) -> None:
    ranges = vad.detect(np.concatenate([samples, np.zeros(160_000, dtype=np.float32)]))
    assert len(ranges) == 3
    assert ranges[0].end < ranges[1].start
    assert vad.finish() == []


def test_speech_is_found_in_the_right_places(vad: VoiceActivityDetector, data_dir: Path) -> None:
    from scoring import read_rttm

    recording = data_dir / "real" / "sample.flac"
    grid = np.arange(0, 30, 0.01)
    truth = np.zeros(len(grid), dtype=bool)
    ours = truth.copy()
    for start, end, _ in read_rttm(recording.with_suffix(".rttm")):
        truth |= (grid >= start) & (grid < end)
    for r in vad(recording):
        ours |= (grid >= r.start) & (grid < r.end)
    assert (truth != ours).mean() < 0.05


def test_noise_is_not_speech(vad: VoiceActivityDetector, data_dir: Path) -> None:
    for recording in sorted((data_dir / "nonspeech").glob("*.flac")):
        assert vad(recording) == [], recording


@pytest.mark.parametrize("length", [0, 1, 399, 16_000, 160_000, 160_001])
def test_any_length(vad: VoiceActivityDetector, samples: np.ndarray, length: int) -> None:
    spoken = samples[8 * 16_000 :][:length]
    for r in stream(vad, spoken, 1000):
        assert 0 <= r.start < r.end <= length / 16_000


def test_short_gaps_are_filled_on_request(samples: np.ndarray) -> None:
    plain = VoiceActivityDetector.from_pretrained()(samples)
    joined = VoiceActivityDetector.from_pretrained(options=DiarizerOptions(min_duration_off=2.0))
    assert len(joined(samples)) < len(plain)
    assert stream(joined, samples, 777) == joined(samples)


@pytest.mark.parametrize("chunk", [np.zeros(9, dtype=np.float64), np.zeros((3, 3), dtype=np.float32)])
def test_invalid_chunks_raise_an_error(vad: VoiceActivityDetector, chunk: np.ndarray) -> None:
    with pytest.raises(InputError):
        vad.detect(chunk)
