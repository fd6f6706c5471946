"""Diarization error rate by pyannote.metrics: no collar, overlap scored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from oolong_align.types import DiarizeSegment


@dataclass(frozen=True)
class Errors:
    false_alarm: float
    missed: float
    confusion: float
    total: float

    @property
    def rate(self) -> float:
        return (self.false_alarm + self.missed + self.confusion) / self.total

    @classmethod
    def sum(cls, parts: Iterable[Errors]) -> Errors:
        columns = zip(*((e.false_alarm, e.missed, e.confusion, e.total) for e in parts), strict=True)
        return cls(*(sum(column) for column in columns))


def read_rttm(path: Path) -> list[tuple[float, float, str]]:
    rows = (line.split() for line in path.read_text().splitlines() if line.startswith("SPEAKER"))
    return [(float(row[3]), float(row[3]) + float(row[4]), row[7]) for row in rows]


def score(reference: Path, turns: Sequence[DiarizeSegment]) -> Errors:
    from pyannote.core import Annotation, Segment, Timeline
    from pyannote.metrics.diarization import DiarizationErrorRate

    truth, ours = Annotation(), Annotation()
    for index, (start, end, speaker) in enumerate(read_rttm(reference)):
        truth[Segment(start, end), index] = speaker
    for index, turn in enumerate(turns):
        ours[Segment(turn.start, turn.end), index] = str(turn.speaker_id)
    end = max(truth.get_timeline().extent().end, ours.get_timeline().extent().end if turns else 0.0)
    parts = DiarizationErrorRate().compute_components(truth, ours, uem=Timeline([Segment(0, end)]))
    return Errors(parts["false alarm"], parts["missed detection"], parts["confusion"], parts["total"])


def count_speakers(reference: Path) -> int:
    return len({speaker for _, _, speaker in read_rttm(reference)})
