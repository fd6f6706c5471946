"""Reads words from SubRip and WebVTT subtitles, which have times for cues but not for words.

Text that is not spoken is dropped: style, dashes at the start of a line, and speaker names, because speakers are
assigned again. These forms count as names: a WebVTT voice span (``<v Ada>``), and a label (``[Ada]: ``,
``SPEAKER_00: ``, ``Speaker 1: ``). A bare ``Ada: `` is a name only if at least half of the cues start like this, with
at least two different names, one of them repeated; otherwise it is kept as a word.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import regex

from oolong_align.errors import InputError
from oolong_align.interop.recognised import RecognisedSegment, RecognisedTranscript
from oolong_align.interop.spelling import split_text, with_spaces
from oolong_align.text.scripts import is_spaceless

__all__ = ["SUBTITLES", "clashing_cues", "is_subtitles", "read_subtitles"]

SUBTITLES: Final = ("SubRip", "WebVTT")
"""Values of `RecognisedTranscript.tool` for subtitles."""

_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_HEAD: Final = re.compile(r"\ufeff?(?:WEBVTT|\s*\d+[ \t]*\n[ \t]*\d+:\d+:\d+[,.]\d+[ \t]*-->)")
_VTT_BEGIN: Final = re.compile(r"WEBVTT(?:[ \t].*)?(?:\n|\Z)")
_BLOCK: Final = re.compile(r"[^\n]+(?:\n[^\n]+)*")
_CLOCK: Final = r"(?:(\d{2,9}):)?([0-5]\d):([0-5]\d)\.(\d{3})"
_TIMING: Final = re.compile(rf"{_CLOCK}[ \t]+-->[ \t]+{_CLOCK}(?:[ \t].*)?")
_SRT_CLOCK: Final = r"(\d{1,9}):(\d{1,2}):(\d{1,2})[,.](\d{1,9})"
_SRT_TIMING: Final = re.compile(rf"{_SRT_CLOCK}[ \t]*-->[ \t]*{_SRT_CLOCK}(?:[ \t].*)?")
_LIKE_TIMING: Final = re.compile(r"[ \t]*\d+:\d[^a-zA-Z]*-->")
_OTHER_BLOCKS: Final = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s|\Z)")
_SRT_STYLE: Final = re.compile(r"</?(?:[bius]|font)(?:\s[^<>]*)?>|\{\\[^{}]*\}", re.IGNORECASE)
_VTT_TAG: Final = re.compile(r"<[^<>]*>")
# A file with such a tag can repeat a text with another word marked each time, or scroll it up line by line.
_MOVING: Final = re.compile(r"<u>|<\d+:[\d:.]+>")
_TOUCHING_S: Final = 0.05
# Recognisers round the times of cues, which then overlap by up to this much.
_CLASH_S: Final = 0.5
_DASH: Final = re.compile(r"[-\u2013\u2014]\s+")
_LABEL: Final = re.compile(r"(?:\[[^\[\]]+\]|SPEAKER_\d+|Speaker \d+):(?:\s+|\Z)")
_NAME: Final = regex.compile(r"(\p{Lu}[\w'\u2019.-]*(?: \p{Lu}[\w'\u2019.-]*){0,2}):(?:\s+|\Z)")

_Cue: TypeAlias = "tuple[float, float, list[str]]"


def is_subtitles(text: str, suffix: str) -> bool:
    """Return whether a file contains subtitles, by its suffix or its first lines."""
    return suffix.lower() in (".srt", ".vtt") or bool(_HEAD.match(_lines(text[:200])))


def read_subtitles(text: str, suffix: str = "") -> RecognisedTranscript:
    """Read subtitles. Each cue becomes a segment without word times.

    Parameters
    ----------
    text : str
        Content of the file.
    suffix : str
        Suffix of the file name. A ``.vtt`` file must start with ``WEBVTT``.

    Raises
    ------
    InputError
        If the text is in neither format. The message contains the line.
    """
    text = _lines(text)
    if _SURROGATES.search(text):
        raise InputError("not UTF-8. Save it as UTF-8.")
    is_vtt = text.startswith("WEBVTT") or suffix.lower() == ".vtt"
    cues = list(_vtt_cues(text) if is_vtt else _srt_cues(text))
    if any(_MOVING.search(line) for _, _, lines in cues for line in lines):
        cues = _without_repetition(cues, is_vtt=is_vtt)
    cues = [(start, end, [_plain(line, is_vtt=is_vtt) for line in lines]) for start, end, lines in cues]
    named = _have_names(cues)
    segments: list[RecognisedSegment] = []
    for start, end, lines in cues:
        words = split_text(_join([_spoken(line, named=named) for line in lines]))
        if words:
            segments.append(RecognisedSegment(start, end, tuple(with_spaces(words))))
    return RecognisedTranscript("WebVTT" if is_vtt else "SubRip", "", tuple(segments))


def clashing_cues(cues: Sequence[RecognisedSegment]) -> list[RecognisedSegment]:
    """Return cues that end before they start, or overlap an earlier cue by more than rounding, sorted by start."""
    found: list[RecognisedSegment] = []
    reached = 0.0
    for start, end, cue in sorted(
        ((cue.start or 0.0, cue.end or 0.0, cue) for cue in cues), key=lambda each: (each[0], each[1])
    ):
        if end < start or min(end, reached) - start > _CLASH_S:
            found.append(cue)
        reached = max(reached, end)
    return found


def _lines(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _srt_cues(text: str) -> Iterator[_Cue]:
    cue: _Cue | None = None
    before: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        timing = _SRT_TIMING.fullmatch(line.strip())
        if timing is None and (
            _LIKE_TIMING.match(line) or (cue is None and line.strip() and not line.strip().isdigit())
        ):
            raise _not_a_cue("SubRip", number, line)
        if timing is None:
            before.append(line)
            continue
        if cue is not None:
            # A number before the times belongs to the next cue.
            yield (*cue[:2], before[:-1] if before and before[-1].strip().isdigit() else before)
        cue = (_seconds(timing.groups()[:4]), _seconds(timing.groups()[4:]), [])
        before = []
    if cue is not None:
        yield (*cue[:2], before)
    elif text.strip():
        raise InputError("no SubRip cue found. Use an SRT file with times such as 00:00:01,000 --> 00:00:02,000.")


def _vtt_cues(text: str) -> Iterator[_Cue]:
    if not _VTT_BEGIN.match(text):
        raise InputError("not a WebVTT file: it does not start with WEBVTT. Add this line, or use another file.")
    # The header ends at the first empty line.
    for block in list(_BLOCK.finditer(text))[1:]:
        if _OTHER_BLOCKS.match(block[0]):
            continue
        lines = block[0].split("\n")
        first = 0 if "-->" in lines[0] else 1
        timing = _TIMING.fullmatch(lines[first].strip()) if first < len(lines) else None
        if timing is None or any("-->" in line for line in lines[first + 1 :]):
            raise _not_a_cue("WebVTT", text.count("\n", 0, block.start()) + 1, lines[0])
        yield _seconds(timing.groups()[:4]), _seconds(timing.groups()[4:]), lines[first + 1 :]


def _not_a_cue(kind: str, number: int, line: str) -> InputError:
    times = "00:00:01,000 --> 00:00:02,000" if kind == "SubRip" else "00:00:01.000 --> 00:00:02.000"
    return InputError(f"line {number} does not start a {kind} cue: {line.strip()[:60]!r}. Write times as {times}.")


def _seconds(clock: Sequence[str | None]) -> float:
    hours, minutes, seconds, fraction = (part or "0" for part in clock)
    return 3600 * int(hours) + 60 * int(minutes) + float(f"{seconds}.{fraction}")


def _without_repetition(cues: Sequence[_Cue], *, is_vtt: bool) -> list[_Cue]:
    """Remove lines that the previous cue also showed, in captions that scroll or mark one word after another."""
    kept: list[_Cue] = []
    before: list[str] = []
    for start, end, lines in cues:
        lines = [line for line in lines if _plain(line, is_vtt=is_vtt)]
        shown = [_plain(line, is_vtt=is_vtt) for line in lines]
        if not kept or start > kept[-1][1] + _TOUCHING_S:
            before = []
        most = min(len(before), len(shown))
        same = next(n for n in range(most, -1, -1) if before[len(before) - n :] == shown[:n])
        if same and same == len(shown):
            kept[-1] = (kept[-1][0], end, kept[-1][2])
        else:
            kept.append((start, end, lines[same:]))
        before = shown
    return kept


def _plain(line: str, *, is_vtt: bool) -> str:
    """Remove style and voice spans from a line; only WebVTT has escapes."""
    return html.unescape(_VTT_TAG.sub("", line)).strip() if is_vtt else _SRT_STYLE.sub("", line).strip()


def _have_names(cues: Sequence[_Cue]) -> bool:
    """Return whether cues probably start with bare names."""
    found = [name[1] for _, _, lines in cues if lines and (name := _NAME.match(_undashed(lines[0])))]
    return 2 * len(found) >= len(cues) and 2 <= len(set(found)) < len(found)


def _spoken(line: str, *, named: bool) -> str:
    """Remove the dash and the speaker name at the start of a line."""
    line = _undashed(line)
    name = _LABEL.match(line) or (_NAME.match(line) if named else None)
    return line[name.end() :] if name else line


def _undashed(line: str) -> str:
    dash = _DASH.match(line)
    return line[dash.end() :] if dash else line


def _join(lines: Sequence[str]) -> str:
    """Join lines, with a space between them in scripts that have spaces."""
    text = ""
    for line in filter(None, lines):
        space = "" if not text or (is_spaceless(text[-1]) and is_spaceless(line[0])) else " "
        text += space + line
    return text
