"""Measure the time of a search in a large voice library on SQLite and PostgreSQL, and the recall of the HNSW index.

Voices are drawn from the between-speaker distribution of the PLDA in the package and queries from its within-speaker
distribution, so that their similarities are realistic. Each query runs on both stores in turn.

    python benchmarks/nearest.py postgresql://host/empty_database [--voices 100000]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import closing
from datetime import datetime, timezone
from importlib.resources import files
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt
import psutil
from oolong_align_postgres.database import index_dimension
from oolong_align_postgres.store import PostgresStore

from oolong_align import open_store
from oolong_align.hookspecs import Reference, SpeakerStore, Voice, VoiceModel
from oolong_align.testing import make_host

Floats = npt.NDArray[np.float32]
MODEL = VoiceModel(name="drawn", weights="0" * 64, dimension=256)
NOW = datetime(2024, 1, 1, tzinfo=timezone.utc)
HOST = make_host()


def draw(voices: int, queries: int, seconds: float) -> tuple[Floats, Floats]:
    """Centroids, ``(voices, D)``, and queries, ``(queries, D)``, each the mean of ``seconds`` independent seconds."""
    with np.load(Path(str(files("oolong_align") / "data" / "plda_resnet34.npz"))) as plda:
        mean1, mean2, lda, mu, tr, phi = (
            plda[name].astype(float) for name in ("mean1", "mean2", "lda", "mu", "tr", "phi")
        )
    rng = np.random.default_rng(0)
    people = rng.normal(size=(voices, len(phi))) * np.sqrt(phi)
    speaking = people[rng.choice(voices, queries, replace=False)]
    back, undo = np.linalg.inv(tr.T), np.linalg.pinv(lda)

    def embed(latent: npt.NDArray[np.float64]) -> Floats:
        noisy = latent + rng.normal(size=latent.shape) / np.sqrt(seconds)
        projected = (noisy @ back + mu) / np.sqrt(len(phi)) + mean2
        centred = projected @ undo
        embeddings = mean1 + centred / np.sqrt(len(mean1))
        return (embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)).astype(np.float32)

    return embed(people), embed(speaking)


def voice_of(centroid: Floats) -> Voice:
    """Voice with one reference, as after its first recording."""
    reference = Reference(embedding=centroid, source="drawn.wav", start=0.0, end=30.0, seconds=30.0, enrolled=NOW)
    return Voice(model=MODEL, seconds=30.0, centroid=centroid, references=(reference,))


def fill_sqlite(path: Path, centroids: Floats) -> float:
    """Seconds to store all voices in one transaction."""
    began = time.perf_counter()
    with closing(open_store(str(path), host=HOST)) as store, store.transaction():
        for centroid in centroids:
            store.put(voice_of(centroid))
    return time.perf_counter() - began


def fill_postgres(url: str, centroids: Floats) -> tuple[float, float]:
    """Seconds to load all rows, and to build the index afterwards."""
    with closing(PostgresStore(url)) as store:
        store.put(voice_of(centroids[0]))
        connection = store._connection
        connection.execute("DROP INDEX oolong_voice_nearest")
        began = time.perf_counter()
        with connection.cursor() as cursor, cursor.copy("COPY oolong_voice FROM STDIN") as copy:
            for number, centroid in enumerate(centroids[1:], start=2):
                copy.write_row((number, None, 30.0, f"[{','.join(map(repr, centroid.tolist()))}]"))
        with connection.cursor() as cursor, cursor.copy("COPY oolong_reference FROM STDIN") as copy:
            for number, centroid in enumerate(centroids[1:], start=2):
                copy.write_row((number, 0, centroid.astype("<f4").tobytes(), "drawn.wav", 0.0, 30.0, 30.0, NOW, ""))
        connection.execute("UPDATE oolong_library SET last_number = %s", (len(centroids),))
        loaded = time.perf_counter()
        connection.execute("SET maintenance_work_mem = '512MB'")
        index_dimension(connection, MODEL.dimension)
        connection.execute("VACUUM ANALYZE")
        return loaded - began, time.perf_counter() - loaded


def timed(store: SpeakerStore, query: Floats, count: int) -> tuple[float, list[str]]:
    """Duration of a query in milliseconds, and the ids it found."""
    began = time.perf_counter()
    found = store.nearest(query, count, model=MODEL)
    return 1000 * (time.perf_counter() - began), [voice.id for voice, _ in found]


def held_mb() -> float:
    """Resident memory of the process in MB."""
    return float(psutil.Process().memory_info().rss / 1e6)


def main() -> None:
    """Run the benchmark and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--voices", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--count", type=int, default=10)
    given = parser.parse_args()
    centroids, queries = draw(given.voices, given.queries, seconds=10.0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "voices.db"
        print(f"SQLite: filled by put in {fill_sqlite(path, centroids):.1f} s, {path.stat().st_size / 1e6:.0f} MB")
        load, index = fill_postgres(given.url, centroids)
        print(f"PostgreSQL: filled by COPY in {load:.1f} s, index built in {index:.1f} s")
        with closing(open_store(str(path), host=HOST)) as exact, closing(PostgresStore(given.url)) as indexed:
            before = held_mb()
            first, _ = timed(exact, queries[0], given.count)
            print(f"SQLite: first query {first:.0f} ms, {held_mb() - before:.0f} MB more than before")
            timed(indexed, queries[0], given.count)
            times: tuple[list[float], list[float]] = ([], [])
            best = common = 0
            for query in queries:
                spent, wanted = timed(exact, query, given.count)
                times[0].append(spent)
                spent, found = timed(indexed, query, given.count)
                times[1].append(spent)
                best += found[:1] == wanted[:1]
                common += len(set(found) & set(wanted))
            both = [median(each) for each in times]
            text = f"SQLite {both[0]:.1f} ms, PostgreSQL {both[1]:.1f} ms, ratio {both[1] / both[0]:.2f}"
            print(f"{given.count} nearest, medians of both in turn: {text}")
            print(f"recall of the index: {best / len(queries):.3f} of the nearest voice, ", end="")
            print(f"{common / len(queries) / given.count:.3f} of the {given.count} nearest")
            for name, store in (("SQLite", exact), ("PostgreSQL", indexed)):
                puts, again = [], []
                for query in queries[:5]:
                    began = time.perf_counter()
                    store.put(voice_of(query))
                    puts.append(1000 * (time.perf_counter() - began))
                    again.append(timed(store, query, given.count)[0])
                began = time.perf_counter()
                store.forget("voice_1")
                forgotten = time.perf_counter() - began
                text = f"put {median(puts):.1f} ms, nearest after it {median(again):.0f} ms, forget {forgotten:.1f} s"
                print(f"{name}: {text}")


if __name__ == "__main__":
    main()
