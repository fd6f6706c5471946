"""Check the voice of every turn and every overlap against the speakers of the recording.

The segmentation tells changes of speaker well inside a window, and the clustering names whole local speakers; a local
speaker that mixes two people, or a window assigned to the wrong one, leaves turns with a foreign voice. Here the
timeline is cut wherever the set of active speakers changes, and where it may change whoever they are. Each piece of one
speaker goes to the speaker whose long pieces it resembles most. An overlap goes to those whom its voice and the windows
name together: the voice of two people at once lies between theirs.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from oolong_align.clustering import Labels
from oolong_align.embedding import EmbeddingModel
from oolong_align.frames import FRAME_STEP_S, Spans
from oolong_align.pieces import cut_spans, embed_spans
from oolong_align.reconstruction import SpeakerActivity, sum_activity
from oolong_align.segmentation import Segmentation
from oolong_align.types import FloatArray
from oolong_align.vectors import l2_normalise
from oolong_align.voice_frames import VoiceFrames

_MIN_PIECE_FRAMES: Final = round(0.3 / FRAME_STEP_S)
_MIN_REFERENCE_FRAMES: Final = round(1.5 / FRAME_STEP_S)
_ROUNDS: Final = 2
_WINDOWS_WEIGHT: Final = 0.5


def refine(
    activity: SpeakerActivity,
    voices: FloatArray,
    model: EmbeddingModel,
    frames: VoiceFrames,
    segmentation: Segmentation,
    labels: Labels,
    changes: npt.NDArray[np.int64],
) -> tuple[SpeakerActivity, FloatArray]:
    """Give pieces of one speaker, and overlaps, to the speakers whose voices they have.

    Parameters
    ----------
    activity : SpeakerActivity
    voices : ndarray, shape (speakers, D)
        L2-normalised mean embedding of each; stands in for a speaker without a piece of 1.5 s.
    model, frames
        The embedding head, and the recording's backbone frames.
    segmentation, labels
        What the windows say, and the speaker of each of their local speakers, ``(windows, 3)``.
    changes : ndarray
        Frames at which the windows, blind to who speaks, let somebody else begin; any shape and order.

    Returns
    -------
    activity : SpeakerActivity
        The same frames with other speakers, as many in each as before.
    voices : ndarray, shape (speakers, D)
        L2-normalised mean embedding of each speaker's pieces of at least 1.5 s.

    Notes
    -----
    O(pieces x speakers), and one pass over the stored frames.
    """
    if activity.num_speakers < 2:
        return activity, voices
    speakers = activity.speakers.copy()
    pieces = cut_spans(single_speaker_pieces(activity), changes)
    spans, owners = pieces[:, :2], pieces[:, 2]
    embeddings = l2_normalise(embed_spans(spans, model, frames))
    long = spans[:, 1] - spans[:, 0] >= _MIN_REFERENCE_FRAMES
    owners, centroids = settle_pieces(embeddings, owners, long, voices)
    for (first, last), owner in zip(spans, owners, strict=True):
        speakers[first:last, 0] = owner

    overlaps = overlapped_spans(activity)
    coverage = segmentation.frame_coverage()
    mixtures = l2_normalise(embed_spans(overlaps, model, frames)) @ centroids.T
    for (first, last), scores in zip(overlaps, mixtures, strict=True):
        windows = sum_activity(segmentation, labels, len(voices), first, last).sum(axis=0)
        scores = scores + _WINDOWS_WEIGHT * windows / coverage[first:last].sum()
        speakers[first:last] = np.argsort(-scores, kind="stable")[: speakers.shape[1]]
    refined = SpeakerActivity(speakers=speakers, num_speakers=len(voices))
    return refined, piece_centroids(embeddings[long], owners[long], voices)


def settle_pieces(
    embeddings: FloatArray, owners: npt.NDArray[np.int64], long: npt.NDArray[np.bool_], voices: FloatArray
) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Give each piece to the speaker whose long pieces it resembles most, twice.

    Parameters
    ----------
    embeddings : ndarray, shape (pieces, D)
        L2-normalised.
    owners : ndarray, shape (pieces,)
        Speaker of each piece so far.
    long : ndarray, bool, shape (pieces,)
    voices : ndarray, shape (speakers, D)
        Stands in for a speaker without a long piece.

    Returns
    -------
    owners : ndarray, shape (pieces,)
    centroids : ndarray, shape (speakers, D)
        The means that they were compared with last.
    """
    for _ in range(_ROUNDS):
        centroids = piece_centroids(embeddings[long], owners[long], voices)
        owners = np.argmax(embeddings @ centroids.T, axis=1)
    return owners, centroids


def single_speaker_pieces(activity: SpeakerActivity) -> npt.NDArray[np.int64]:
    """Stretches of at least 0.3 s in which one speaker is active: rows of ``(first, last + 1, speaker)``.

    The speaker is the same throughout, but for stretches that are made of neighbouring pieces too short to be judged
    by themselves; those name the speaker of their longest piece.
    """
    first, last = _constant_spans(activity.speakers)
    single = (activity.counts()[first] == 1) if len(first) else np.zeros(0, dtype=np.bool_)
    first, last = first[single], last[single]
    speaker = activity.speakers[first, 0]
    short = last - first < _MIN_PIECE_FRAMES
    joined = np.r_[False, short[1:] & short[:-1] & (first[1:] == last[:-1])][: len(first)]
    group = np.cumsum(~joined) - 1
    by_length = np.lexsort((last - first, group))
    longest = by_length[np.flatnonzero(np.diff(group[by_length], append=-1))]
    starts, ends = first[~joined], last[np.r_[~joined[1:], True][: len(last)]]
    enough = ends - starts >= _MIN_PIECE_FRAMES
    return np.stack([starts[enough], ends[enough], speaker[longest][enough]], axis=1)


def overlapped_spans(activity: SpeakerActivity) -> Spans:
    """Stretches in which several people speak, whoever they are: ``(overlaps, 2)``."""
    several = activity.counts() > 1
    first, last = _constant_spans(several[:, None])
    chosen = several[first] if len(first) else np.zeros(0, dtype=np.bool_)
    return np.stack([first[chosen], last[chosen]], axis=1)


def _constant_spans(values: npt.NDArray[np.generic]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    changes = np.flatnonzero((values[1:] != values[:-1]).any(axis=1)) + 1
    bounds = np.unique(np.r_[0, changes, len(values)]).astype(np.int64)
    return bounds[:-1], bounds[1:]


def piece_centroids(embeddings: FloatArray, owners: npt.NDArray[np.int64], fallback: FloatArray) -> FloatArray:
    """L2-normalised mean of each speaker's pieces, ``(pieces, D) -> (speakers, D)``; without any the fallback's row."""
    members = np.eye(len(fallback), dtype=np.float32)[owners].T  # (speakers, pieces)
    sums = members @ embeddings
    return l2_normalise(np.where(members.any(axis=1, keepdims=True), sums, fallback))
