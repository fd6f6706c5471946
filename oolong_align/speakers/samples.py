"""Select the speech of each speaker of a recording that identifies the person: not overlapped, surely theirs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from oolong_align.timing.timeline import Timeline
from oolong_align.types import Diarization, DiarizeSegment, FloatArray, SpeakerEvidence, SpeakerSegment
from oolong_align.util.vectors import l2_normalise

__all__ = ["VoiceSample", "voice_samples"]

_MIN_PIECE_S: Final = 1.0
_OVERLAPPED_S: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceSample:
    """Speech of one person in one recording.

    Attributes
    ----------
    embedding : ndarray, float32, shape (D,)
        L2-normalised mean of the L2-normalised embeddings of the speech, weighted by seconds.
    seconds : float
        Duration of the speech.
    start, end : float
        Time range of the speech in the recording, in seconds.
    """

    embedding: FloatArray
    seconds: float
    start: float = 0.0
    end: float = 0.0


def voice_samples(diarization: Diarization) -> dict[int, VoiceSample]:
    """Samples by speaker; speakers without at least 1 s of non-overlapped speech have none.

    Parameters
    ----------
    diarization : Diarization
        Without ``voice``, the mean embeddings are used for all non-overlapped speech.

    Notes
    -----
    A sample contains pieces of at least 1 s without turns of other speakers, whose embedding is closer to the mean
    embedding of their speaker than to any other. O(pieces x speakers), plus reading the frames of those pieces.
    """
    spans: Sequence[DiarizeSegment | SpeakerSegment] = diarization.pieces or diarization.segments
    chosen = [each for each in spans if each.end - each.start >= _MIN_PIECE_S]
    starts, ends = (np.array([getattr(each, edge) for each in chosen]) for edge in ("start", "end"))
    owners = np.array([each.speaker_id for each in chosen], dtype=np.int64)
    alone = _seconds_of_others(diarization, starts, ends, owners) < _OVERLAPPED_S
    samples: dict[int, VoiceSample] = {}
    for speaker in diarization.speaker_ids:
        rows = np.flatnonzero(alone & (owners == speaker))
        if diarization.voice is None:
            embedding = diarization.embeddings.get(speaker, np.zeros(0, dtype=np.float32))
        else:
            rows, embedding = _own_speech(diarization, diarization.voice, speaker, rows, starts, ends)
        seconds = float((ends[rows] - starts[rows]).sum())
        if seconds and embedding.any():
            span = float(starts[rows].min()), float(ends[rows].max())
            samples[speaker] = VoiceSample(embedding=embedding, seconds=seconds, start=span[0], end=span[1])
    return samples


def _own_speech(
    diarization: Diarization,
    voice: SpeakerEvidence,
    speaker: int,
    rows: npt.NDArray[np.int64],
    starts: npt.NDArray[np.float64],
    ends: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Rows whose embedding is closest to the speaker, and their mean embedding."""
    speakers = sorted(diarization.embeddings)
    if speaker not in diarization.embeddings or not len(rows):
        return rows[:0], np.zeros(0, dtype=np.float32)
    vectors = l2_normalise(np.stack([voice.embed(starts[row], ends[row]) for row in rows.tolist()]))
    nearest = np.argmax(vectors @ np.stack([diarization.embeddings[each] for each in speakers]).T, axis=1)
    own = (nearest == speakers.index(speaker)) & vectors.any(axis=1)
    weights = (ends - starts)[rows[own]].astype(np.float32)
    return rows[own], l2_normalise(weights @ vectors[own])


def _seconds_of_others(
    diarization: Diarization,
    starts: npt.NDArray[np.float64],
    ends: npt.NDArray[np.float64],
    owners: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """Seconds of each span that overlap turns of other speakers; O(speakers x spans log turns)."""
    turns: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for turn in diarization.turns:
        turns[turn.speaker_id].append((turn.start, turn.end))
    seconds = np.zeros(len(starts))
    for speaker, spans in turns.items():
        seconds += np.where(owners == speaker, 0.0, Timeline(spans).covered(starts, ends))
    return seconds
