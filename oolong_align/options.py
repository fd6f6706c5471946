"""Options of the diarizer, the voice activity detector, the alignment and the page. Importing them loads no engine."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import InitVar, dataclass
from numbers import Integral, Real
from typing import Final

from oolong_align.errors import UsageError

METHODS: Final = ("pieces", "windows")
"""Methods to find the speakers of a recording; the first is the default."""
PRECISIONS: Final = ("fp32", "int8")
ALIGN_RULES: Final = ("voice", "overlap")
"""Rules that assign a speaker to a word; the first is the default."""
AUDIO_CHOICES: Final = ("auto", "embed", "link", "none")
"""How a page includes the recording; the first is the default."""
SPEAKER_THRESHOLD: Final = 0.9
"""Minimum probability of a match with a known voice; it accepts about one in a hundred unknown speakers."""
_VAD_OFFSET: Final = 0.357
_WINDOW_S: Final = 10.0
_SMALLEST: Final = sys.float_info.min
_LARGEST: Final = sys.float_info.max


@dataclass(frozen=True, slots=True, kw_only=True)
class DiarizerOptions:
    """Options of the diarizer.

    Attributes
    ----------
    vad_onset, vad_offset : float
        A speech range starts where the speech probability rises above ``vad_onset`` and ends where it falls below
        ``vad_offset``; 0 <= offset <= onset <= 1. Speech ranges limit the transcription. Turns do not depend on them.
    min_duration_off : float
        Seconds, >= 0. Shorter gaps inside a turn or a speech range are filled.
    embedding_exclude_overlap : bool
        With ``method="windows"``: embed a speaker without frames of overlapping speech, if enough others remain.
    clustering_threshold : float or None
        Distance at which the initial clustering stops, 0 to 2, between L2-normalised embeddings. With
        ``method="pieces"`` it is the mean distance of two clusters' pieces; the default is the value in the PLDA file,
        or 1.05. With ``method="windows"`` it is the distance of two clusters' means; the default is 0.6.
    intra_threads : int or None
        Threads of a network, >= 1; ``None`` for one per core.
    step : float or None
        Seconds between two windows of 10 s, above 0 and up to 10. The default is 79 frames (1.33 s), or 1 s with
        ``method="windows"``.
    exact : bool
        With ``method="windows"``: embed each window separately, as pyannote.audio does; ten times slower.
    providers : tuple of str
        ONNX Runtime execution providers by preference, such as ``("cuda",)``; the CPU is the fallback.
    precision : {"fp32", "int8"}
        Arithmetic of the networks.
    method : {"pieces", "windows"}
        How to find the speakers. "pieces" clusters the speech between two changes of speaker and assigns each piece
        and overlap to the speakers with the most similar embeddings; "windows" clusters the local speakers of 10 s
        windows, as pyannote.audio does.
    refine : bool, optional
        Former name of ``method``, not stored: True for "pieces", False for "windows".
    fa, fb : float
        VBx: acoustic scaling factor and speaker regularisation, above 0.
    max_iterations : int
        VBx: maximum number of iterations, >= 1.

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
    method: str = METHODS[0]
    refine: InitVar[bool | None] = None
    fa: float = 0.07
    fb: float = 0.8
    max_iterations: int = 20

    def __post_init__(self, refine: bool | None) -> None:
        if refine is not None:
            _check("refine", refine, isinstance(refine, bool), "True or False")
            method = "pieces" if refine else "windows"
            if self.method not in (METHODS[0], method):
                raise UsageError(f"refine={refine} contradicts method={self.method!r}. Remove refine.")
            object.__setattr__(self, "method", method)
        _check("method", self.method, self.method in METHODS, " or ".join(METHODS))
        if (
            not isinstance(self.providers, Sequence)
            or isinstance(self.providers, str)
            or not all(isinstance(name, str) for name in self.providers)
        ):
            raise UsageError(f"Invalid providers={self.providers!r}: must be a tuple of names, such as ('cuda',)")
        for name in ("embedding_exclude_overlap", "exact"):
            _check(name, getattr(self, name), isinstance(getattr(self, name), bool), "True or False")
        _check_number("vad_onset", self.vad_onset, 0.0, 1.0, "from 0 to 1")
        at_most_onset = f"from 0 to vad_onset ({self.vad_onset})"
        if self.vad_offset == _VAD_OFFSET:
            at_most_onset += f"; {_VAD_OFFSET} is the default, so set --vad_offset too"
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
    """Check that numbers of speakers do not contradict each other.

    Raises
    ------
    UsageError
        If a number is below 1, an exact number is combined with a bound, or the bounds are swapped.
    """
    for name, value in (("num_speakers", num), ("min_speakers", low), ("max_speakers", high)):
        _check_count(name, value)
    if num is not None and (low is not None or high is not None):
        raise UsageError("num_speakers cannot be combined with min_speakers or max_speakers. Remove one.")
    if low is not None and high is not None and low > high:
        raise UsageError(f"min_speakers {low} exceeds max_speakers {high}. Swap them.")


def _check_number(name: str, value: object, low: float, high: float, allowed: str) -> None:
    number = isinstance(value, Real) and not isinstance(value, bool)
    _check(name, value, number and low <= value <= high, allowed)  # type: ignore[operator]


def _check_count(name: str, value: object) -> None:
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    _check(name, value, value is None or (whole and value >= 1), "a whole number, 1 or more")  # type: ignore[operator]


def _check(name: str, value: object, valid: bool, allowed: str) -> None:
    if not valid:
        raise UsageError(f"Invalid {name}={value!r}: must be {allowed}")
