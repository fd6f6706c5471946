"""Damaged, old, foreign and locked library files: no data is lost, and each error is one line with the next step."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from voices import MODEL, make_voice

from oolong_align.errors import InputError, OolongWarning, StoreError
from oolong_align.speakers.records import VoiceModel
from oolong_align.speakers.sqlite import SqliteStore

TESTS = Path(__file__).parents[2]
VERSION_1 = """
CREATE TABLE model (
    only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
    name TEXT NOT NULL,
    weights TEXT NOT NULL,
    dimension INTEGER NOT NULL
);
CREATE TABLE voice (
    number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, seconds REAL NOT NULL, centroid BLOB NOT NULL
);
CREATE TABLE reference (
    voice INTEGER NOT NULL REFERENCES voice (number) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    embedding BLOB NOT NULL,
    source TEXT NOT NULL,
    start REAL NOT NULL,
    "end" REAL NOT NULL,
    seconds REAL NOT NULL,
    enrolled TEXT NOT NULL,
    PRIMARY KEY (voice, place)
);
CREATE INDEX voice_name ON voice (name);
INSERT INTO model VALUES (1, 'open', 'cd', 2);
INSERT INTO voice VALUES (3, 'Ada', 12.5, x'0000803f00000040');
INSERT INTO reference VALUES
    (3, 0, x'0000404000008040', 'old.wav', 1.5, 4.0, 2.5, '2023-01-02T03:04:05+00:00');
INSERT INTO voice VALUES (8, NULL, 1.0, x'000080bf00000000');
DELETE FROM voice WHERE number = 8;
PRAGMA application_id = 1869573238;
PRAGMA user_version = 1;
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "voices.db"


def traces(folder: Path) -> bytes:
    return b"".join(each.read_bytes() for each in folder.iterdir())


