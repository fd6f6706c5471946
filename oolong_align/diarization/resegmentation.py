"""Cluster the pieces, cut them where the voice changes, and cluster again.

Windows miss some changes of speaker: if more than three people speak in 10 s, or two sound similar, turns of one or two
seconds remain inside another speaker's piece. The clustered speakers reveal these changes. Each piece is embedded with
a sliding window, and a hidden Markov model finds the sequence of speakers in it. The purer pieces are clustered again,
which improves the speakers.

References
----------
Viterbi resegmentation of a diarization: Sell & Garcia-Romero, "Diarization resegmentation in the factor analysis
subspace", ICASSP 2015.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from oolong_align.diarization.clustering import Clustering, ClusteringOptions, cluster_pieces
from oolong_align.diarization.embedding import EmbeddingModel
from oolong_align.diarization.frame_store import FrameStore
from oolong_align.diarization.pieces import embed_spans, split_at
from oolong_align.diarization.plda import Plda
from oolong_align.timing.grid import (
    FRAME_STEP_S,
    Spans,
    frame_middles_s,
    seconds_to_frames,
    seconds_to_voice_frame,
    voice_frame_middles_s,
)
from oolong_align.types import FloatArray, Progress
from oolong_align.util.parallel import ordered_map
from oolong_align.util.vectors import l2_normalise

_ROUNDS: Final = 2
_WINDOW: Final = 9
_STEP: Final = 3
_TOGETHER: Final = 40
_CHANGE_PENALTY: Final = 0.2
_SLIDING: Final = (
    np.arange(_WINDOW + _STEP * (_TOGETHER - 1)) - _STEP * np.arange(_TOGETHER)[:, None]  # (windows, voice frames)
)
_MASKS: Final = (_SLIDING >= 0) & (_SLIDING < _WINDOW)


def cluster_resegmented(
    pieces: Spans,
    model: EmbeddingModel,
    frames: FrameStore,
    plda: Plda,
    options: ClusteringOptions,
    progress: Progress | None = None,
) -> tuple[Clustering, Spans, FloatArray]:
    """Find the speakers, cut the pieces where one speaker follows another, and find the speakers again.

    Parameters
    ----------
    pieces : ndarray, shape (pieces, 2)
        From `oolong_align.diarization.pieces.find_pieces`; at least one.
    model, frames
        The embedding head, and the recording's backbone frames.
    plda, options
        As for `oolong_align.diarization.clustering.cluster_pieces`.
    progress : callable, optional
        Called as ``progress("clustering", done, total)``, in steps.

    Returns
    -------
    clustering : Clustering
    pieces : ndarray, shape (parts, 2)
        At least as many as before.
    embeddings : ndarray, shape (parts, D)

    Notes
    -----
    Pieces are cut up to twice. The speakers that cut them are found without the bounds in ``options``; otherwise a
    wrong number of speakers would cut the pieces to match it. Costs up to four times `cluster_pieces`, five passes over
    the stored frames, and O(seconds x speakers).
    """
    unbounded = replace(options, num_speakers=None, min_speakers=None, max_speakers=None)
    report = partial(progress or _ignore_progress, "clustering")
    embeddings = embed_spans(pieces, model, frames)
    clustering = _cluster(pieces, embeddings, plda, unbounded)
    for number in range(1, _ROUNDS + 1):
        report(number, _ROUNDS + 2)
        parts = split_at(pieces, find_speaker_changes(pieces, clustering.centroids, model, frames))
        if len(parts) == len(pieces):
            break
        pieces = parts
        embeddings = embed_spans(pieces, model, frames)
        clustering = _cluster(pieces, embeddings, plda, unbounded)
    report(_ROUNDS + 1, _ROUNDS + 2)
    if options != unbounded:
        clustering = _cluster(pieces, embeddings, plda, options)
    report(_ROUNDS + 2, _ROUNDS + 2)
    return clustering, pieces, embeddings


def find_speaker_changes(
    pieces: Spans, centroids: FloatArray, model: EmbeddingModel, frames: FrameStore
) -> npt.NDArray[np.int64]:
    """Segmentation frames inside pieces at which another speaker starts, sorted.

    Parameters
    ----------
    pieces : ndarray, shape (pieces, 2)
    centroids : ndarray, shape (speakers, D)
        L2-normalised.
    model, frames
        As for `cluster_resegmented`.

    Notes
    -----
    The score of a speaker is the cosine of a 0.72 s window's embedding to the speaker's, every 0.24 s; a change costs
    0.2. Apart from the scores, memory does not grow with the length of a piece.
    """
    if len(centroids) < 2:
        return np.zeros(0, dtype=np.int64)

    def changes(piece: tuple[int, int]) -> npt.NDArray[np.int64]:
        first, last = piece
        path = best_sequence(_score(first, last, centroids, model, frames), _CHANGE_PENALTY)
        last_before = first + _STEP * np.flatnonzero(np.diff(path))
        return seconds_to_frames(voice_frame_middles_s(last_before + (_STEP + _WINDOW - 1) / 2))

    bounds = [seconds_to_voice_frame(middle) for middle in frame_middles_s(pieces.ravel()).tolist()]
    spans = [(max(first, 0), last) for first, last in zip(bounds[::2], bounds[1::2], strict=True)]
    found = [places for _, places in ordered_map(changes, spans, threads=model.threads)]
    return np.concatenate([np.zeros(0, dtype=np.int64), *found])


def best_sequence(scores: FloatArray, penalty: float) -> npt.NDArray[np.int64]:
    """Speakers with the highest sum of scores minus a penalty per change, ``(steps, speakers) -> (steps,)``.

    The Viterbi algorithm; O(steps x speakers).
    """
    total = np.zeros(scores.shape[1])
    changed = np.zeros(scores.shape, dtype=np.bool_)
    best = np.zeros(len(scores), dtype=np.int64)
    for step, score in enumerate(scores):
        best[step] = total.argmax()
        after_change = total[best[step]] - penalty
        changed[step] = after_change > total
        total = np.maximum(total, after_change) + score
    path = np.zeros(len(scores), dtype=np.int64)
    speaker = int(total.argmax())
    for step in range(len(scores) - 1, -1, -1):
        path[step] = speaker
        if changed[step, speaker]:
            speaker = int(best[step])
    return path


def _score(first: int, last: int, centroids: FloatArray, model: EmbeddingModel, frames: FrameStore) -> FloatArray:
    """Cosines of the windows inside a span of voice frames to the speakers, ``(windows, speakers)``."""
    scores = [np.zeros((0, len(centroids)), dtype=np.float32)]
    for begin in range(first, last - _WINDOW + 1, _STEP * _TOGETHER):
        stored = frames.read_stored(begin, min(begin + _MASKS.shape[1], last))
        length = len(stored) // model.per_voice_frame
        inside = max((length - _WINDOW) // _STEP + 1, 0)
        scores.append(l2_normalise(model.pool(stored, _MASKS[:inside, :length])) @ centroids.T)
    return np.concatenate(scores)


def _cluster(pieces: Spans, embeddings: FloatArray, plda: Plda, options: ClusteringOptions) -> Clustering:
    return cluster_pieces(embeddings, FRAME_STEP_S * (pieces[:, 1] - pieces[:, 0]), plda, options)


def _ignore_progress(stage: str, done: int, total: int) -> None:
    """Progress callback that does nothing."""
