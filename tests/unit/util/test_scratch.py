from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from media import write_wav

from oolong_align.audio.recording import load_audio
from oolong_align.diarization.frame_store import FrameStore
from oolong_align.errors import OutputError
from oolong_align.util import scratch
from oolong_align.util.scratch import ScratchFile

FORKED = """
import os, sys
import numpy as np
from oolong_align.diarization import frame_store as voice_frames
from oolong_align.audio.recording import load_audio

audio = load_audio(sys.argv[1], in_memory_s=0)
whole = audio.read(0, 64000)
voice_frames._MEMORY_BYTES = 1000
frames = voice_frames.FrameStore(8)
stored = np.arange(8000, dtype=np.float16).reshape(1000, 8)
frames.append(stored)


def wrong_reads(seed):
    wrong = 0
    for at in np.random.default_rng(seed).integers(0, 900, 3000).tolist():
        try:
            wrong += not np.array_equal(audio.read(60 * at, 60 * at + 4000), whole[60 * at : 60 * at + 4000])
            wrong += not np.array_equal(frames.read_stored(at, at + 50), stored[at : at + 50])
        except Exception:
            wrong += 1
    return wrong


children = []
for seed in range(3):
    child = os.fork()
    if not child:
        os._exit(min(wrong_reads(seed), 100))
    children.append(child)
sys.exit(max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))
"""


@pytest.fixture
def ramp() -> np.ndarray:
    return (np.arange(64000) % 30000).astype(np.int16)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_processes_read_one_recording(ramp: np.ndarray, tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", ramp, 16000)
    code = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED, str(path)]
    assert subprocess.run(code, timeout=240).returncode == 0, "this many reads were wrong"


@pytest.mark.parametrize("has_pread", [hasattr(os, "pread"), False])
def test_a_file_returns_the_appended_bytes(has_pread: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "_HAS_PREAD", has_pread)
    file = ScratchFile()
    file.append(b"")
    file.append(b"abc")
    assert file.read(1, 1) == b"b"
    file.append(bytearray(b"def"))
    assert (file.read(2, 3), file.read(6, 0)) == (b"cde", b"")
    with pytest.raises(OSError, match="was truncated"):
        file.read(4, 3)


def test_frames_are_the_same_in_memory_and_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = np.random.default_rng(0).normal(size=(5, 30, 4)).astype(np.float16)
    for limit in (10**6, 500, 0):
        monkeypatch.setattr("oolong_align.diarization.frame_store._MEMORY_BYTES", limit)
        frames = FrameStore(4)
        for block in blocks:
            frames.append(block)
            np.testing.assert_array_equal(frames.read_stored(2, 9), blocks[0][2:9])
        np.testing.assert_array_equal(frames.read(0, 10**6), blocks.reshape(-1, 4).astype(np.float32))
        assert frames.read_stored(7, 3).shape == (0, 4)


def test_closing_does_not_wait_for_readers_and_frees_the_file(ramp: np.ndarray, tmp_path: Path) -> None:
    audio = load_audio(write_wav(tmp_path / "a.wav", ramp, 16000), in_memory_s=0)
    reader = audio._store
    assert isinstance(reader, ScratchFile)
    descriptor = reader._file.fileno()
    audio.close()
    assert len(reader.read(0, 4000)) == 4000  # a read that started before the close
    del reader
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(descriptor)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_the_file_is_closed_on_a_full_disk_while_the_error_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    full = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115 -- closed by the tested code
    monkeypatch.setattr(scratch.tempfile, "TemporaryFile", lambda **_: full)
    file = ScratchFile()
    with pytest.raises(OSError, match="No space left"):
        file.append(b"samples")
    assert full.closed


def test_the_error_mentions_the_temporary_folder_if_none_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(scratch.tempfile, "gettempdir", nowhere)
    monkeypatch.setattr(scratch.tempfile, "TemporaryFile", lambda **_: nowhere())
    frames = FrameStore(8_000_000)
    with pytest.raises(OutputError, match="Could not write temporary data to the folder for temporary files"):
        frames.append(np.zeros((5, 8_000_000), dtype=np.float16))
