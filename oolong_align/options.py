"""Options of the diarizer, the voice activity detector, the alignment and the page; importing them loads no engine."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Final

from oolong_align.errors import UsageError

PRECISIONS: Final = ("fp32", "int8")
ALIGN_RULES: Final = ("voice", "overlap")
"""How a word gets its speaker; the first is the default."""
AUDIO_CHOICES: Final = ("auto", "embed", "link", "none")
"""What becomes of the recording in a page; the first is the default."""
SPEAKER_THRESHOLD: Final = 0.9
"""Least probability of a known voice: of unknown speakers about one in a hundred is taken for somebody."""
_VAD_OFFSET: Final = 0.357
_WINDOW_S: Final = 10.0
_SMALLEST: Final = sys.float_info.min
_LARGEST: Final = sys.float_info.max


@dataclass(frozen=True, slots=True, kw_only=True)
class DiarizerOptions:
    """How to diarize.

    Attributes
    ----------
    vad_onset, vad_offset : float
        Speech starts where its probability rises above the first and ends where it falls below the second;
        0 <= offset <= onset <= 1. They shape the speech ranges, which gate the transcriber; turns come from the
        segmentation's most probable class.
    min_duration_off : float
        Seconds, >= 0. Shorter gaps inside a turn or a speech range are filled.
    embedding_exclude_overlap : bool
        With ``refine=False``: leave out frames with several speakers when a voice is embedded, if enough others remain.
    clustering_threshold : float or None
        Distance at which the initial clustering stops, 0 to 2, between L2-normalised embeddings: the mean distance of
        two clusters' pieces, where not given the one in the PLDA's file or 1.05; with ``refine=False`` that of two
        clusters' means, 0.6.
    intra_threads : int or None
        Threads of a network, >= 1; ``None`` takes one for each core.
    step : float or None
        Seconds between two windows of 10 s, above 0 and up to 10; 79 frames or 1.33 s where not given, 1 with
        ``refine=False``.
    exact : bool
        With ``refine=False``: embed every window by itself, ten times slower, as the reference does.
    providers : tuple of str
        ONNX Runtime's execution providers in order of preference, such as ``("cuda",)``; the CPU stands in.
    precision : {"fp32", "int8"}
        Arithmetic of the networks.
    refine : bool
        Find the speakers from pieces of speech between two changes of speaker, and give each piece and overlap to those
        whose voices it has; otherwise as the reference does, from the local speakers of whole windows.
    fa, fb : float
        VBx: acoustic scaling factor and speaker regularisation, above 0.
    max_iterations : int
        VBx iterations at most, >= 1.

    Raises
    ------
    UsageError
        If a value is out of range.
    """

    vad_onset: float = 0.5
    vad_offset: float = _VAD_OFFSET
    min_duration_off: float = 0.0
    embedding_exclude_overlap: bool = True
    clustering_threshold: float | None = None
    intra_threads: int | None = None
    step: float | None = None
    exact: bool = False
    providers: tuple[str, ...] = ()
    precision: str = "fp32"
    refine: bool = True
    fa: float = 0.07
    fb: float = 0.8
    max_iterations: int = 20

    def __post_init__(self) -> None:
        if (
            not isinstance(self.providers, Sequence)
            or isinstance(self.providers, str)
            or not all(isinstance(name, str) for name in self.providers)
        ):
            raise UsageError(f"providers={self.providers!r} must be a tuple of names, such as ('cuda',)")
        for name in ("embedding_exclude_overlap", "exact", "refine"):
            _check(name, getattr(self, name), isinstance(getattr(self, name), bool), "True or False")
        _check_number("vad_onset", self.vad_onset, 0.0, 1.0, "from 0 to 1")
        at_most_onset = f"from 0 to vad_onset, which is {self.vad_onset}"
        if self.vad_offset == _VAD_OFFSET:
            at_most_onset += f"; {_VAD_OFFSET} is its default, so give --vad_offset too"
        _check_number("vad_offset", self.vad_offset, 0.0, self.vad_onset, at_most_onset)
        _check_number("min_duration_off", self.min_duration_off, 0.0, _LARGEST, "0 or more seconds")
        if self.clustering_threshold is not None:
            _check_number("clustering_threshold", self.clustering_threshold, _SMALLEST, 2.0, "above 0 and up to 2")
        if self.step is not None:
            _check_number("step", self.step, 0.01, _WINDOW_S, "from 0.01 to 10 seconds")
        _check_number("fa", self.fa, _SMALLEST, _LARGEST, "above 0")
        _check_number("fb", self.fb, _SMALLEST, _LARGEST, "above 0")
        _check("precision", self.precision, self.precision in PRECISIONS, " or ".join(PRECISIONS))
        _check_count("intra_threads", self.intra_threads)
        _check_count("max_iterations", self.max_iterations)
        _check("max_iterations", self.max_iterations, self.max_iterations is not None, "a whole number, 1 or more")


def check_speaker_bounds(num: int | None, low: int | None, high: int | None) -> None:
    """Refuse numbers of speakers that contradict each other.

    Raises
    ------
    UsageError
        If a number is below 1, an exact number comes with a bound, or the bounds are swapped.
    """
    for name, value in (("num_speakers", num), ("min_speakers", low), ("max_speakers", high)):
        _check_count(name, value)
    if num is not None and (low is not None or high is not None):
        raise UsageError("num_speakers is exact: give it alone, without min_speakers and max_speakers")
    if low is not None and high is not None and low > high:
        raise UsageError(f"min_speakers={low} is more than max_speakers={high}; swap them")


def _check_number(name: str, value: object, low: float, high: float, allowed: str) -> None:
    number = isinstance(value, Real) and not isinstance(value, bool)
    _check(name, value, number and low <= value <= high, allowed)  # type: ignore[operator]


def _check_count(name: str, value: object) -> None:
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    _check(name, value, value is None or (whole and value >= 1), "a whole number, 1 or more")  # type: ignore[operator]


def _check(name: str, value: object, valid: bool, allowed: str) -> None:
    if not valid:
        raise UsageError(f"{name}={value!r} is out of range: use {allowed}")
