from __future__ import annotations

import wave
from pathlib import Path

import av
import numpy as np
import oolong_align_redact
import pytest
from oolong_align_redact.audio import masked_spans, write_audio
from spoken import Given, timed

from oolong_align.audio.recording import load_audio
from oolong_align.errors import AudioError, OutputError, UsageError
from oolong_align.pipeline import Pipeline
from oolong_align.testing import make_host
from oolong_align.types import Word

RATE = 16_000
REPLAY = {"diarizer": "given", "transcriber": "given"}


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Three seconds of noise in 48 kHz stereo, with equal channels."""
    path = tmp_path / "call.wav"
    noise = np.random.default_rng(0).normal(0, 3000, 3 * 48_000).astype(np.int16)
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 48_000, 0, "NONE", ""))
        file.writeframes(np.repeat(noise, 2).tobytes())
    return path


def samples(path: Path) -> np.ndarray:
    with load_audio(path) as audio:
        return audio.read(0, audio.num_samples)


def test_spans_have_margins_and_are_joined() -> None:
    words = [Word(1.0, 1.5, "b"), Word(0.05, 0.2, "a"), Word(1.7, 1.8, "c"), Word(3.0, 3.0, "d")]
    seconds = [edge / RATE for span in masked_spans(words) for edge in span]
    assert seconds == pytest.approx([0.0, 0.45, 0.75, 2.05, 2.75, 3.25])


@pytest.mark.parametrize("cover", ["tone", "silence"])
def test_only_the_masked_words_change(cover: str, recording: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.flac"
    write_audio(recording, target, [(0, 4000), (20_000, 30_000), (47_000, 99_000)], cover=cover)
    before, after = samples(recording), samples(target)
    assert len(after) == len(before)
    kept = np.ones(len(before), dtype=bool)
    for start, end in ((0, 4000), (20_000, 30_000), (47_000, len(before))):
        kept[start:end] = False
        covered = after[start:end]
        if cover == "silence":
            assert not covered.any()
        else:
            spectrum = np.abs(np.fft.rfft(covered * np.hanning(len(covered))))
            assert spectrum.argmax() * RATE / len(covered) == pytest.approx(1000, abs=20)
            assert np.abs(covered).max() == pytest.approx(0.1, abs=0.001)
    assert np.abs(after - before)[kept].max() <= 1 / 32768
    again = tmp_path / "again.flac"
    write_audio(recording, again, [(0, 4000), (20_000, 30_000), (47_000, 99_000)], cover=cover)
    assert again.read_bytes() == target.read_bytes()


def test_tags_are_dropped(recording: Path, tmp_path: Path) -> None:
    tagged, target = tmp_path / "tagged.flac", tmp_path / "copy.flac"
    with av.open(str(recording)) as source, av.open(str(tagged), "w") as container:
        container.metadata["title"] = "Talk with Ada"
        stream = container.add_stream("flac", rate=48_000)
        for frame in source.decode(audio=0):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert b"Talk with Ada" in tagged.read_bytes()
    write_audio(tagged, target, [], cover="tone")
    assert b"Ada" not in target.read_bytes()


def test_the_copy_is_written_atomically(recording: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "copy.flac"
    with pytest.raises(OutputError, match=r"Could not write .*copy\.flac: No such file"):
        write_audio(recording, target, [], cover="tone")
    target.parent.mkdir()
    target.write_bytes(b"before")
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF")
    with pytest.raises(AudioError):
        write_audio(broken, target, [], cover="tone")
    assert target.read_bytes() == b"before"
    assert [each.name for each in target.parent.iterdir()] == ["copy.flac"]


def test_a_run_writes_the_copy_to_the_output_folder(recording: Path, tmp_path: Path) -> None:
    host = make_host(Given(timed("My name is Ada now.")), oolong_align_redact)
    config = host.resolve("transcribe", REPLAY | {"redact": "names", "redact_audio": "silence"}, formats=["json"])
    (result,) = Pipeline(host, config).run_files([recording], tmp_path / "out")
    assert result.error is None
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == ["call.json", "call.redacted.flac"]
    change = samples(tmp_path / "out" / "call.redacted.flac") - samples(recording)
    changed = np.flatnonzero(np.abs(change) > 0.001) / RATE
    (word,) = [each for each in result.transcript.words if each.text == "[name]"]
    assert (changed[0], changed[-1]) == pytest.approx((word.start - 0.25, word.end + 0.25), abs=0.002)


def test_invalid_places_for_the_copy(recording: Path, tmp_path: Path) -> None:
    host = make_host(Given(timed("hi")), oolong_align_redact)
    for nothing in ({}, {"redact": "speakers"}):
        with pytest.raises(UsageError, match="requires --redact, --redact_pattern or"):
            host.resolve("transcribe", {"redact_audio": "tone", **nothing})
    config = host.resolve("transcribe", REPLAY | {"redact": "names", "redact_audio": "tone"}, formats=["json"])
    with pytest.raises(UsageError, match="Give a folder with -o"):
        Pipeline(host, config).run_files([recording])
    other = recording.with_name("call.redacted.flac")
    write_audio(recording, other, [], cover="tone")
    content = other.read_bytes()
    with pytest.raises(OutputError, match="would replace an input"):
        Pipeline(host, config).run_files([recording, other], tmp_path)
    assert other.read_bytes() == content


def test_a_recording_that_fails_has_no_copy(recording: Path, tmp_path: Path) -> None:
    host = make_host(Given(timed("hi")), oolong_align_redact)
    config = host.resolve("transcribe", REPLAY | {"redact": "names", "redact_audio": "tone"}, formats=["json"])
    results = Pipeline(host, config).run_files([tmp_path / "gone.wav", recording], tmp_path / "out")
    assert [each.error is None for each in results] == [False, True]
    assert (tmp_path / "out" / "call.redacted.flac").exists()
    assert not (tmp_path / "out" / "gone.redacted.flac").exists()
