from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from media import tone, write_media, write_wav

from oolong_align.audio.recording import load_audio
from oolong_align.errors import AudioError


def noise(size: int) -> bytes:
    return np.random.default_rng(0).bytes(size)


def damage(path: Path, at: int, size: int) -> Path:
    data = bytearray(path.read_bytes())
    data[at : at + size] = noise(size)
    path.write_bytes(data)
    return path


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    return write_media(tmp_path / "sound.wav", tone(2.0, 16000), 16000, codec="pcm_s16le")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.wav", b"", "The file is empty"),
        ("a.wav", b"RIFF", "FFmpeg cannot read this file"),
        ("a.wav", b"this is text, not sound\n" * 50, "FFmpeg cannot read this file"),
        ("a.txt", b"1\n00:00:01,000 --> 00:00:02,000\nHi\n\n", "No audio stream|FFmpeg cannot read this file"),
        ("a.mp3", noise(200_000), "No audio could be decoded|FFmpeg cannot read this file"),
        ("a.m4a", noise(5_000), "FFmpeg cannot read this file|No audio could be decoded"),
    ],
)
def test_files_without_sound(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(AudioError, match=message) as caught:
        load_audio(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_video_without_an_audio_stream(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as file:
        video = file.add_stream("mpeg4", rate=5)
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        for packet in [*video.encode(av.VideoFrame(64, 64, "yuv420p")), *video.encode(None)]:
            file.mux(packet)
    with pytest.raises(AudioError, match="No audio stream"):
        load_audio(path)


def test_invalid_paths(tmp_path: Path) -> None:
    for path, message in {
        tmp_path / "missing.wav": r"No such file\. Check the path",
        tmp_path: "Is a folder",
        "http://localhost/a.wav": r"No such file\. URLs are not supported: download it first",
        f"file:{tmp_path}/sound.wav": "No such file",
        "concat:a.wav|b.wav": "No such file",
        "a\0b.wav": "Could not read the file",
    }.items():
        with pytest.raises(AudioError, match=message):
            load_audio(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root can read every file")
def test_a_file_without_read_permission(sound: Path) -> None:
    sound.chmod(0)
    with pytest.raises(AudioError, match="permission denied"):
        load_audio(sound)


PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:2,\n{url}\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.m3u8", PLAYLIST + "#EXT-X-ENDLIST\n"),
        ("live.m3u8", PLAYLIST),
        ("a.ffconcat", "ffconcat version 1.0\nfile {url}\n"),
        (
            "a.mpd",
            '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
            'mediaPresentationDuration="PT2S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period>'
            '<AdaptationSet mimeType="audio/mp4"><Representation id="1" bandwidth="1000"><BaseURL>{url}</BaseURL>'
            "</Representation></AdaptationSet></Period></MPD>",
        ),
        ("a.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} RTP/AVP 0\n"),
    ],
)
def test_files_that_refer_to_others_are_not_followed(sound: Path, name: str, content: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        port = server.getsockname()[1]
        for url in ("sound.wav", str(sound), f"http://127.0.0.1:{port}/sound.wav"):
            path = sound.parent / name
            path.write_text(content.format(url=url, port=port))
            with pytest.raises(AudioError, match="FFmpeg cannot read this file"):
                load_audio(path)
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 30000.0, 1e38])
@pytest.mark.parametrize("rate", [16000, 44100])
def test_invalid_samples_are_refused(tmp_path: Path, value: float, rate: int) -> None:
    samples = tone(2.0, rate)[0]
    samples[rate + 10] = value
    with pytest.raises(AudioError, match=r"Samples contain (NaN or infinity|values up to)"):
        load_audio(write_wav(tmp_path / "a.wav", samples, rate))


def test_a_sample_rate_that_would_fill_the_disk_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="1 Hz is too low"):
        load_audio(write_wav(tmp_path / "a.wav", np.zeros(100_000, np.int16), 1))


def test_nothing_is_allocated_from_the_length_in_the_header(tmp_path: Path) -> None:
    samples = (tone(1.0, 16000)[0] * 32767).astype(np.int16)
    with load_audio(write_wav(tmp_path / "a.wav", samples, 16000, claimed_bytes=0xFFFFFF00)) as audio:
        assert audio.num_samples == 16000


@pytest.mark.parametrize(("suffix", "codec"), [("mp3", "libmp3lame"), ("m4a", "aac")])
def test_damaged_parts_are_skipped_with_a_warning(tmp_path: Path, suffix: str, codec: str) -> None:
    path = write_media(tmp_path / f"a.{suffix}", tone(8.0, 44100), 44100, codec=codec)
    damage(path, path.stat().st_size // 2, 6000)
    with load_audio(path) as audio:
        assert audio.duration > 6
        assert np.abs(audio.read(8000, 32000)).max() > 0.4
        assert "damaged parts" in audio.warnings[0]
        assert audio.warnings[0].startswith(f"{path}: ")


def test_a_truncated_file_is_decoded_as_far_as_possible(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp3", tone(8.0, 44100), 44100, codec="libmp3lame")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with load_audio(path) as audio:
        assert audio.duration == pytest.approx(4.0, abs=0.3)
        (warning,) = audio.warnings
        assert "but the header says 8.0 s; the file may be cut off" in warning


RUN = """
import logging, resource, signal, sys
from oolong_align.audio.recording import load_audio
from oolong_align.errors import OolongError
{setup}
try:
    load_audio(sys.argv[1], in_memory_s=0.5, progress={progress})
except OolongError as error:
    print(error)
except KeyboardInterrupt:
    print("interrupted")
"""


def run(path: Path, folder: Path, *, setup: str = "", progress: str = "None") -> subprocess.CompletedProcess[str]:
    code = RUN.format(setup=setup, progress=progress)
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", code, path], env=environment, capture_output=True, text=True, check=True, timeout=60
    )


@pytest.mark.skipif(sys.platform == "win32", reason="needs a file size limit")
def test_a_full_disk(sound: Path) -> None:
    result = run(sound, sound.parent, setup="resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))")
    assert f"{sound}: Could not store the decoded samples" in result.stdout
    assert f"in {sound.parent}" in result.stdout
    assert "TMPDIR" in result.stdout
    assert list(sound.parent.iterdir()) == [sound]


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ")
def test_an_interrupt_leaves_no_file(sound: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("empty")
    handle = "signal.signal(signal.SIGINT, signal.default_int_handler)"  # background jobs may ignore SIGINT
    result = run(sound, folder, setup=handle, progress="lambda *_: signal.raise_signal(signal.SIGINT)")
    assert result.stdout.strip() == "interrupted"
    assert not list(folder.iterdir())


def test_ffmpeg_prints_nothing_about_a_broken_file(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp3", tone(8.0, 44100), 44100, codec="libmp3lame")
    damage(path, 30_000, 6000)
    result = run(path, tmp_path)
    assert (result.stdout, result.stderr) == ("", "")


def test_the_temporary_file_has_no_name(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = sound.parent / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with load_audio(sound, in_memory_s=0):
        assert not list(folder.iterdir()) or sys.platform == "win32"
    assert not list(folder.iterdir())
