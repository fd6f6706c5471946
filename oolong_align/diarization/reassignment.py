"""Assign pieces, overlaps and short spans to speakers.

A piece goes to the speaker with the most similar long pieces. Other speech has several speakers, or is too short for a
reliable embedding. The embedding of an overlap lies between those of its speakers, who are usually the speakers before
and after it, so neighbouring speakers get a bonus.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from oolong_align.diarization.activity import SpeakerActivity
from oolong_align.diarization.embedding import EmbeddingModel
from oolong_align.diarization.frame_store import FrameStore
from oolong_align.diarization.pieces import embed_spans
from oolong_align.diarization.segmentation import MAX_SIMULTANEOUS, NO_SPEAKER
from oolong_align.timing.grid import FRAME_STEP_S, Spans
from oolong_align.types import FloatArray
from oolong_align.util.vectors import l2_normalise

_MIN_REFERENCE_FRAMES: Final = round(1.5 / FRAME_STEP_S)
_ROUNDS: Final = 2
_NEIGHBOUR_BONUS: Final = 0.3
_NEAR_FRAMES: Final = round(0.5 / FRAME_STEP_S)


def reconstruct_from_pieces(
    pieces: Spans,
    embeddings: FloatArray,
    centroids: FloatArray,
    counts: npt.NDArray[np.int64],
    model: EmbeddingModel,
    frames: FrameStore,
    *,
    at_least: int = 1,
) -> tuple[SpeakerActivity, FloatArray]:
    """Assign pieces and all other speech to the speakers with the most similar embeddings.

    Parameters
    ----------
    pieces : ndarray, shape (pieces, 2)
        Sorted; a piece with several speakers counts as other speech.
    embeddings : ndarray, shape (pieces, D)
        Of the pieces.
    centroids : ndarray, shape (speakers, D)
        L2-normalised mean embedding of each; stands in for a speaker without a piece of 1.5 s.
    counts : ndarray, shape (frames,)
        How many people speak in each frame, 0 to 2 and not more than there are speakers.
    model, frames
        The embedding model and the recording's backbone frames.
    at_least : int
        Minimum number of speakers: if fewer would keep pieces, pieces go to the nearest of ``centroids`` instead.

    Returns
    -------
    activity : SpeakerActivity
    embeddings : ndarray, shape (speakers, D)
        L2-normalised mean embedding of each speaker's pieces of at least 1.5 s.

    Notes
    -----
    In other speech, the cosine of a speaker of a piece up to 0.5 s before or after gets a bonus of 0.3.
    O(pieces x speakers).
    """
    alone = counts[pieces[:, 0]] == 1
    spans, rows = pieces[alone], l2_normalise(embeddings[alone])
    owners = np.argmax(rows @ centroids.T, axis=1)
    long = spans[:, 1] - spans[:, 0] >= _MIN_REFERENCE_FRAMES
    settled, means = settle_pieces(rows, owners, long, centroids)
    if len(np.unique(settled)) >= min(at_least, len(np.unique(owners))):
        owners = settled
    speakers = np.full((len(counts), MAX_SIMULTANEOUS), NO_SPEAKER, dtype=np.int32)
    for (first, last), owner in zip(spans, owners, strict=True):
        speakers[first:last, 0] = owner

    other = _constant_spans(np.where(speakers[:, 0] == NO_SPEAKER, counts, 0))
    scores = l2_normalise(embed_spans(other, model, frames)) @ means.T
    scores += _NEIGHBOUR_BONUS * _neighbours(other, spans, owners, len(centroids))
    for (first, last), ranked in zip(other, np.argsort(-scores, axis=1, kind="stable"), strict=True):
        together = counts[first]
        speakers[first:last, :together] = ranked[:together]
    activity = SpeakerActivity(speakers=speakers, num_speakers=len(centroids))
    return activity, piece_centroids(rows[long], owners[long], centroids)


def settle_pieces(
    embeddings: FloatArray, owners: npt.NDArray[np.int64], long: npt.NDArray[np.bool_], initial: FloatArray
) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Assign each piece to the speaker with the most similar long pieces, in two rounds.

    Parameters
    ----------
    embeddings : ndarray, shape (pieces, D)
        L2-normalised.
    owners : ndarray, shape (pieces,)
        Current speaker of each piece.
    long : ndarray, bool, shape (pieces,)
    initial : ndarray, shape (speakers, D)
        Embeddings of speakers without a long piece.

    Returns
    -------
    owners : ndarray, shape (pieces,)
    centroids : ndarray, shape (speakers, D)
        Speaker embeddings of the last round.
    """
    for _ in range(_ROUNDS):
        centroids = piece_centroids(embeddings[long], owners[long], initial)
        owners = np.argmax(embeddings @ centroids.T, axis=1)
    return owners, centroids


def piece_centroids(embeddings: FloatArray, owners: npt.NDArray[np.int64], fallback: FloatArray) -> FloatArray:
    """L2-normalised mean of each speaker's pieces, ``(pieces, D) -> (speakers, D)``; the fallback's row without any."""
    members = np.eye(len(fallback), dtype=np.float32)[owners].T  # (speakers, pieces)
    sums = members @ embeddings
    return l2_normalise(np.where(members.any(axis=1, keepdims=True), sums, fallback))


def _constant_spans(values: npt.NDArray[np.int64]) -> Spans:
    """Longest spans of equal values above 0."""
    bounds = np.unique(np.r_[0, np.flatnonzero(np.diff(values)) + 1, len(values)])
    spans: Spans = np.stack([bounds[:-1], bounds[1:]], axis=1).astype(np.int64)
    return spans[values[spans[:, 0]] > 0]


def _neighbours(spans: Spans, pieces: Spans, owners: npt.NDArray[np.int64], num_speakers: int) -> npt.NDArray[np.bool_]:
    """Whether a speaker has the nearest piece before or after each span, ``(spans, speakers)``."""
    near = np.zeros((len(spans), num_speakers), dtype=np.bool_)
    if len(pieces):
        before = np.searchsorted(pieces[:, 1], spans[:, 0], side="right") - 1
        after = np.searchsorted(pieces[:, 0], spans[:, 1])
        before_gap = np.where(before >= 0, spans[:, 0] - pieces[before, 1], _NEAR_FRAMES + 1)
        last = len(pieces) - 1
        after_gap = np.where(after <= last, pieces[np.minimum(after, last), 0] - spans[:, 1], _NEAR_FRAMES + 1)
        for neighbour, gap in ((before, before_gap), (after, after_gap)):
            close = np.flatnonzero(gap <= _NEAR_FRAMES)
            near[close, owners[neighbour[close]]] = True
    return near
