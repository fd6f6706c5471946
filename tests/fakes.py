"""Stand-ins for models and plugins that several test files use."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from oolong_align.audio.recording import Audio
from oolong_align.diarization.frame_store import Mask, Stored
from oolong_align.errors import AudioError
from oolong_align.hookspecs import Config, DiarizerEntry, TranscriberEntry, hookimpl
from oolong_align.types import (
    Diarization,
    DiarizeSegment,
    DiarizeTiming,
    FloatArray,
    SpeakerSegment,
    SpeechRange,
    Word,
    Words,
)

FRAMES_PER_S = 16_000 / 270  # of the segmentation network


class MeanModel:
    """An embedding model whose embedding is the mean of the frames; ``per_voice_frame`` frames cover 80 ms."""

    threads = 2

    def __init__(self, dimension: int = 4, *, per_voice_frame: int = 1) -> None:
        self.dimension = dimension
        self.per_voice_frame = per_voice_frame

    def project(self, statistics: FloatArray) -> FloatArray:
        return statistics[:, : self.dimension]

    def pool(self, frames: Stored, masks: Mask) -> FloatArray:
        weights = masks.repeat(self.per_voice_frame, axis=1).astype(np.float32)
        assert weights.shape[1] == len(frames)
        return weights @ frames.astype(np.float32) / weights.sum(axis=1, keepdims=True)


class FakeEvidence:
    """Scores by the middle of a span, embeddings by its start and end; records the spans that were scored."""

    def __init__(
        self,
        scores: Callable[[float], dict[int, float]] = lambda middle: {},
        embed: Callable[[float, float], list[float]] = lambda start, end: [0.0] * 4,
    ) -> None:
        self._scores = scores
        self._embed = embed
        self.queried: list[tuple[float, float]] = []

    def embed(self, start: float, end: float) -> FloatArray:
        return np.array(self._embed(start, end), dtype=np.float32)

    def scores(self, start: float, end: float) -> dict[int, float]:
        self.queried.append((start, end))
        return self._scores((start + end) / 2)


REPLAY = ("--diarizer", "replay", "--transcriber", "replay")


class Replay:
    """A diarizer and a transcriber without models: two speakers, one second each with some overlap, one word each."""

    name = "replay"

    def __init__(self) -> None:
        self.calls: list[str] = []

    @hookimpl
    def oolong_diarizers(self) -> list[DiarizerEntry]:
        return [DiarizerEntry("replay", "two turns", self._build_diarizer)]

    @hookimpl
    def oolong_transcribers(self) -> list[TranscriberEntry]:
        return [TranscriberEntry("replay", "two words", self._build_transcriber)]

    def _build_diarizer(self, config: Config) -> Callable[..., Diarization]:
        self.calls.append("build diarizer")
        return self._diarize

    def _build_transcriber(self, config: Config) -> Callable[..., Words]:
        self.calls.append("build transcriber")
        return self._transcribe

    def _diarize(
        self,
        audio: Audio,
        *,
        num_speakers: int | None = None,
        min_speakers: int | None = None,
        max_speakers: int | None = None,
        progress: object = None,
    ) -> Diarization:
        self.calls.append(f"diarize {audio.stem}")
        if "broken" in audio.stem:
            raise AudioError(f"{audio.path} is broken")
        if audio.duration < 2:
            return Diarization(segments=(), turns=(), speech=(), duration=audio.duration)
        second = 0 if max_speakers == 1 else 1
        return Diarization(
            segments=(SpeakerSegment(0.0, 1.0, 0), SpeakerSegment(1.0, 2.0, second)),
            turns=(DiarizeSegment(0.0, 1.25 if second else 1.0, 0), DiarizeSegment(1.0, 2.0, second)),
            speech=(SpeechRange(0.0, 2.0),),
            duration=audio.duration,
            timing=DiarizeTiming(1.0, 2.0, 3.0, 6.0),
        )

    def _transcribe(self, audio: Audio, speech: object, *, progress: object = None) -> Words:
        self.calls.append(f"transcribe {audio.stem}")
        if not speech:
            return Words("en", ())
        return Words("en", (Word(0.2, 0.8, "hello", 0.9), Word(1.2, 1.8, "there", 0.8)))
