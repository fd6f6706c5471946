"""Error rates for diarization and for words with speakers.

Names are imported on first use, so that starting ``oolong`` does not import their libraries.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from oolong_align_metrics.diarization import DiarizationErrors as DiarizationErrors
    from oolong_align_metrics.diarization import diarization_errors as diarization_errors
    from oolong_align_metrics.interleaving import align_words as align_words
    from oolong_align_metrics.normalisation import normalise as normalise
    from oolong_align_metrics.readers import Hypothesis as Hypothesis
    from oolong_align_metrics.readers import Turn as Turn
    from oolong_align_metrics.readers import read_hypothesis as read_hypothesis
    from oolong_align_metrics.readers import read_rttm as read_rttm
    from oolong_align_metrics.readers import read_stm as read_stm
    from oolong_align_metrics.readers import read_uem as read_uem
    from oolong_align_metrics.words import WordErrors as WordErrors
    from oolong_align_metrics.words import cp_errors as cp_errors
    from oolong_align_metrics.words import score_files as score_files
    from oolong_align_metrics.words import word_errors as word_errors

_HOMES: Final = {
    "DiarizationErrors": "diarization",
    "diarization_errors": "diarization",
    "align_words": "interleaving",
    "normalise": "normalisation",
    "Hypothesis": "readers",
    "Turn": "readers",
    "read_hypothesis": "readers",
    "read_rttm": "readers",
    "read_stm": "readers",
    "read_uem": "readers",
    "WordErrors": "words",
    "cp_errors": "words",
    "score_files": "words",
    "word_errors": "words",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605 -- one list for the lazy import and the star import


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
