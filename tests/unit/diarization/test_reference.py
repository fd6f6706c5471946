from __future__ import annotations

import numpy as np
import pytest

from oolong_align.diarization.clustering import Clustering, ClusteringOptions
from oolong_align.diarization.plda import Plda
from oolong_align.diarization.reference import assign_speakers, cluster_windows, unused_options
from oolong_align.diarization.segmentation import NO_SPEAKER
from oolong_align.options import DiarizerOptions

DIMENSION = 16


def options(**changed: int) -> ClusteringOptions:
    return ClusteringOptions(threshold=None, fa=0.07, fb=0.8, max_iterations=20, **changed)


def conversation(num_speakers: int, windows: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two local speakers in each window, each alone for a while; embeddings near the speaker's vector."""
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
    result = cluster_windows(embeddings, activity, plda, options())
    labels = assign_speakers(result, embeddings, activity)
    assert len(result.centroids) == num_speakers
    assert (labels[:, 2] == NO_SPEAKER).all()
    links = {(int(true), int(found)) for true, found in zip(pairs.ravel(), labels[:, :2].ravel(), strict=True)}
    assert len(links) == num_speakers
    assert result.warning is None


def test_two_local_speakers_of_a_window_never_share_a_cluster(plda: Plda) -> None:
    embeddings, activity, _ = conversation(2)
    embeddings[0, 1] = embeddings[0, 0]
    labels = assign_speakers(cluster_windows(embeddings, activity, plda, options()), embeddings, activity)
    assert (labels[:, 0] != labels[:, 1]).all()


@pytest.mark.parametrize(
    ("asked", "expected"), [({"num_speakers": 1}, 1), ({"min_speakers": 6}, 6), ({"max_speakers": 2}, 2)]
)
def test_the_number_of_speakers_is_forced_with_a_warning(asked: dict[str, int], expected: int, plda: Plda) -> None:
    embeddings, activity, _ = conversation(3)
    result = cluster_windows(embeddings, activity, plda, options(**asked))
    assert len(result.centroids) == expected
    assert result.warning is not None
    assert next(iter(asked)) in result.warning


def test_there_are_at_most_as_many_speakers_as_embeddings(plda: Plda) -> None:
    embeddings, activity, _ = conversation(2, windows=2)
    assert len(cluster_windows(embeddings, activity, plda, options(num_speakers=50)).centroids) <= 4


def test_fewer_than_two_clean_embeddings_are_one_speaker(plda: Plda) -> None:
    embeddings, activity, _ = conversation(2, windows=1)
    activity[:, 50:] = 0
    result = cluster_windows(embeddings, activity, plda, options())
    assert assign_speakers(result, embeddings, activity).tolist() == [[0, NO_SPEAKER, NO_SPEAKER]]
    forced = cluster_windows(embeddings, activity, plda, options(num_speakers=2))
    assert forced.warning is None


def test_two_local_speakers_share_a_cluster_only_if_allowed() -> None:
    centroids = np.eye(2, DIMENSION, dtype=np.float32)
    embeddings = np.repeat(centroids[:1, None], 3, axis=1)
    activity = np.ones((1, 589, 3), dtype=np.uint8)
    activity[:, :, 2] = 0
    assert assign_speakers(Clustering(centroids=centroids), embeddings, activity).tolist() == [[0, 1, NO_SPEAKER]]
    shared = assign_speakers(Clustering(centroids=centroids, one_to_one=False), embeddings, activity)
    assert shared.tolist() == [[0, 0, NO_SPEAKER]]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (DiarizerOptions(), None),
        (DiarizerOptions(exact=True, method="windows"), None),
        (DiarizerOptions(exact=True), "exact=True (--exact) has"),
        (DiarizerOptions(exact=True, embedding_exclude_overlap=False), "(--no-embedding_exclude_overlap) has"),
    ],
)
def test_options_of_windows_are_reported_as_unused_with_pieces(options: DiarizerOptions, named: str | None) -> None:
    message = unused_options(options)
    assert message is None if named is None else named in (message or "")