def test_invalid_time_is_reported_as_a_damaged_file(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.put(make_voice(0))
        store._connection.execute("UPDATE reference SET enrolled = 'yesterday'")
        with pytest.raises(StoreError, match=r"the file is damaged\. Restore it"):
            store.list()


def test_empty_file_becomes_private(path: Path) -> None:
    path.touch(mode=0o644)
    SqliteStore(path).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_full_disk_reported_by_sqlite(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.put(make_voice(0))
        store._connection.execute("PRAGMA max_page_count = 12")
        with pytest.raises(StoreError, match="the disk is full, nothing was changed"), store.transaction():
            for number in range(1000):
                store.put(make_voice(number))
        assert len(store.list()) == 1


def test_library_of_version_1_is_upgraded(path: Path) -> None:
    with closing(sqlite3.connect(path)) as old:
        old.executescript(VERSION_1)
    with closing(SqliteStore(path)) as store:
        (ada,) = store.list()
        assert (ada.id, ada.name, ada.seconds, ada.aliases) == ("voice_3", "Ada", 12.5, ())
        assert ada.model == VoiceModel(name="open", weights="cd", dimension=2)
        assert ada.centroid.tolist() == [1, 2]
        (reference,) = ada.references
        assert reference.embedding.tolist() == [3, 4]
        assert reference.recording == "old.wav"
        assert (reference.source, reference.start, reference.end, reference.seconds) == ("old.wav", 1.5, 4.0, 2.5)
        assert reference.enrolled.isoformat() == "2023-01-02T03:04:05+00:00"
        with pytest.raises(InputError, match="voice_8 was forgotten"):
            store.put(make_voice(0, id="voice_8", model=ada.model, references=(), centroid=ada.centroid))
        changed = make_voice(0, aliases=("voice_20",), model=ada.model, references=(), centroid=ada.centroid)
        assert store.put(changed) == "voice_9"
        assert store.put(make_voice(0, model=ada.model, references=(), centroid=ada.centroid)) == "voice_21"
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (3,)


def test_forgotten_voice_leaves_no_trace_in_the_files(path: Path) -> None:
    secret = make_voice(7, 8, name="Zebedee Quill")
    others = [make_voice(*range(number, number + 3), name=f"Person {number}") for number in range(10, 60)]
    marks = [b"Zebedee Quill", b"talk 7.wav", b"talk 8.wav", secret.centroid.tobytes()]
    marks += [each.embedding.tobytes() for each in secret.references]
    with closing(SqliteStore(path)) as store:
        for voice in others[:25]:
            store.put(voice)
        forgotten = store.put(secret)
        for voice in others[25:]:
            store.put(voice)
        assert all(mark in traces(path.parent) for mark in marks)
        assert store.forget(forgotten)
        assert not [mark for mark in marks if mark in traces(path.parent)]
    assert not [mark for mark in marks if mark in traces(path.parent)]
    with closing(SqliteStore(path)) as store:
        assert [voice.name for voice in store.list()] == [voice.name for voice in others]


def test_file_shrinks_when_voices_are_forgotten(path: Path) -> None:
    with closing(SqliteStore(path)) as store, store.transaction():
        ids = [store.put(make_voice(*range(number, number + 5))) for number in range(200)]
    full = path.stat().st_size
    with closing(SqliteStore(path)) as store, store.transaction():
        for each in ids[1:]:
            store.forget(each)
    assert path.stat().st_size < full / 3


def test_voice_forgotten_during_a_read_is_removed_afterwards(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        forgotten = store.put(make_voice(0, name="Zebedee Quill"))
        store._connection.execute("PRAGMA busy_timeout = 50")
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM voice").fetchall()
            with pytest.warns(OolongWarning, match="another process is reading the file"):
                store.forget(forgotten)
    assert b"Zebedee Quill" not in traces(path.parent)


def test_blocked_writer_is_reported(path: Path) -> None:
    with closing(SqliteStore(path)) as store, closing(SqliteStore(path)) as other:
        other._connection.execute("PRAGMA busy_timeout = 50")
        with store.transaction():
            store.put(make_voice(0))
            with pytest.raises(StoreError, match=r"voices\.db: another process has been writing"):
                other.put(make_voice(1))
            assert not other.list()


def test_files_are_private(path: Path) -> None:
    before = os.umask(0)
    try:
        with closing(SqliteStore(path)) as store:
            store.put(make_voice(0))
            assert {each.name: each.stat().st_mode & 0o777 for each in path.parent.iterdir()} == {
                "voices.db": 0o600,
                "voices.db-shm": 0o600,
                "voices.db-wal": 0o600,
            }
    finally:
        os.umask(before)


def damage_tables(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.put(make_voice(0))
    data = bytearray(path.read_bytes())
    data[4096:] = bytes(255 for _ in data[4096:])
    path.write_bytes(data)


def other_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE voice (number INTEGER)")


def newer_version(path: Path) -> None:
    SqliteStore(path).close()
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(b"RIFF" * 1000), "not a voice library"),
        (damage_tables, r"damaged\. Restore it"),
        (other_program, "database of another program"),
        (newer_version, r"newer version\. Upgrade oolong-align"),
        (lambda path: path.mkdir(), r"is a folder\. Use the name of a file"),
    ],
)
def test_other_files_are_refused_and_unchanged(damage: Callable[[Path], object], message: str, path: Path) -> None:
    damage(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(StoreError, match=message) as caught, closing(SqliteStore(path)) as store:
        store.list()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_missing_folder_is_reported(path: Path) -> None:
    with pytest.raises(StoreError, match=r"Could not open the voice library .*: No such file or directory"):
        SqliteStore(path / "voices.db")


def test_search_is_exact_in_a_large_library(path: Path) -> None:
    rng = np.random.default_rng(0)
    centroids = rng.normal(size=(3000, MODEL.dimension)).astype(np.float32)
    with closing(SqliteStore(path)) as store:
        with store.transaction():
            for centroid in centroids:
                store.put(make_voice(0, centroid=centroid, references=()))
        query = rng.normal(size=MODEL.dimension).astype(np.float32)
        cosines = centroids @ query / np.linalg.norm(centroids, axis=1) / np.linalg.norm(query)
        wanted = [f"voice_{row + 1}" for row in np.argsort(-cosines)[:2000]]
        found = store.nearest(query, 2000, model=MODEL)
        assert [voice.id for voice, _ in found] == wanted
        assert np.allclose([cosine for _, cosine in found], np.sort(cosines)[::-1][:2000], atol=1e-5)
