"""Recordings and embeddings that code makes from public parts, the same on every machine.

A conversation is put together from the utterances of ``examples/meeting.flac``. Voices are drawn from the speaker model
of the PLDA in the package. Backbone frames of known speakers need no network.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from oolong_align.audio import load_audio
from oolong_align.diarization.frame_store import FrameStore, Mask, Stored
from oolong_align.diarization.plda import Plda
from oolong_align.types import DiarizeSegment, FloatArray

RATE = 16_000
EXAMPLES = Path(__file__).parents[1] / "examples"
DIMENSION = 16


class Conversation(NamedTuple):
    samples: FloatArray
    turns: list[DiarizeSegment]


def make_conversation(num_turns: int, seed: int) -> Conversation:
    """Three people who leave at most 0.15 s between turns, answer in 0.5 to 1.6 s half of the time, and interrupt."""
    rng = np.random.default_rng(seed)
    utterances = _utterances()
    names = sorted(utterances)
    samples = np.zeros(6 * RATE * num_turns)
    turns: list[DiarizeSegment] = []
    end, last = 0.5, -1
    for _ in range(num_turns):
        speaker = int(rng.choice([number for number in range(len(names)) if number != last]))
        spoken = utterances[names[speaker]][rng.integers(len(utterances[names[speaker]]))]
        if rng.random() < 0.5:
            length = round(RATE * rng.uniform(0.5, 1.6))
            first = rng.integers(max(len(spoken) - length, 1))
            spoken = spoken[first : first + length]
        gap = rng.uniform(0.0, 0.15) if rng.random() > 0.2 else -rng.uniform(0.3, 0.8)
        start = max(end + gap, 0.1)
        edge = np.minimum(np.arange(len(spoken)) + 1, len(spoken) - np.arange(len(spoken)))
        faded = spoken * np.minimum(edge / 160, 1)
        place = round(start * RATE)
        samples[place : place + len(spoken)] += 0.06 * faded / np.sqrt(np.mean(spoken**2))
        end, last = start + len(spoken) / RATE, speaker
        turns.append(DiarizeSegment(start, end, speaker))
    samples = samples[: round((end + 0.5) * RATE)]
    return Conversation((samples + rng.normal(scale=1e-3, size=len(samples))).astype(np.float32), turns)


def _utterances() -> dict[str, list[npt.NDArray[np.float64]]]:
    with load_audio(EXAMPLES / "meeting.flac") as audio:
        samples = audio.read(0, audio.num_samples).astype(np.float64)
    found: dict[str, list[npt.NDArray[np.float64]]] = {}
    for line in (EXAMPLES / "meeting.stm").read_text().splitlines():
        _, _, name, start, end, _ = line.split(maxsplit=5)
        found.setdefault(name, []).append(samples[round(float(start) * RATE) : round(float(end) * RATE)])
    return found


def draw_voices(
    plda: Plda, *, speakers: int, manners: int, each: int, spread: float, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Draw embeddings of pieces ``(N, D)`` and their seconds ``(N,)`` from a PLDA.

    Each speaker has several manners of speaking, ``spread`` within-speaker deviations apart, and ``each`` pieces in
    each manner.
    """
    rng = np.random.default_rng(seed)
    size = len(plda.phi)
    rows = []
    for _ in range(speakers):
        speaker = rng.normal(size=size) * np.sqrt(plda.phi)
        for _ in range(manners):
            manner = speaker + spread * rng.normal(size=size)
            rows.append(manner + 0.8 * rng.normal(size=(each, size)))
    order = rng.permutation(speakers * manners * each)
    features = np.concatenate(rows)[order]
    seconds = rng.uniform(1.5, 5, size=len(features)).astype(np.float32)
    return _invert(plda, features), seconds


def _invert(plda: Plda, features: npt.NDArray[np.float64]) -> FloatArray:
    """Embeddings that the PLDA maps to the direction of these features, ``(N, K) -> (N, D)``."""
    d, k = plda.lda.shape
    projected = features @ np.linalg.inv(plda.tr.T) + plda.mu
    projected /= np.linalg.norm(projected, axis=1, keepdims=True)
    inside = (20 * projected + plda.mean2) @ np.linalg.pinv(plda.lda)
    # What the LDA does not see fills each row to the length that the transform expects.
    unseen = np.random.default_rng(9).normal(size=(len(features), d - k)) @ np.linalg.svd(plda.lda)[0][:, k:].T
    room = np.sqrt(np.maximum(d - np.sum(inside**2, axis=1), 0))
    rows = inside + unseen * (room / np.linalg.norm(unseen, axis=1))[:, None]
    return (3 * np.linalg.norm(plda.mean1) * rows / np.sqrt(d) + plda.mean1).astype(np.float32)


class MeanModel:
    """The embedding of a span is the mean of its frames."""

    dimension = DIMENSION
    threads = 1
    per_voice_frame = 1

    def pool(self, frames: Stored, masks: Mask) -> FloatArray:
        weights = masks.astype(np.float32)
        pooled: FloatArray = weights @ frames.astype(np.float32) / weights.sum(axis=1, keepdims=True)
        return pooled

    def project(self, statistics: FloatArray) -> FloatArray:
        return statistics[:, :DIMENSION]


def flat_plda() -> Plda:
    """A PLDA that treats all dimensions alike."""
    zeros = np.zeros(DIMENSION)
    return Plda(
        mean1=zeros,
        lda=np.eye(DIMENSION),
        mean2=zeros,
        mu=zeros,
        tr=np.eye(DIMENSION) * 8,
        phi=np.full(DIMENSION, 30.0),
    )


def joined_turns(*, speakers: int, turns: int, noise: float, seed: int) -> tuple[npt.NDArray[np.int64], FrameStore]:
    """Pieces ``(pieces, 2)`` that wrongly join one to three turns of 0.8 to 4 s, and the frames of the recording."""
    rng = np.random.default_rng(seed)
    voices = rng.normal(size=(speakers, DIMENSION))
    voices /= np.linalg.norm(voices, axis=1, keepdims=True)
    frames, bounds, last = FrameStore(DIMENSION), [0], -1
    for _ in range(turns):
        speaker = rng.integers(speakers)
        while speaker == last:
            speaker = rng.integers(speakers)
        last = speaker
        length = int(rng.integers(10, 50))
        frames.append((voices[[speaker]] + noise * rng.normal(size=(length, DIMENSION))).astype(np.float32))
        bounds.append(bounds[-1] + length)
    pieces, first = [], 0
    while first < turns:
        following = min(turns, first + int(rng.integers(1, 4)))
        pieces.append((bounds[first], bounds[following]))
        first = following
    return np.rint(np.array(pieces) * 0.08 * RATE / 270).astype(np.int64), frames
