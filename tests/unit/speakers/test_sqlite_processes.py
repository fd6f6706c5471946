"""Concurrent and killed processes, full and read-only disks: no data is lost."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from voices import make_voice

from oolong_align.speakers.sqlite import SqliteStore

TESTS = Path(__file__).parents[2]
WRITE_FOREVER = """
store, count = SqliteStore(Path(sys.argv[1])), 0
while True:
    with store.transaction():
        ids = [store.put(make_voice(number, number + 1)) for number in range(20)]
        store.forget(ids[0])
    print(*ids[1:], flush=True)
"""
ENROL = """
store = SqliteStore(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for number in range(100):
    with store.transaction():
        voice = store.get("voice_1")
        store.put(replace(voice, seconds=voice.seconds + 1))
        store.put(make_voice(number, name=sys.argv[2]))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "voices.db"


@pytest.fixture
def run(path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start Python with the imports of the scripts."""
    running: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: object) -> subprocess.Popen[str]:
        head = "import resource, signal, sys\nfrom dataclasses import replace\nfrom pathlib import Path\n"
        head += "from oolong_align.speakers.sqlite import SqliteStore\nfrom voices import *\n"
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])}
        command = [sys.executable, "-c", head + code, *map(str, arguments)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        running.append(subprocess.Popen(command, text=True, env=environment, **pipes))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_transactions_of_a_killed_writer_are_complete_or_absent(
    path: Path, run: Callable[..., subprocess.Popen[str]]
) -> None:
    finished: list[str] = []
    for attempt in range(3):
        writer = run(WRITE_FOREVER, path)
        assert writer.stdout is not None
        finished += writer.stdout.readline().split()
        time.sleep(random.Random(attempt).uniform(0, 0.1))
        writer.send_signal(signal.SIGKILL)
        rest = writer.communicate()[0]
        finished += [each for line in rest.splitlines(keepends=True) if line.endswith("\n") for each in line.split()]
    with closing(SqliteStore(path)) as store:
        voices = store.list()
        assert set(finished) <= {voice.id for voice in voices}
        assert len(voices) % 19 == 0
        assert all(len(voice.references) == 2 for voice in voices)
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_no_voice_is_lost_if_two_processes_enrol_at_once(path: Path, run: Callable[..., subprocess.Popen[str]]) -> None:
    with closing(SqliteStore(path)) as store:
        shared = store.put(make_voice(0))
        names = ("Ada", "Bob")
        writers = [run(ENROL, path, name) for name in names]
        for writer in writers:
            assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("\n")
            writer.stdin.flush()
        for writer in writers:
            assert writer.communicate()[1] == ""
            assert writer.returncode == 0
        voice = store.get(shared)
        assert voice is not None and voice.seconds == 4 + 200
        assert [len(store.list(name)) for name in names] == [100, 100]
        assert len({each.id for each in store.list()}) == 201


def test_full_disk_changes_nothing(path: Path, run: Callable[..., subprocess.Popen[str]]) -> None:
    """A file size limit simulates the full disk: the system refuses writes at the same place."""
    with closing(SqliteStore(path)) as store:
        kept = store.put(make_voice(0, name="Ada"))
    code = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = SqliteStore(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    with store.transaction():
        for number in range(5000):
            store.put(make_voice(*range(number, number + 4)))
except Exception as error:
    print(type(error).__name__, error)
print(len(store.list()), store.get("voice_1").name)
"""
    out, err = run(code, path).communicate()
    assert err == ""
    refused, after = out.splitlines()
    assert refused.startswith(f"StoreError Voice library {path}: the disk is full") and "Free some space" in refused
    assert after == "1 Ada"
    with closing(SqliteStore(path)) as store:
        assert [voice.id for voice in store.list()] == [kept]
        store.put(make_voice(1))


def test_voice_is_forgotten_without_space_to_rewrite_the_file(
    path: Path, run: Callable[..., subprocess.Popen[str]]
) -> None:
    with closing(SqliteStore(path)) as store, store.transaction():
        for number in range(300):
            store.put(make_voice(*range(number, number + 4), name="Zebediah Quux" if number == 150 else None))
    code = """
import warnings
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = SqliteStore(Path(sys.argv[1]))
limit = Path(sys.argv[1]).stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
with warnings.catch_warnings(record=True) as messages:
    warnings.simplefilter("always")
    print(store.forget("voice_151"), len(store.list()))
print(*(each.message for each in messages))
traces = [each.name for each in Path(sys.argv[1]).parent.glob("voices.db*") if b"Zebediah" in each.read_bytes()]
print(traces)
"""
    out, err = run(code, path).communicate()
    assert err == ""
    done, message, traces = out.splitlines()
    assert done == "True 299"
    assert message.startswith(f"Voice forgotten in {path}, but the file was not compacted: ")
    assert traces == "[]"


@pytest.mark.parametrize("mode", [0o444, 0o666])
def test_read_only_file_or_folder_can_be_read(
    tmp_path: Path, run: Callable[..., subprocess.Popen[str]], mode: int
) -> None:
    """As another user, because root can write anywhere; the folder is read-only too."""
    folder = Path(tempfile.mkdtemp())
    path = folder / "voices.db"
    try:
        with closing(SqliteStore(path)) as store:
            store.put(make_voice(0, name="Ada"))
        path.chmod(mode)
        folder.chmod(0o555)
        code = """
import os
voice = make_voice(0)
other = SqliteStore(Path(sys.argv[2]))
other.put(voice)  # imports everything while root can still read it
other.close()
if os.geteuid() == 0:
    os.setuid(65534)
store = SqliteStore(Path(sys.argv[1]))
print([voice.name for voice in store.list()], len(store.nearest(voice.centroid, 1, model=MODEL)))
try:
    store.put(voice)
except Exception as error:
    print(type(error).__name__, error)
"""
        out, err = run(code, path, tmp_path / "other.db").communicate()
        assert err == ""
        read, refused = out.splitlines()
        assert read == "['Ada'] 1"
        advice = "Make the file and its folder writable, or use a copy"
        assert refused == f"StoreError Voice library {path}: the file is read-only. {advice}"
    finally:
        folder.chmod(0o755)
        for each in folder.iterdir():
            each.unlink()
        folder.rmdir()
