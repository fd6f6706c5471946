"""Turns in the tables of other libraries, each imported only where it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from oolong_align.errors import OolongError
from oolong_align.types import Diarization, speaker_label

if TYPE_CHECKING:
    from pandas import DataFrame
    from pyannote.core import Annotation

__all__ = ["make_annotation", "make_frame"]


def make_frame(diarization: Diarization, *, exclusive: bool) -> DataFrame:
    """Table of turns for WhisperX: see `oolong_align.types.Diarization.to_whisperx`."""
    pandas = _load("pandas")
    turns: Sequence[Any] = diarization.segments if exclusive else diarization.turns
    return pandas.DataFrame(
        {
            "segment": pandas.Series(list(turns), dtype=object),
            "label": pandas.Series([str(number) for number in range(len(turns))], dtype=object),
            "speaker": pandas.Series([speaker_label(turn.speaker_id) for turn in turns], dtype=object),
            "start": pandas.Series([turn.start for turn in turns], dtype="float64"),
            "end": pandas.Series([turn.end for turn in turns], dtype="float64"),
        }
    )


def make_annotation(diarization: Diarization, *, uri: str | None, exclusive: bool) -> Annotation:
    """Turns for pyannote's tools: see `oolong_align.types.Diarization.to_annotation`."""
    core = _load("pyannote.core")
    annotation = core.Annotation(uri=uri)
    turns: Sequence[Any] = diarization.segments if exclusive else diarization.turns
    for number, turn in enumerate(turns):
        annotation[core.Segment(turn.start, turn.end), str(number)] = speaker_label(turn.speaker_id)
    return annotation


def _load(module: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise OolongError(f"{module} is not installed: pip install {module}") from error
