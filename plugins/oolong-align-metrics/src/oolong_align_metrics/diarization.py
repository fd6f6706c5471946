"""Diarization and Jaccard error rate from pyannote.metrics, as parts that can be summed over recordings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from oolong_align_metrics.readers import Turn

if TYPE_CHECKING:
    from pyannote.core import Annotation

__all__ = ["DiarizationErrors", "diarization_errors"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiarizationErrors:
    """Errors of one or several recordings.

    Attributes
    ----------
    speech : float
        Scored speech of the reference in seconds; overlapping speech counts once per speaker.
    false_alarm, missed, confusion : float
        Seconds of detected non-speech, of undetected speech, and of speech assigned to the wrong speaker.
    jaccard : float
        Sum of the Jaccard errors of all reference speakers, each 0 to 1.
    reference_speakers, hypothesis_speakers : int
        Speakers with scored speech; over several recordings, their sum.
    """

    speech: float
    false_alarm: float
    missed: float
    confusion: float
    jaccard: float
    reference_speakers: int
    hypothesis_speakers: int

    @property
    def error_rate(self) -> float:
        """DER, ``(false_alarm + missed + confusion) / speech``; NaN without speech."""
        return (self.false_alarm + self.missed + self.confusion) / self.speech if self.speech else math.nan

    @property
    def jaccard_error_rate(self) -> float:
        """JER, the mean Jaccard error of the reference speakers; NaN without speakers."""
        return self.jaccard / self.reference_speakers if self.reference_speakers else math.nan

    @classmethod
    def sum(cls, parts: Iterable[DiarizationErrors]) -> DiarizationErrors:
        """Errors of several recordings together."""
        listed = list(parts)
        return cls(**{field.name: sum(getattr(part, field.name) for part in listed) for field in fields(cls)})


def diarization_errors(
    reference: Sequence[Turn],
    hypothesis: Sequence[Turn],
    *,
    ranges: Sequence[tuple[float, float]] | None = None,
    collar: float = 0.0,
    skip_overlap: bool = False,
) -> DiarizationErrors:
    """Compare the turns of a diarization with a reference.

    Parameters
    ----------
    reference, hypothesis : sequence of Turn
        Turns may overlap. Names may differ: the best one-to-one mapping is used.
    ranges : sequence of (float, float), optional
        Scored ranges in seconds. Default: from 0 to the end of the last turn.
    collar : float
        Seconds to exclude on *each side* of every reference boundary, as in md-eval and dscore. In pyannote.metrics,
        ``collar`` is the sum of both sides.
    skip_overlap : bool
        Exclude ranges where several reference speakers overlap.

    Returns
    -------
    DiarizationErrors

    References
    ----------
    Bredin (2017), "pyannote.metrics: a toolkit for reproducible evaluation, diagnostic, and error analysis of
    speaker diarization systems". Ryant et al. (2019), "The Second DIHARD Diarization Challenge" (JER).
    """
    from pyannote.core import Segment, Timeline
    from pyannote.metrics.diarization import DiarizationErrorRate, JaccardErrorRate

    if ranges is None:
        ranges = [(0.0, max((turn.end for turn in (*reference, *hypothesis)), default=0.0))]
    scored = Timeline([Segment(start, end) for start, end in ranges if end > start]).support()
    truth, ours = _annotation(reference), _annotation(hypothesis)
    settings = {"collar": 2 * collar, "skip_overlap": skip_overlap}
    metric = DiarizationErrorRate(**settings)
    parts = metric.compute_components(truth, ours, uem=scored)
    jaccard = JaccardErrorRate(**settings).compute_components(truth, ours, uem=scored)
    _, found = metric.uemify(truth, ours, uem=scored, **settings)
    return DiarizationErrors(
        speech=float(parts["total"]),
        false_alarm=float(parts["false alarm"]),
        missed=float(parts["missed detection"]),
        confusion=float(parts["confusion"]),
        jaccard=float(jaccard["speaker error"]),
        reference_speakers=int(jaccard["speaker count"]),
        hypothesis_speakers=len(found.labels()),
    )


def _annotation(turns: Sequence[Turn]) -> Annotation:
    from pyannote.core import Annotation, Segment

    annotation = Annotation()
    for track, turn in enumerate(turns):
        annotation[Segment(turn.start, turn.end), track] = turn.speaker
    return annotation
