"""The tuned constants of the diarizer, each by a case whose outcome depends on it. No recordings are needed."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import onnx
import pytest
from generated import MeanModel, draw_voices, flat_plda, joined_turns
from onnx import TensorProto, helper, numpy_helper

from oolong_align.audio import load_audio
from oolong_align.diarization.clustering import ClusteringOptions, cluster_pieces
from oolong_align.diarization.embedding import EmbeddingModel, compute_frames, count_voice_frames
from oolong_align.diarization.fbank import NUM_BINS, count_fbank_frames, read_mean_free_fbank
from oolong_align.diarization.frame_store import FrameStore
from oolong_align.diarization.plda import Plda
from oolong_align.diarization.reassignment import piece_centroids, settle_pieces
from oolong_align.diarization.resegmentation import cluster_resegmented, find_speaker_changes

VOICES = np.eye(2, 16, dtype=np.float32)


def options(**changed: int) -> ClusteringOptions:
    return ClusteringOptions(threshold=None, fa=0.07, fb=0.8, max_iterations=20, **changed)


@pytest.fixture(scope="module")
def plda() -> Plda:
    return Plda.load(Path(str(resources.files("oolong_align") / "data" / "plda_resnet34.npz")))


@pytest.mark.parametrize(("lean", "num_changes"), [(0.02, 0), (0.2, 2)])
def test_a_change_of_voice_must_gain_more_than_a_cosine_of_0_2_twice(lean: float, num_changes: int) -> None:
    """A stretch of 2 s leans to the other speaker: 6 windows or so gain ``2 lean`` each, and two changes cost 0.4."""
    neutral = np.sqrt(0.5)
    frames = FrameStore(16)
    for length, shift in ((50, 0.1), (25, -lean), (50, 0.1)):
        row = (neutral + shift) * VOICES[0] + (neutral - shift) * VOICES[1]
        frames.append(np.repeat(row[None], length, axis=0))
    pieces = np.array([[0, round(125 * 0.08 * 16_000 / 270)]])
    found = find_speaker_changes(pieces, VOICES, MeanModel(), frames)  # type: ignore[arg-type]
    assert len(found) == num_changes


def test_pieces_are_cut_twice() -> None:
    """One round finds 34 of the 40 turns, because speakers from joined pieces mix voices; the second has purer ones."""
    pieces, frames = joined_turns(speakers=4, turns=40, noise=0.1, seed=6)
    clustering, parts, _ = cluster_resegmented(pieces, MeanModel(), frames, flat_plda(), options())  # type: ignore[arg-type]
    assert (len(pieces), len(parts), len(clustering.centroids)) == (22, 40, 4)


@pytest.mark.parametrize("asked", [1, 2, 7])
def test_pieces_are_cut_by_the_speakers_found_and_not_by_the_number_asked_for(asked: int) -> None:
    pieces, frames = joined_turns(speakers=4, turns=40, noise=0.1, seed=6)
    _, unbounded, _ = cluster_resegmented(pieces, MeanModel(), frames, flat_plda(), options())  # type: ignore[arg-type]
    clustering, parts, _ = cluster_resegmented(
        pieces,
        MeanModel(),  # type: ignore[arg-type]
        frames,
        flat_plda(),
        options(num_speakers=asked),
    )
    assert len(clustering.centroids) == asked
    np.testing.assert_array_equal(parts, unbounded)


def test_pieces_are_given_to_the_nearest_speaker_in_two_rounds() -> None:
    """In some of the draws the second round moves pieces that the first one left."""
    moved = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        rows = rng.normal(size=(6, 2)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        owners, long, voices = rng.integers(0, 2, 6), np.ones(6, dtype=np.bool_), np.eye(2, dtype=np.float32)
        once = np.argmax(rows @ piece_centroids(rows, owners, voices).T, axis=1)
        twice = np.argmax(rows @ piece_centroids(rows, once, voices).T, axis=1)
        moved += not np.array_equal(once, twice)
        np.testing.assert_array_equal(settle_pieces(rows, owners, long, voices)[0], twice)
    assert moved > 10


def test_a_piece_counts_as_one_observation_each_1_2_s(plda: Plda) -> None:
    """With ten times the evidence VBx takes ten manners of speaking of three people for speakers."""
    embeddings, seconds = draw_voices(plda, speakers=3, manners=3, each=6, spread=0.5, seed=1)
    assert len(cluster_pieces(embeddings, seconds, plda, options()).centroids) == 3


@pytest.mark.parametrize(("speakers", "manners", "each", "spread"), [(2, 4, 80, 0.45), (3, 2, 150, 0.4)])
def test_long_recordings_count_with_75_s_a_speaker(
    plda: Plda, speakers: int, manners: int, each: int, spread: float
) -> None:
    """Half an hour or more: with all the evidence, or with 150 s a speaker, VBx finds four speakers."""
    embeddings, seconds = draw_voices(plda, speakers=speakers, manners=manners, each=each, spread=spread, seed=1)
    assert seconds.sum() > 1800
    assert len(cluster_pieces(embeddings, seconds, plda, options()).centroids) == speakers


def test_blocks_of_a_stretch_see_their_neighbours(tmp_path: Path) -> None:
    """A backbone that looks 0.2 s to either side computes the same frames in blocks of 10 s as in one pass."""
    model = EmbeddingModel(_write_wide_graph(tmp_path / "wide.onnx", reach=20))
    audio = load_audio(np.random.default_rng(1).normal(0, 0.1, 27 * 16_000).astype(np.float32))
    total = count_voice_frames(audio.num_samples)
    features = read_mean_free_fbank(audio, 0, count_fbank_frames(audio.num_samples))
    whole = model.frames(np.pad(features, ((0, 8 * total - len(features)), (0, 0)))[None])[0]
    blocks = compute_frames(model, audio).read(0, total)
    np.testing.assert_allclose(blocks, whole, atol=0.01)


def _write_wide_graph(path: Path, *, reach: int) -> Path:
    """Mean of the features up to ``reach`` frames of 10 ms before and after, every 80 ms; then mean and deviation."""
    wide = np.zeros((NUM_BINS, NUM_BINS, 2 * reach + 1), dtype=np.float32)
    wide[np.arange(NUM_BINS), np.arange(NUM_BINS)] = 1 / (2 * reach + 1)
    weights = {"wide": wide, "project": np.eye(2 * NUM_BINS, 6, dtype=np.float32)}
    nodes = [
        helper.make_node("Transpose", ["features"], ["bands"], perm=[0, 2, 1]),
        helper.make_node("Conv", ["bands", "wide"], ["frames"], strides=[8], pads=[reach, reach]),
        helper.make_node("ReduceMean", ["frames"], ["mean"], axes=[2], keepdims=0),
        helper.make_node("Mul", ["frames", "frames"], ["squares"]),
        helper.make_node("ReduceMean", ["squares"], ["square"], axes=[2], keepdims=0),
        helper.make_node("Mul", ["mean", "mean"], ["mean_square"]),
        helper.make_node("Sub", ["square", "mean_square"], ["variance"]),
        helper.make_node("Sqrt", ["variance"], ["deviation"]),
        helper.make_node("Concat", ["mean", "deviation"], ["statistics"], axis=1),
        helper.make_node("MatMul", ["statistics", "project"], ["embedding"]),
    ]
    graph = helper.make_graph(
        nodes,
        "wide",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", "time", NUM_BINS])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", 6])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path
