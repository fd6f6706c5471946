"""Check every turn's voice: move the stretches that sound like another speaker of the recording.

The segmentation tells changes of speaker well inside a window, and the clustering names whole local speakers; a local
speaker that mixes two people, or a window assigned to the wrong one, leaves turns with a foreign voice. Here the
timeline is cut wherever the set of active speakers changes, each piece of one speaker is embedded from backbone frames
that exist already, and goes to the speaker whose long pieces it resembles most.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from oolong_align.embedding import EmbeddingModel, VoiceFrames, pool_span
from oolong_align.frames import FRAME_STEP_S, frame_middles_s, seconds_to_voice_frame
from oolong_align.reconstruction import Activity, SpeakerActivity
from oolong_align.types import FloatArray
from oolong_align.vectors import l2_normalise

_MIN_PIECE_FRAMES: Final = round(0.3 / FRAME_STEP_S)
_MIN_REFERENCE_FRAMES: Final = round(1.5 / FRAME_STEP_S)
_ROUNDS: Final = 2
_PROJECTED_TOGETHER: Final = 256


def refine(
    activity: SpeakerActivity, voices: FloatArray, model: EmbeddingModel, frames: VoiceFrames
) -> tuple[SpeakerActivity, FloatArray]:
    """Move pieces of one speaker to the speaker whose voice they have.

    Parameters
    ----------
    activity : SpeakerActivity
    voices : ndarray, shape (speakers, D)
        L2-normalised mean embedding of each column; stands in for a speaker without a piece of 1.5 s.
    model, frames
        The embedding head, and the recording's backbone frames.

    Returns
    -------
    activity : SpeakerActivity
        The same frames with other speakers; frames of several speakers stay as they are.
    voices : ndarray, shape (speakers, D)
        L2-normalised mean embedding of each speaker's pieces of at least 1.5 s.

    Notes
    -----
    O(pieces x speakers), and one pass over the stored frames.
    """
    pieces = single_speaker_pieces(activity.together)
    if not len(pieces) or activity.together.shape[1] < 2:
        return activity, voices
    embeddings = _embed_pieces(pieces, model, frames)
    owners = pieces[:, 2]
    long = pieces[:, 1] - pieces[:, 0] >= _MIN_REFERENCE_FRAMES
    for _ in range(_ROUNDS):
        centroids = _centroids(embeddings[long], owners[long], voices)
        owners = np.argmax(embeddings @ centroids.T, axis=1)
    return _move(activity, pieces, owners), _centroids(embeddings[long], owners[long], voices)


def single_speaker_pieces(together: Activity) -> npt.NDArray[np.int64]:
    """Stretches of at least 0.3 s in which one speaker is active: rows of ``(first, last + 1, speaker)``.

    The speaker is the same throughout, but for stretches that are made of neighbouring pieces too short to be judged
    by themselves; those name the speaker of their longest piece.
    """
    changes = np.flatnonzero((together[1:] != together[:-1]).any(axis=1)) + 1
    bounds = np.r_[0, changes, len(together)]
    single = together[bounds[:-1]].sum(axis=1) == 1
    first, last = bounds[:-1][single], bounds[1:][single]
    speaker = together[first].argmax(axis=1)
    short = last - first < _MIN_PIECE_FRAMES
    joined = np.r_[False, short[1:] & short[:-1] & (first[1:] == last[:-1])][: len(first)]
    group = np.cumsum(~joined) - 1
    by_length = np.lexsort((last - first, group))
    longest = by_length[np.flatnonzero(np.diff(group[by_length], append=-1))]
    starts, ends = first[~joined], last[np.r_[~joined[1:], True][: len(last)]]
    enough = ends - starts >= _MIN_PIECE_FRAMES
    return np.stack([starts[enough], ends[enough], speaker[longest][enough]], axis=1)


def _embed_pieces(pieces: npt.NDArray[np.int64], model: EmbeddingModel, frames: VoiceFrames) -> FloatArray:
    spans = frame_middles_s(pieces[:, :2])
    embeddings = np.empty((len(pieces), model.dimension), dtype=np.float32)
    for first in range(0, len(pieces), _PROJECTED_TOGETHER):
        chosen = spans[first : first + _PROJECTED_TOGETHER]
        statistics = np.concatenate([_pool(frames, start, end) for start, end in chosen])
        embeddings[first : first + len(statistics)] = model.project(statistics)
    return l2_normalise(embeddings)


def _pool(frames: VoiceFrames, start: float, end: float) -> FloatArray:
    return pool_span(frames, seconds_to_voice_frame(start), seconds_to_voice_frame(end))


def _centroids(embeddings: FloatArray, owners: npt.NDArray[np.int64], fallback: FloatArray) -> FloatArray:
    members = np.eye(len(fallback), dtype=np.float32)[owners].T  # (speakers, pieces)
    sums = members @ embeddings
    return l2_normalise(np.where(members.any(axis=1, keepdims=True), sums, fallback))


def _move(activity: SpeakerActivity, pieces: npt.NDArray[np.int64], owners: npt.NDArray[np.int64]) -> SpeakerActivity:
    together, alone = activity.together.copy(), activity.alone.copy()
    for (first, last, _), owner in zip(pieces, owners, strict=True):
        for target in (together, alone):
            target[first:last] = False
            target[first:last, owner] = True
    return SpeakerActivity(together=together, alone=alone, clusters=activity.clusters)
