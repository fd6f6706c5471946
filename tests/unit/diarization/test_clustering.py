from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from oolong_align.diarization.clustering import (
    ClusteringOptions,
    cluster_pieces,
    initial_clusters,
)
from oolong_align.diarization.plda import Plda

DIMENSION = 16


def options(**changed: int) -> ClusteringOptions:
    return ClusteringOptions(threshold=None, fa=0.07, fb=0.8, max_iterations=20, **changed)


def voices_and_pieces(num_speakers: int, pieces: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(num_speakers)
    voices = 4 * np.linalg.qr(rng.normal(size=(DIMENSION, DIMENSION)))[0][:num_speakers]
    truth = rng.integers(0, num_speakers, pieces)
    embeddings = voices[truth] + 0.4 * rng.normal(size=(pieces, DIMENSION))
    return embeddings.astype(np.float32), rng.uniform(0.4, 5.0, pieces).astype(np.float32), truth


@pytest.mark.parametrize("num_speakers", [1, 2, 4])
def test_pieces_find_the_speakers(num_speakers: int, plda: Plda) -> None:
    embeddings, seconds, truth = voices_and_pieces(num_speakers, 60)
    result = cluster_pieces(embeddings, seconds, plda, options())
    nearest = (embeddings @ result.centroids.T).argmax(axis=1)
    assert len(result.centroids) == num_speakers == len(set(zip(truth.tolist(), nearest.tolist(), strict=True)))
    np.testing.assert_allclose(np.linalg.norm(result.centroids, axis=1), 1, rtol=1e-5)


def test_the_threshold_of_the_plda_replaces_the_default(plda: Plda) -> None:
    embeddings, seconds, _ = voices_and_pieces(2, 60)
    alike = embeddings + 5 * np.eye(DIMENSION, dtype=np.float32)[0]  # two speakers with a mean cosine above 0.5
    own = replace(plda, threshold=0.7)
    assert len(cluster_pieces(alike, seconds, plda, options()).centroids) == 1
    assert len(cluster_pieces(alike, seconds, own, options()).centroids) == 2
    assert len(cluster_pieces(alike, seconds, own, replace(options(), threshold=1.05)).centroids) == 1


def test_short_pieces_do_not_form_speakers(plda: Plda) -> None:
    embeddings, seconds, _ = voices_and_pieces(2, 40)
    strangers = np.full((5, DIMENSION), -3.0, dtype=np.float32) + np.eye(5, DIMENSION, dtype=np.float32)
    together = np.concatenate([embeddings, strangers])
    short = np.concatenate([np.maximum(seconds, 1), np.full(5, 0.5, dtype=np.float32)])
    assert len(cluster_pieces(together, short, plda, options()).centroids) == 2
    assert len(cluster_pieces(together, np.maximum(short, 1.5), plda, options()).centroids) == 3


@pytest.mark.parametrize("asked", [1, 3, 6])
def test_the_number_of_speakers_in_pieces_is_forced_with_a_warning(asked: int, plda: Plda) -> None:
    embeddings, seconds, _ = voices_and_pieces(2, 40)
    result = cluster_pieces(embeddings, seconds, plda, options(num_speakers=asked))
    assert len(result.centroids) == asked
    assert result.warning is not None
    assert f"requires {asked}" in result.warning


def test_one_piece_is_one_speaker(plda: Plda) -> None:
    embeddings, seconds, _ = voices_and_pieces(2, 1)
    assert len(cluster_pieces(embeddings, seconds, plda, options()).centroids) == 1


def test_average_linkage_stops_at_the_mean_squared_distance() -> None:
    angles = np.radians([0, 20, 80, 100])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    apart = np.sqrt(np.mean([2 - 2 * np.cos(np.radians(a)) for a in (80, 100, 60, 80)]))
    assert initial_clusters(rows, apart - 1e-3, method="average").tolist() == [0, 0, 1, 1]
    assert initial_clusters(rows, apart + 1e-3, method="average").tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(("method", "threshold"), [("centroid", 0.6), ("average", 1.05)])
def test_long_recordings_are_clustered_in_blocks_without_a_quadratic_matrix(method: str, threshold: float) -> None:
    rng = np.random.default_rng(0)
    voices = rng.normal(size=(4, 32))
    truth = rng.integers(0, 4, 14_000)
    embeddings = voices[truth] + 0.1 * rng.normal(size=(len(truth), 32))
    most = []
    tracemalloc.start()
    for count in (3500, 14_000):
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        labels = initial_clusters(embeddings[:count], threshold, method=method)
        most.append(tracemalloc.get_traced_memory()[1] - before)
    tracemalloc.stop()
    assert len({(int(t), int(k)) for t, k in zip(truth, labels, strict=True)}) == 4 == labels.max() + 1
    assert most[1] < 4 * most[0]
