"""Pieces of speech of one speaker each, found from the windows before the speakers are known.

Windows agree well on the times at which one speaker follows another, even if they number the speakers differently or
contain more than three. Pieces are cut at these changes, and at each change of the number of speakers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.signal import find_peaks

from oolong_align.diarization.embedding import EmbeddingModel, count_voice_frames
from oolong_align.diarization.frame_store import FrameStore, Mask
from oolong_align.diarization.pooling import pool_span
from oolong_align.diarization.segmentation import Segmentation
from oolong_align.timing.grid import (
    FRAME_STEP_S,
    FRAME_STEP_SAMPLES,
    SAMPLE_RATE,
    VOICE_FRAME_SAMPLES,
    Spans,
    frame_middles_s,
    seconds_to_voice_frame,
)
from oolong_align.types import DiarizeSegment, FloatArray, SpeakerSegment

_MIN_VOTES: Final = 0.3
_AGREEMENT_FRAMES: Final = round(0.17 / FRAME_STEP_S)
_MIN_PIECE_S: Final = 0.3
_MIN_PIECE_FRAMES: Final = round(_MIN_PIECE_S / FRAME_STEP_S)
_MIN_STRETCH_FRAMES: Final = math.ceil(_MIN_PIECE_S * SAMPLE_RATE / VOICE_FRAME_SAMPLES)
_MARGIN: Final = 1
_PROJECTED_TOGETHER: Final = 256


def change_votes(segmentation: Segmentation) -> FloatArray:
    """Share of the windows over each frame whose active speakers differ from the previous frame, ``(frames,)``.

    Only changes from speech to speech count; `Segmentation.speaker_counts` decides where speech starts and ends.
    """
    votes = np.zeros(segmentation.num_frames, dtype=np.float32)
    for first, window in zip(segmentation.first_frames, segmentation.activity, strict=True):
        active = window.any(axis=1)
        changes = (window[1:] != window[:-1]).any(axis=1) & active[1:] & active[:-1]
        frames = first + 1 + np.flatnonzero(changes)
        votes[frames[frames < len(votes)]] += 1
    shares: FloatArray = (votes / np.maximum(segmentation.frame_coverage(), 1)).astype(np.float32)
    return shares


def find_changes(segmentation: Segmentation) -> npt.NDArray[np.int64]:
    """Frames at which the speakers may change, with 0 and the number of frames, sorted.

    A change is a change of the number of speakers, or a peak of at least 0.3 in `change_votes`. Votes of windows that
    place a change up to 0.17 s apart are added, with a weight that falls linearly with the distance.
    """
    counts = segmentation.speaker_counts
    nearness = 1 - np.abs(np.arange(-_AGREEMENT_FRAMES, _AGREEMENT_FRAMES + 1)) / (_AGREEMENT_FRAMES + 1)
    votes = np.convolve(change_votes(segmentation), nearness, mode="same")[: len(counts)]
    peaks, _ = find_peaks(votes, height=_MIN_VOTES, distance=_AGREEMENT_FRAMES + 1)
    return np.unique(np.r_[0, np.flatnonzero(np.diff(counts)) + 1, peaks, len(counts)]).astype(np.int64)


def find_pieces(segmentation: Segmentation, changes: npt.NDArray[np.int64]) -> Spans:
    """Spans of at least 0.3 s between two changes in which one person speaks; any speech if there are none.

    Parameters
    ----------
    segmentation : Segmentation
    changes : ndarray
        From `find_changes`.

    Returns
    -------
    ndarray, shape (pieces, 2)
        First frame and the one after the last, sorted.
    """
    counts = segmentation.speaker_counts
    spans = np.stack([changes[:-1], changes[1:]], axis=1).astype(np.int64)
    spans = spans[counts[spans[:, 0]] > 0] if len(counts) else spans[:0]
    pieces = spans[(counts[spans[:, 0]] == 1) & (spans[:, 1] - spans[:, 0] >= _MIN_PIECE_FRAMES)]
    return pieces if len(pieces) else spans


def find_stretches(segmentation: Segmentation, changes: npt.NDArray[np.int64]) -> Spans:
    """Speech with 80 ms on either side, cut at the changes from `find_changes`.

    Returns
    -------
    ndarray, shape (stretches, 2)
        First voice frame and the one after the last, sorted, without overlap. A stretch is shorter than 0.3 s only
        where the speech is.
    """
    edges = np.diff(frames_with_speech(segmentation).astype(np.int8), prepend=0, append=0)
    runs = np.stack([np.flatnonzero(edges > 0), np.flatnonzero(edges < 0)], axis=1)
    frames = [seconds_to_voice_frame(middle) for middle in frame_middles_s(changes).tolist()]
    return split_at(runs, np.array(frames), least=_MIN_STRETCH_FRAMES)


def frames_with_speech(segmentation: Segmentation) -> Mask:
    """Which voice frames contain speech or adjoin one that does, ``(voice frames,)``."""
    voiced = np.zeros(count_voice_frames(segmentation.num_samples), dtype=np.bool_)
    middles = np.flatnonzero(segmentation.speaker_counts) * FRAME_STEP_SAMPLES // VOICE_FRAME_SAMPLES
    for shift in range(-_MARGIN, _MARGIN + 1):
        near = middles + shift
        voiced[near[(near >= 0) & (near < len(voiced))]] = True
    return voiced


def cut_segments(segments: Sequence[SpeakerSegment], changes: npt.NDArray[np.float64]) -> tuple[DiarizeSegment, ...]:
    """Cut segments at possible changes, in seconds and any order, where all parts last at least 0.3 s."""
    ordered = np.unique(changes)
    return tuple(
        DiarizeSegment(start, end, segment.speaker_id)
        for segment in segments
        for start, end in pairwise(_cut(segment.start, segment.end, ordered, _MIN_PIECE_S))
    )


def split_at(spans: Spans, changes: npt.NDArray[np.int64], *, least: int = _MIN_PIECE_FRAMES) -> Spans:
    """Cut spans of frames at possible changes, in any order, where all parts have at least ``least`` frames.

    ``(N, 2 + columns) -> (parts, 2 + columns)``: the first two columns are the first frame and the one after the last;
    the others are copied to all parts of a span. The default for ``least`` is 0.3 s.
    """
    ordered = np.unique(changes)
    parts: list[list[float]] = []
    for first, last, *rest in spans.tolist():
        bounds = _cut(first, last, ordered, least)
        parts += [[begin, end, *rest] for begin, end in pairwise(bounds)]
    return np.array(parts, dtype=np.int64).reshape(-1, spans.shape[1])


def _cut(start: float, end: float, ordered: npt.NDArray[np.generic], least: float) -> list[float]:
    """Start, end, and the first changes between them that leave parts of a minimum length."""
    bounds = [start]
    first = int(np.searchsorted(ordered, start + least))
    last = int(np.searchsorted(ordered, end - least, side="right"))
    for change in ordered[first:last].tolist():
        if change - bounds[-1] >= least:
            bounds.append(change)
    return [*bounds, end]


def embed_spans(spans: Spans, model: EmbeddingModel, frames: FrameStore) -> FloatArray:
    """Embeddings of spans on the segmentation's frame grid, ``(N, 2) -> (N, D)``; one pass over the stored frames."""
    embeddings = np.empty((len(spans), model.dimension), dtype=np.float32)
    for first in range(0, len(spans), _PROJECTED_TOGETHER):
        seconds = frame_middles_s(spans[first : first + _PROJECTED_TOGETHER])
        statistics = np.concatenate([_pool(frames, start, end) for start, end in seconds])
        embeddings[first : first + len(statistics)] = model.project(statistics)
    return embeddings


def _pool(frames: FrameStore, start: float, end: float) -> FloatArray:
    first = min(seconds_to_voice_frame(start), len(frames) - 1)
    return pool_span(frames, first, max(seconds_to_voice_frame(end), first + 1))
