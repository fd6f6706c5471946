"""Converts turns to objects of pandas and pyannote.core, which are only imported when needed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from oolong_align.errors import OolongError

if TYPE_CHECKING:
    from pandas import DataFrame
    from pyannote.core import Annotation

__all__ = ["make_annotation", "make_frame"]


Turn: TypeAlias = tuple[Any, str]
"""An object with ``start`` and ``end``, and the label of its speaker."""


def make_frame(turns: Sequence[Turn]) -> DataFrame:
    """Make a data frame of turns for WhisperX (see `oolong_align.types.Diarization.to_whisperx`)."""
    pandas = _load("pandas")
    return pandas.DataFrame(
        {
            "segment": pandas.Series([turn for turn, _ in turns], dtype=object),
            "label": pandas.Series([str(number) for number in range(len(turns))], dtype=object),
            "speaker": pandas.Series([speaker for _, speaker in turns], dtype=object),
            "start": pandas.Series([turn.start for turn, _ in turns], dtype="float64"),
            "end": pandas.Series([turn.end for turn, _ in turns], dtype="float64"),
        }
    )


def make_annotation(turns: Sequence[Turn], *, uri: str | None) -> Annotation:
    """Make a pyannote.core annotation (see `oolong_align.types.Diarization.to_annotation`)."""
    core = _load("pyannote.core")
    annotation = core.Annotation(uri=uri)
    for number, (turn, speaker) in enumerate(turns):
        annotation[core.Segment(turn.start, turn.end), str(number)] = speaker
    return annotation


def _load(module: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise OolongError(f"{module} is not installed. Install it with: pip install {module}") from error
