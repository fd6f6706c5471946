"""Diarization error rate with pyannote.metrics (no collar, overlap scored), and word alignment by edit distance."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

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


def normalise(text: str) -> list[str]:
    return re.sub(r"[^a-z0-9' ]", " ", text.lower()).replace("'", "").split()


def align_words(reference: Sequence[str], recognised: Sequence[str]) -> list[tuple[int | None, int | None]]:
    """Return index pairs of a minimal edit; ``None`` marks an insertion or a deletion."""
    cost = np.zeros((len(reference) + 1, len(recognised) + 1), dtype=int)
    cost[:, 0], cost[0] = range(len(reference) + 1), range(len(recognised) + 1)
    for i, expected in enumerate(reference, 1):
        for j, found in enumerate(recognised, 1):
            same = cost[i - 1, j - 1] + (expected != found)
            cost[i, j] = min(same, cost[i - 1, j] + 1, cost[i, j - 1] + 1)
    pairs: list[tuple[int | None, int | None]] = []
    i, j = len(reference), len(recognised)
    while i or j:
        if i and j and cost[i, j] == cost[i - 1, j - 1] + (reference[i - 1] != recognised[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif i and cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
            pairs.append((i, None))
        else:
            j -= 1
            pairs.append((None, j))
    return pairs[::-1]
