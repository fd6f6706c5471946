"""Readers for RTTM, UEM and STM files, and for JSON from oolong-align, WhisperX and Whisper.

They are strict: an invalid line is an error that names the file and the line.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from oolong_align.errors import InputError
from oolong_align.hookspecs import parse_object, read_words, rttm_speakers
from oolong_align.types import Word

__all__ = ["Hypothesis", "Turn", "read_hypothesis", "read_rttm", "read_stm", "read_uem"]

UNSCORED: Final = "ignore_time_segment_in_scoring"
# fmt: off
_OTHER_RTTM: Final = frozenset((
    "SPKR-INFO", "SEGMENT", "NOSCORE", "NO_RT_METADATA", "NON-SPEECH", "LEXEME", "NON-LEX", "FILLER", "EDIT", "IP",
    "SU", "CB", "A/P",
))
# fmt: on
_RTTM_FIELDS: Final = 8
_UEM_FIELDS: Final = 4
_STM_FIELDS: Final = 5


class Turn(NamedTuple):
    """Start and end of a speaker's turn in seconds; ``text`` is empty if it is unknown."""

    start: float
    end: float
    speaker: str
    text: str = ""

    @property
    def is_scored(self) -> bool:
        """Whether the turn is scored."""
        return self.text.casefold() != UNSCORED


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """Recognised words with their speakers, and the language, empty if it is unknown."""

    language: str
    words: tuple[Word, ...]


def read_rttm(path: Path) -> dict[str, tuple[Turn, ...]]:
    """Read the turns of each recording from an RTTM file (NIST RT-09).

    Parameters
    ----------
    path : Path
        Only ``SPEAKER`` lines are used. Empty turns are skipped.

    Returns
    -------
    dict of str to tuple of Turn
        By file id, in order of the lines.

    Raises
    ------
    InputError
        If the file cannot be read, or a line has a missing field or an invalid time.
    """
    spans: dict[str, list[tuple[float, float, int]]] = {}
    lines: list[list[str]] = []
    for place, line in _lines(path):
        fields = line.split()
        if not fields or fields[0] in _OTHER_RTTM:
            continue
        if fields[0] != "SPEAKER":
            raise InputError(f"{place}: Invalid RTTM line type {fields[0]!r}. Expected SPEAKER")
        _need(fields, _RTTM_FIELDS, place, "SPEAKER <file> <channel> <start> <duration> <NA> <NA> <speaker>")
        start, length = _seconds(fields[3], place), _seconds(fields[4], place)
        found = spans.setdefault(fields[1], [])
        if length > 0:
            found.append((start, start + length, len(lines)))
            lines.append(fields)
    speakers = rttm_speakers(lines)
    return {
        name: tuple(Turn(start, end, speakers[line]) for start, end, line in found) for name, found in spans.items()
    }


def read_uem(path: Path) -> dict[str, tuple[tuple[float, float], ...]]:
    """Read the scored ranges of each recording, in seconds, from a UEM file: lines are ``file channel start end``.

    Raises
    ------
    InputError
        If the file cannot be read, or a line has a missing field or an invalid time.
    """
    ranges: dict[str, list[tuple[float, float]]] = {}
    for place, line in _lines(path):
        fields = line.split()
        if fields:
            _need(fields, _UEM_FIELDS, place, "<file> <channel> <start> <end>")
            ranges.setdefault(fields[0], []).append(_span(fields[2], fields[3], place))
    return {name: tuple(found) for name, found in ranges.items()}


def read_stm(path: Path) -> dict[str, tuple[Turn, ...]]:
    """Read the spoken words of each recording from an STM file (NIST SCTK): one turn per line.

    Parameters
    ----------
    path : Path
        Lines are ``file channel speaker start end [<label>] text``. Comments (``;;``) are skipped.

    Returns
    -------
    dict of str to tuple of Turn
        By file id, sorted by start.

    Raises
    ------
    InputError
        If the file cannot be read, or a line has a missing field or an invalid time.
    """
    turns: dict[str, list[Turn]] = {}
    for place, line in _lines(path):
        if not line.strip():
            continue
        fields = line.split(maxsplit=_STM_FIELDS)
        if fields[0] == "SPEAKER":
            raise InputError(f"{place}: This is a line of an RTTM file. Give an STM file, which has the words")
        _need(fields, _STM_FIELDS, place, "<file> <channel> <speaker> <start> <end> <text>")
        text = fields[5].strip() if len(fields) > _STM_FIELDS else ""
        if text.startswith("<"):
            label, closed, rest = text.partition(">")
            text = rest.strip() if closed and not any(map(str.isspace, label)) else text
        turns.setdefault(fields[0], []).append(Turn(*_span(fields[3], fields[4], place), fields[2], text))
    return {name: tuple(sorted(found, key=lambda turn: turn.start)) for name, found in turns.items()}


def read_hypothesis(path: Path) -> Hypothesis:
    """Read recognised words and their speakers from JSON with ``segments``.

    Parameters
    ----------
    path : Path
        File from oolong-align, WhisperX, Whisper or faster-whisper, or OpenAI's ``verbose_json`` or
        ``diarized_json``. A word without the field ``speaker`` has the speaker of its segment; with the value ``null``,
        it has no speaker. The text of a segment without words is spread over its length.

    Returns
    -------
    Hypothesis
        Words in the order of the file; missing times are NaN.

    Raises
    ------
    InputError
        If the file cannot be read or has another format.
    """
    try:
        root = parse_object(_text(path)).value
        assert isinstance(root, Mapping)  # noqa: S101  parse_object returns objects only
        segments = root.get("segments")
        if not isinstance(segments, list):
            raise InputError("No list 'segments'. Give a JSON file from oolong or WhisperX")
        language = root.get("language")
        words = tuple(word for segment in segments for word in _segment_words(segment))
        return Hypothesis(language if isinstance(language, str) else "", words)
    except InputError as error:
        raise _about(path, error) from None


def _segment_words(segment: object) -> Iterator[Word]:
    words = read_words({"segments": [segment]}).words
    own = segment if isinstance(segment, Mapping) else {}
    listed = [each for each in own.get("words") or () if each["word"].strip()] or [{}] * len(words)
    for word, record in zip(words, listed, strict=True):
        yield replace(word, speaker=_speaker(record.get("speaker", own.get("speaker"))))


def _speaker(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise InputError(f"Invalid speaker {value!r}: expected a string or null")
    return value or None


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield lines without comments, each with its place."""
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if not line.lstrip().startswith(";;"):
            yield f"{path}:{number}", line


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"Could not read {path}: not UTF-8. Save it as UTF-8") from None
    except OSError as error:
        raise InputError(f"Could not read {path}: {error.strerror}") from None


def _about(path: Path, error: InputError) -> InputError:
    text = str(error)
    return error if str(path) in text else InputError(f"{path}: {text}")


def _need(fields: Sequence[str], count: int, place: str, form: str) -> None:
    if len(fields) < count:
        raise InputError(f"{place}: Expected {count} fields, found {len(fields)}: {form}")


def _seconds(text: str, place: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise InputError(f"{place}: Invalid time {text!r}. Expected seconds, at least 0")
    return value


def _span(start: str, end: str, place: str) -> tuple[float, float]:
    first, last = _seconds(start, place), _seconds(end, place)
    if last < first:
        raise InputError(f"{place}: Invalid time range {start} to {end}: end must not be before start")
    return first, last
