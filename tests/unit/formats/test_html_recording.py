from __future__ import annotations

import os
import shutil
from pathlib import Path

import av
import pytest

from oolong_align.audio.recording import load_audio
from oolong_align.errors import AudioError, OolongWarning
from oolong_align.formats.html import recording as module
from oolong_align.formats.html.recording import page_audio


@pytest.fixture
def recording(repository: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(repository / "examples" / "meeting.flac", tmp_path / "a #1.flac"))


def convert(source: Path, target: Path, codec: str, rate: int) -> Path:
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream(codec, rate=rate, layout="mono")
        resampler = av.AudioResampler(format=stream.format.name, layout="mono", rate=rate)
        for frame in old.decode(audio=0):
            for part in resampler.resample(frame):
                new.mux(stream.encode(part))
        for part in resampler.resample(None):
            new.mux(stream.encode(part))
        new.mux(stream.encode(None))
    return target


def test_formats_that_browsers_play_are_embedded_unchanged(recording: Path, tmp_path: Path) -> None:
    audio = page_audio(recording, tmp_path / "page.html")
    assert audio is not None
    assert (audio.data, audio.media_type, audio.name) == (recording.read_bytes(), "audio/flac", "a #1.flac")


def test_links_are_relative_to_the_page_and_encoded(recording: Path, tmp_path: Path) -> None:
    for page, expected in ((tmp_path / "p.html", "./a%20%231.flac"), (tmp_path / "x" / "p.html", "./../a%20%231.flac")):
        audio = page_audio(recording, page, "link")
        assert audio is not None
        assert (audio.address, audio.data) == (expected, b"")
    assert page_audio(recording, tmp_path / "p.html", "none") is None


def test_large_files_are_linked_or_encoded(recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_EMBEDDED", 1000)
    linked, embedded = (page_audio(recording, tmp_path / "p.html", choice) for choice in ("auto", "embed"))
    assert linked is not None
    assert linked.address == "./a%20%231.flac"
    assert embedded is not None
    assert embedded.media_type == "audio/webm"
    assert len(embedded.data) < recording.stat().st_size / 3


@pytest.mark.parametrize(("suffix", "codec", "rate"), [(".au", "pcm_s16be", 16000), (".mka", "pcm_s16le", 44100)])
def test_formats_that_browsers_do_not_play_are_encoded_as_opus(
    suffix: str, codec: str, rate: int, recording: Path, tmp_path: Path
) -> None:
    other = convert(recording, tmp_path / f"b{suffix}", codec, rate)
    first, second = (page_audio(other, tmp_path / "p.html") for _ in range(2))
    assert first is not None
    assert first == second
    decoded = tmp_path / "c.webm"
    decoded.write_bytes(first.data)
    with load_audio(decoded) as encoded, load_audio(recording) as original:
        assert encoded.duration == pytest.approx(original.duration, abs=0.05)


def test_a_file_that_is_large_in_opus_is_linked(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = convert(recording, tmp_path / "b.au", "pcm_s16be", 16000)
    monkeypatch.setattr(module, "LARGEST_EMBEDDED", 1000)
    linked, embedded = (page_audio(other, tmp_path / "p.html", choice) for choice in ("auto", "embed"))
    assert linked is not None and embedded is not None
    assert (linked.address, linked.data, embedded.address) == ("./b.au", b"", "")


def test_errors_name_broken_and_missing_recordings(tmp_path: Path) -> None:
    broken = tmp_path / "x.wav"
    broken.write_bytes(b"RIFF....")
    for path in (broken, tmp_path / "none.wav"):
        with pytest.raises(AudioError, match=path.name):
            page_audio(path, tmp_path / "p.html")
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{broken}\n#EXT-X-ENDLIST\n")
    with pytest.raises(AudioError, match=r"list\.m3u8"):
        page_audio(playlist, tmp_path / "p.html")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("choice", ["auto", "embed", "link"])
def test_a_pipe_is_not_read_twice(choice: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.wav")
    with pytest.warns(OolongWarning, match=r"a\.wav: The page has no audio: a pipe cannot be read twice"):
        assert page_audio(tmp_path / "a.wav", tmp_path / "p.html", choice) is None
