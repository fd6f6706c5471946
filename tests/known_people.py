"""Synthetic voices: known directions in 64 dimensions plus noise."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import datetime, timezone
from itertools import pairwise

import numpy as np

from oolong_align.audio.recording import Audio
from oolong_align.hookspecs import DiarizerEntry, hookimpl
from oolong_align.speakers.records import Reference, Voice, VoiceModel
from oolong_align.speakers.samples import VoiceSample
from oolong_align.types import Diarization, DiarizeSegment, FloatArray, ModelInfo, SpeakerSegment, SpeechRange

DIMENSION = 64
MODEL = VoiceModel(name="test", weights="f" * 64, dimension=DIMENSION)
NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=timezone.utc)


def embedding_of(person: str, session: int = 0, noise: float = 0.3) -> FloatArray:
    """Embedding of a person in a session; the cosine of two sessions is about 1 / (1 + noise^2)."""
    centre = np.random.default_rng(zlib.crc32(person.encode())).standard_normal(DIMENSION)
    deviation = np.random.default_rng([zlib.crc32(person.encode()), session]).standard_normal(DIMENSION)
    vector = centre + noise * deviation
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def sample(person: str, session: int = 0, *, seconds: float = 30.0, noise: float = 0.3) -> VoiceSample:
    return VoiceSample(embedding=embedding_of(person, session, noise), seconds=seconds, end=seconds)


def reference(person: str, session: int = 0, *, source: str = "", seconds: float = 30.0) -> Reference:
    return Reference(
        embedding=embedding_of(person, session),
        source=source or f"file_{session}",
        recording=source or f"{person} {session}",
        start=0.0,
        end=seconds,
        seconds=seconds,
        enrolled=NOW,
    )


def voice(references: Sequence[Reference], name: str | None = None, number: int = 0) -> Voice:
    return Voice(
        id=f"voice_{number}" if number else "",
        name=name,
        model=MODEL,
        seconds=sum(each.seconds for each in references),
        centroid=references[0].embedding,
        references=tuple(references),
    )


class Known:
    """Diarizer by file name: in ``Ada_Bob.3.wav``, Ada and Bob speak for equal times in session 3.

    Recordings that are not 20 s long are another session.
    """

    name = "known"
    weights = MODEL.weights

    @hookimpl
    def oolong_diarizers(self) -> list[DiarizerEntry]:
        return [DiarizerEntry("known", "speakers from the file name", lambda config: self._diarize)]

    def _diarize(self, audio: Audio, **_: object) -> Diarization:
        people, _, session = (audio.stem or "Ada").partition(".")
        names = people.split("_")
        number_of_session = int(session or 0) + 10 * abs(round(audio.duration - 20))
        bounds = np.linspace(0, audio.duration, len(names) + 1).tolist()
        spans = [(start, end, number) for number, (start, end) in enumerate(pairwise(bounds))]
        return Diarization(
            segments=tuple(SpeakerSegment(*span) for span in spans),
            turns=tuple(DiarizeSegment(*span) for span in spans),
            speech=(SpeechRange(0.0, audio.duration),),
            duration=audio.duration,
            embeddings={number: embedding_of(name, number_of_session) for number, name in enumerate(names)},
            model=ModelInfo(bundle="known", hashes={"embedding": self.weights}, dimension=DIMENSION),
        )
