from __future__ import annotations

import time

import numpy as np
import pytest

from oolong_align.clustering import NOBODY, ClusteringOptions, cluster, initial_clusters
from oolong_align.plda import Plda

DIMENSION = 16


def options(**changed: int) -> ClusteringOptions:
    return ClusteringOptions(threshold=0.6, fa=0.07, fb=0.8, max_iterations=20, **changed)


@pytest.fixture
def plda() -> Plda:
    return Plda(
        mean1=np.zeros(DIMENSION),
        lda=np.eye(DIMENSION),
        mean2=np.zeros(DIMENSION),
        mu=np.zeros(DIMENSION),
        tr=np.eye(DIMENSION) * 8,
        phi=np.full(DIMENSION, 30.0),
    )


def conversation(num_speakers: int, windows: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two local speakers in each window, each alone for a while; embeddings near one voice a speaker."""
    rng = np.random.default_rng(num_speakers)
    voices = rng.normal(size=(num_speakers, DIMENSION))
    pairs = np.stack([rng.permutation(num_speakers)[:2] for _ in range(windows)])
    activity = np.zeros((windows, 589, 3), dtype=np.uint8)
    activity[:, :250, 0] = 1
    activity[:, 240:500, 1] = 1
    embeddings = np.zeros((windows, 3, DIMENSION), dtype=np.float32)
    embeddings[:, :2] = voices[pairs] + 0.05 * rng.normal(size=(windows, 2, DIMENSION))
    return embeddings, activity, pairs


@pytest.mark.parametrize("num_speakers", [2, 3, 5])
def test_speakers_are_found(num_speakers: int, plda: Plda) -> None:
    embeddings, activity, pairs = conversation(num_speakers)
    result = cluster(embeddings, activity, plda, options())
    assert len(result.centroids) == num_speakers
    assert (result.labels[:, 2] == NOBODY).all()
    links = {(int(true), int(found)) for true, found in zip(pairs.ravel(), result.labels[:, :2].ravel(), strict=True)}
    assert len(links) == num_speakers
    assert result.warning is None


def test_two_local_speakers_of_a_window_never_share_a_cluster(plda: Plda) -> None:
    embeddings, activity, _ = conversation(2)
    embeddings[0, 1] = embeddings[0, 0]
    labels = cluster(embeddings, activity, plda, options()).labels
    assert (labels[:, 0] != labels[:, 1]).all()


@pytest.mark.parametrize(
    ("asked", "expected"), [({"num_speakers": 1}, 1), ({"min_speakers": 6}, 6), ({"max_speakers": 2}, 2)]
)
def test_the_number_of_speakers_is_forced_and_told(asked: dict[str, int], expected: int, plda: Plda) -> None:
    embeddings, activity, _ = conversation(3)
    result = cluster(embeddings, activity, plda, options(**asked))
    assert len(result.centroids) == expected
    assert result.warning is not None
    assert next(iter(asked)) in result.warning


def test_more_speakers_than_embeddings_can_be_told_apart(plda: Plda) -> None:
    embeddings, activity, _ = conversation(2, windows=2)
    assert len(cluster(embeddings, activity, plda, options(num_speakers=50)).centroids) <= 4


def test_fewer_than_two_clean_embeddings_are_one_speaker(plda: Plda) -> None:
    embeddings, activity, _ = conversation(2, windows=1)
    activity[:, 50:] = 0
    result = cluster(embeddings, activity, plda, options())
    assert result.labels.tolist() == [[0, NOBODY, NOBODY]]
    told = cluster(embeddings, activity, plda, options(num_speakers=2))
    assert told.warning is None


def test_long_recordings_are_clustered_in_blocks_without_a_quadratic_matrix() -> None:
    rng = np.random.default_rng(0)
    voices = rng.normal(size=(4, 32))
    truth = rng.integers(0, 4, 14_000)
    embeddings = voices[truth] + 0.1 * rng.normal(size=(len(truth), 32))
    started = time.perf_counter()
    labels = initial_clusters(embeddings[:3500], 0.6)
    quarter = time.perf_counter() - started
    started = time.perf_counter()
    labels = initial_clusters(embeddings, 0.6)
    whole = time.perf_counter() - started
    assert len({(int(t), int(k)) for t, k in zip(truth, labels, strict=True)}) == 4 == labels.max() + 1
    assert whole < 16 * quarter
