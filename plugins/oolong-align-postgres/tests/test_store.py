"""The store on a real server: the store contract, several processes, and error messages."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import oolong_align_postgres
import pytest
from oolong_align_postgres import open_postgres

from oolong_align import open_store
from oolong_align.errors import StoreError
from oolong_align.hookspecs import Reference, Voice, VoiceModel
from oolong_align.speakers.library import merge_voices, split_voice
from oolong_align.speakers.portable import export_voices, import_voices
from oolong_align.testing import check_speaker_store, make_host

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'psycopg[binary]'")

HOST = make_host(oolong_align_postgres)
MODEL = VoiceModel(name="open", weights="ab" * 32, dimension=64)
ENROL = """
import sys
from dataclasses import replace
from test_store import make_voice, open_postgres
store = open_postgres(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    with store.transaction():
        voice = store.get("voice_1")
        store.put(replace(voice, seconds=voice.seconds + 1))
        added = store.put(make_voice(number, name=sys.argv[2]))
    print(added, flush=True)
"""


def make_voice(seed: int, *, model: VoiceModel = MODEL, name: str | None = None) -> Voice:
    rng = np.random.default_rng(seed)
    references = tuple(
        Reference(
            embedding=rng.normal(size=model.dimension).astype(np.float32),
            source=f"talk {seed}.wav",
            start=float(place),
            end=place + 5.5,
            seconds=4.0,
            enrolled=datetime(2024, 5, 17, 8, 30, tzinfo=timezone.utc),
        )
        for place in range(2)
    )
    return Voice(name=name, model=model, seconds=8.0, centroid=references[0].embedding, references=references)


@pytest.fixture
def enrol(database: str) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    running: list[subprocess.Popen[str]] = []

    def start(name: str, count: int) -> subprocess.Popen[str]:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
        command = [sys.executable, "-c", ENROL, database, name, str(count)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(command, text=True, env=environment, **pipes)
        running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate()[1]
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_store_contract(database: str) -> None:
    check_speaker_store(lambda: open_postgres(database))


def test_scheme_selects_the_store(database: str) -> None:
    with closing(open_store(database, host=HOST)) as store:
        assert not store.list()


def test_no_voice_is_lost_if_two_processes_enrol_at_once(
    database: str, enrol: Callable[..., subprocess.Popen[str]]
) -> None:
    with closing(open_postgres(database)) as store:
        shared = store.put(make_voice(0))
        names = ("Ada", "Bob")
        writers = [enrol(name, 40) for name in names]
        for writer in writers:
            go(writer)
        for writer in writers:
            assert writer.communicate()[1] == ""
        voice = store.get(shared)
        assert voice is not None and voice.seconds == 8 + 80
        assert [len(store.list(name)) for name in names] == [40, 40]


def test_transactions_of_a_killed_writer_are_complete_or_absent(
    database: str, enrol: Callable[..., subprocess.Popen[str]]
) -> None:
    with closing(open_postgres(database)) as store:
        shared = store.put(make_voice(0))
        writer = enrol("Ada", 10_000)
        go(writer)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(0.1)
        writer.send_signal(signal.SIGKILL)
        finished = {line.strip() for line in writer.communicate()[0].splitlines(keepends=True) if line.endswith("\n")}
        with store.transaction():  # waits until the server has ended the last transaction of the writer
            voice, added = store.get(shared), store.list("Ada")
        assert voice is not None
        assert voice.seconds - 8 == len(added)
        assert finished <= {each.id for each in added}
        store.put(make_voice(1))


def test_two_processes_open_a_new_library_at_once(database: str) -> None:
    code = "import sys; from oolong_align_postgres import open_postgres; open_postgres(sys.argv[1]).close()"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code, database]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) for _ in range(2)]
    assert [each.communicate()[1] for each in both] == ["", ""]


def test_voices_move_between_a_file_and_a_server(database: str, tmp_path: Path) -> None:
    with (
        closing(open_store(str(tmp_path / "voices.db"), host=HOST)) as file,
        closing(open_postgres(database)) as server,
    ):
        ids = [file.put(make_voice(seed, name=f"Ada {seed}")) for seed in range(4)]
        merge_voices(file, ids[0], ids[2])
        text = export_voices(file)
        import_voices(server, text)
        assert export_voices(server) == text
        assert split_voice(server, ids[0], [2, 3]).id == "voice_5"
        query = make_voice(3).centroid
        assert server.nearest(query, 2, model=MODEL)[0][0].id == ids[3]


def test_index_is_used_and_finds_the_nearest_voices(database: str) -> None:
    centroids = np.random.default_rng(0).normal(size=(1000, 64)).astype(np.float32)
    with closing(open_postgres(database)) as store:
        with store.transaction():
            for centroid in centroids:
                store.put(replace(make_voice(0), centroid=centroid, references=()))
        connection = store._connection
        connection.execute("ANALYZE oolong_voice")
        connection.execute("SET enable_seqscan = off")
        unit = centroids / np.linalg.norm(centroids, axis=1, keepdims=True)
        found = 0
        for query in centroids[::50] + np.float32(0.1):
            wanted = np.argsort(-(unit @ query))[:10] + 1
            nearest = store.nearest(query, 10, model=MODEL)
            found += len({voice.id for voice, _ in nearest} & {f"voice_{number}" for number in wanted})
        assert found >= 0.95 * 200
        connection.execute("SELECT pg_stat_force_next_flush()")
        counted = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'oolong_voice_nearest'"
        ((scans,),) = connection.execute(counted).fetchall()
        assert scans >= 20


@pytest.mark.parametrize("dimension", [3, 2001])
def test_dimension_can_change_after_the_last_voice_was_forgotten(dimension: int, database: str) -> None:
    """The index has a fixed dimension; embeddings with more dimensions than it supports are compared without it."""
    model = replace(MODEL, dimension=dimension)
    with closing(open_postgres(database)) as store:
        store.forget(store.put(make_voice(0)))
        ids = [store.put(make_voice(seed, model=model)) for seed in range(3)]
        found = store.nearest(make_voice(1, model=model).centroid, 1, model=model)
        assert [(voice.id, round(cosine, 5)) for voice, cosine in found] == [(ids[1], 1)]


def test_forgotten_voice_is_in_no_table(database: str) -> None:
    with closing(open_postgres(database)) as store, psycopg.connect(database, autocommit=True) as raw:
        kept, forgotten = (store.put(make_voice(seed, name=f"Ada {seed}")) for seed in range(2))
        store.forget(forgotten)
        tables = [row[0] for row in raw.execute("SELECT tablename FROM pg_tables WHERE tablename LIKE 'oolong%'")]
        assert len(tables) == 4
        content = "".join(str(raw.execute(f"SELECT * FROM {table}").fetchall()) for table in tables)
        assert "Ada 0" in content and "Ada 1" not in content and "talk 1.wav" not in content
        assert store.get(kept) is not None


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://ada:secret@127.0.0.1:1/voices", r"Voice library postgresql://127\.0\.0\.1/voices: .*refused"),
        ("postgresql://ada:secret@[/voices", "Use the form postgresql://user@host:5432/database"),
    ],
)
def test_error_for_an_unreachable_server_has_no_password(url: str, message: str) -> None:
    with pytest.raises(StoreError, match=message) as caught:
        open_postgres(url)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_library_of_version_1_is_upgraded(database: str) -> None:
    with closing(open_postgres(database)) as store:
        store.put(make_voice(1, name="Ada"))
    with psycopg.connect(database, autocommit=True) as connection:  # as created by version 1
        connection.execute("ALTER TABLE oolong_reference DROP COLUMN recording")
        connection.execute("UPDATE oolong_library SET version = 1")
    with closing(open_postgres(database)) as store:
        (ada,) = store.list()
        assert [(each.source, each.recording) for each in ada.references] == [("talk 1.wav", "talk 1.wav")] * 2
        store.put(make_voice(2))
    with closing(open_postgres(database)) as store:
        assert store.count() == 2


def test_library_of_a_newer_version_is_refused(database: str) -> None:
    open_postgres(database).close()
    with psycopg.connect(database, autocommit=True) as raw:
        raw.execute("UPDATE oolong_library SET version = 99")
    with pytest.raises(StoreError, match=r"newer version\. Upgrade oolong-align-postgres"):
        open_postgres(database)


def test_user_without_write_access_can_read(database: str) -> None:
    with closing(open_postgres(database)) as store:
        kept = store.put(make_voice(0))
        store._connection.execute("SET default_transaction_read_only = on")
        assert store.get(kept) is not None
        with pytest.raises(StoreError, match=r"Ask for write access"):
            store.put(make_voice(1))


def test_error_for_a_lost_connection_is_one_line(database: str) -> None:
    with closing(open_postgres(database)) as store, psycopg.connect(database, autocommit=True) as raw:
        raw.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        with pytest.raises(StoreError) as caught:
            store.put(make_voice(0))
        assert "\n" not in str(caught.value)
