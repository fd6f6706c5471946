from __future__ import annotations

import os
import threading
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from media import tone, write_media, write_wav

from oolong_align.audio.recording import load_audio
from oolong_align.errors import InputError


def samples_of(path: Path) -> npt.NDArray[np.float32]:
    with load_audio(path) as audio:
        return audio.read(0, audio.num_samples).copy()


@pytest.mark.parametrize(
    ("name", "codec", "rate", "layout"),
    [
        ("a.wav", "pcm_s16le", 44100, "stereo"),
        ("a.wav", "pcm_s24le", 48000, "stereo"),
        ("a.wav", "pcm_u8", 8000, "mono"),
        ("a.wav", "pcm_f32le", 96000, "stereo"),
        ("a.wav", "pcm_f64le", 16000, "mono"),
        ("a.wav", "pcm_s16le", 22050, "5.1"),
        ("a.flac", "flac", 16000, "mono"),
        ("a.mkv", "flac", 44100, "stereo"),
    ],
)
def test_lossless_formats_are_decoded_to_the_mean_of_the_channels(
    tmp_path: Path, name: str, codec: str, rate: int, layout: str
) -> None:
    channels = {"mono": 1, "stereo": 2, "5.1": 6}[layout]
    sound = tone(2.0, rate, channels=channels)
    found = samples_of(write_media(tmp_path / name, sound, rate, codec=codec, layout=layout))
    expected = tone(2.0, 16000)[0] * sum(0.5**channel for channel in range(channels)) / channels
    assert found.dtype == np.float32
    assert abs(len(found) - 32000) <= 1
    np.testing.assert_allclose(found[400:31600], expected[400:31600], atol=0.01 if codec == "pcm_u8" else 1e-3)


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [("a.mp3", "libmp3lame", 44100), ("a.m4a", "aac", 44100), ("a.webm", "libopus", 48000), ("a.ts", "aac", 48000)],
)
def test_lossy_formats_keep_loudness_and_length(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    sound = tone(3.0, rate, channels=2)
    found = samples_of(write_media(tmp_path / name, sound, rate, codec=codec, layout="stereo"))
    assert len(found) / 16000 == pytest.approx(3.0, abs=0.35)  # opus loses its last frames without padding
    assert np.sqrt(np.mean(found[8000:32000] ** 2)) == pytest.approx(0.375 / np.sqrt(2), rel=0.05)


def test_sound_of_a_video(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp4", tone(1.0, 16000), 16000, codec="aac", picture=True)
    assert len(samples_of(path)) == pytest.approx(16000, abs=2048)


@pytest.mark.parametrize(("second", "warns"), [(-1.0, True), (-0.95, True), (0.0, False), (-0.5, False), (1.0, False)])
@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_u8", "flac"])
def test_a_warning_if_channels_cancel_each_other_out(tmp_path: Path, codec: str, second: float, warns: bool) -> None:
    sound = tone(2.5, 16000, channels=2)
    sound[1] = second * sound[0]
    name = "a.flac" if codec == "flac" else "a.wav"
    with load_audio(write_media(tmp_path / name, sound, 16000, codec=codec, layout="stereo")) as audio:
        assert [("cancel each other out" in each and "pan=mono" in each) for each in audio.warnings] == [True] * warns


@pytest.mark.parametrize(("gain", "warns"), [(1.0, False), (1e-2, False), (1e-3, True), (1e-4, True), (0.0, False)])
@pytest.mark.parametrize("rate", [16000, 48000])
def test_a_warning_names_the_level_of_a_very_quiet_recording_and_the_gain_it_needs(
    tmp_path: Path, rate: int, gain: float, warns: bool
) -> None:
    sound = tone(1.5, rate)
    sound *= gain / np.abs(sound).max()
    with load_audio(write_media(tmp_path / "a.wav", sound, rate, codec="pcm_f32le")) as audio:
        level = round(20 * np.log10(gain)) if warns else 0
        parts = (f"peak {level} dBFS", f"volume={-6 - level}dB")
        assert [all(part in each for part in parts) for each in audio.warnings] == [True] * warns


def test_a_warning_if_there_are_several_audio_streams(tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as file:
        streams = [file.add_stream("pcm_s16le", rate=16000) for _ in range(2)]
        for hertz, stream in zip((300.0, 500.0), streams, strict=True):
            frame = av.AudioFrame.from_ndarray(np.int16(20000 * tone(1.0, 16000, hertz=hertz)), "s16", "mono")
            frame.sample_rate, frame.pts = 16000, 0
            for packet in (*stream.encode(frame), *stream.encode(None)):
                file.mux(packet)
    with load_audio(path) as audio:
        (warning,) = audio.warnings
        assert "The file has 2 audio streams; only the first is used" in warning and "-map 0:a:1" in warning


def test_more_than_eight_channels(tmp_path: Path) -> None:
    sound = tone(1.0, 16000)[0]
    packed = np.repeat((sound * 32767).astype(np.int16), 12)
    np.testing.assert_allclose(samples_of(write_wav(tmp_path / "a.wav", packed, 16000, channels=12)), sound, atol=1e-4)


def test_rate_and_channels_can_change_within_a_file(tmp_path: Path) -> None:
    first = write_media(tmp_path / "1.mp3", tone(2.0, 44100, channels=2), 44100, codec="libmp3lame", layout="stereo")
    second = write_media(tmp_path / "2.mp3", tone(2.0, 16000), 16000, codec="libmp3lame")
    both = tmp_path / "both.mp3"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    found = samples_of(both)
    assert len(found) / 16000 == pytest.approx(4.0, abs=0.2)
    assert np.sqrt(np.mean(found[8000:24000] ** 2)) == pytest.approx(0.375 / np.sqrt(2), rel=0.1)
    assert np.sqrt(np.mean(found[40000:56000] ** 2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.1)


def test_a_gap_in_the_timestamps_becomes_silence(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mkv", tone(4.0, 16000), 16000, codec="flac", gap=(1.0, 2.5))
    found = samples_of(path)
    assert len(found) == pytest.approx(64000, abs=32)
    silent = np.flatnonzero(np.convolve(np.abs(found), np.ones(200), "same") < 1e-6)
    assert silent[0] / 16000 == pytest.approx(1.0, abs=0.35)
    assert len(silent) / 16000 == pytest.approx(1.5, abs=0.35)
    np.testing.assert_allclose(found[48000:], tone(4.0, 16000)[0, 48000 : len(found)], atol=1e-3)


def test_long_recordings_are_read_from_a_file(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.wav", tone(3.0, 44100), 44100, codec="pcm_s16le")
    reads = [(0, 10**9), (-5, 100), (100, 100), (200, 100), (30000, 40000), (47999, 48001), (60000, 70000)]
    with load_audio(path) as short, load_audio(path, in_memory_s=0.5) as long:
        assert short.num_samples == long.num_samples
        for start, stop in reads:
            np.testing.assert_array_equal(short.read(start, stop), long.read(start, stop))
        np.testing.assert_array_equal(np.concatenate(list(long.blocks(7001))), short.read(0, 48000))


def test_reading_in_threads(tmp_path: Path) -> None:
    ramp = (np.arange(64000) % 30000).astype(np.int16)
    with load_audio(write_wav(tmp_path / "a.wav", ramp, 16000), in_memory_s=0) as audio:
        wrong: list[int] = []

        def check(seed: int) -> None:
            for start in np.random.default_rng(seed).integers(0, 60000, 300).tolist():
                if not np.array_equal(audio.read(start, start + 1000) * 32768, ramp[start : start + 1000]):
                    wrong.append(start)

        threads = [threading.Thread(target=check, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def test_names_and_closing(tmp_path: Path) -> None:
    path = write_media(tmp_path / "our meeting.v2.wav", tone(1.5, 16000), 16000, codec="pcm_s16le")
    audio = load_audio(str(path))
    assert (audio.num_samples, audio.duration, audio.stem, audio.path) == (24000, 1.5, "our meeting.v2", path)
    assert load_audio(audio) is audio
    assert audio.warnings == ()
    with pytest.raises(ValueError, match="read-only"):
        audio.read(0, 10)[0] = 1.0
    audio.close()
    audio.close()
    with pytest.raises(ValueError, match="closed"):
        audio.read(0, 1)
    with pytest.raises(ValueError, match="Invalid size 0: must be positive"):
        list(load_audio(np.zeros(5, np.float32)).blocks(0))


def test_progress_never_falls_and_ends_at_the_total(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.flac", tone(5.0, 16000), 16000, codec="flac")
    calls: list[tuple[str, float, float]] = []
    load_audio(path, progress=lambda *call: calls.append(call)).close()
    assert {stage for stage, _, _ in calls} == {"decoding"}
    done = [call[1] for call in calls]
    assert done == sorted(done)
    assert all(0 <= call[1] <= call[2] for call in calls)
    assert calls[-1][1:] == pytest.approx((5.0, 5.0))


def test_an_array_is_used_unchanged() -> None:
    samples = tone(1.0, 16000)[0]
    audio = load_audio(samples)
    assert (audio.stem, audio.path, audio.num_samples) == ("", None, 16000)
    assert np.shares_memory(audio.read(100, 200), samples)
    assert load_audio(np.zeros(0, np.float32)).duration == 0
    np.testing.assert_array_equal(load_audio(np.stack([samples, -samples], 1)[:, 0]).read(0, 16000), samples)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(10), r"float64\. Convert with samples\.astype"),
        (np.zeros(10, np.int16), r"int16\. Convert with samples\.astype\('float32'\) / 32768"),
        (np.zeros((10, 2), np.float32), r"\(10, 2\)\. Take the mean"),
        (np.zeros((), np.float32), "mono"),
        (np.array([0, np.nan], np.float32), "NaN or infinity.*nan_to_num"),
        (np.array([0, -np.inf], np.float32), "NaN or infinity"),
        (np.array([0, 812], np.float32), "up to 812.*Divide them by the full scale"),
        ([0.0, 0.1], "Could not read audio from list"),
        (None, "Could not read audio from NoneType"),
    ],
)
def test_arrays_that_are_refused(samples: npt.NDArray[np.float32], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_audio(samples)


def test_an_empty_recording_is_valid(tmp_path: Path) -> None:
    with load_audio(write_wav(tmp_path / "a.wav", np.zeros(0, np.int16), 16000)) as audio:
        assert (audio.num_samples, list(audio.blocks(100)), audio.read(0, 5).shape) == (0, [], (0,))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes (POSIX)")
def test_a_named_pipe(tmp_path: Path) -> None:
    sound = write_media(tmp_path / "a.wav", tone(1.0, 16000), 16000, codec="pcm_s16le").read_bytes()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(sound,))
    writer.start()
    assert len(samples_of(pipe)) == 16000
    writer.join()


def test_the_repr_shows_source_and_duration() -> None:
    assert repr(load_audio(np.zeros(16000, np.float32))) == "Audio('array', 1.000 s)"


def test_masked_samples_are_refused() -> None:
    with pytest.raises(InputError, match=r"masked array\. Fill the gaps with samples.filled\(0\)"):
        load_audio(np.ma.masked_array(np.zeros(10, np.float32)))
