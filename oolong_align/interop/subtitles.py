"""Subtitles as a recogniser's words: SubRip and WebVTT, whose cues time phrases and not words.

What nobody says is left out: style, dashes in front of a line, and names of speakers, who are found anew. A name is a
voice (``<v Ada>``), a label (``[Ada]: ``, ``SPEAKER_00: ``, ``Speaker 1: ``), and a bare ``Ada: `` only where at least
half of the cues begin so, with two names or more of which one comes again: otherwise it is taken for a word.
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
"""What `RecognisedTranscript.tool` says of subtitles."""

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
# Where one of them is, a text may come again and again, each time with another word marked, or scroll up by a line.
_MOVING: Final = re.compile(r"<u>|<\d+:[\d:.]+>")
_TOUCHING_S: Final = 0.05
# Recognisers round the times of cues, which overlap by that much without meaning it.
_CLASH_S: Final = 0.5
_DASH: Final = re.compile(r"[-\u2013\u2014]\s+")
_LABEL: Final = re.compile(r"(?:\[[^\[\]]+\]|SPEAKER_\d+|Speaker \d+):(?:\s+|\Z)")
_NAME: Final = regex.compile(r"(\p{Lu}[\w'\u2019.-]*(?: \p{Lu}[\w'\u2019.-]*){0,2}):(?:\s+|\Z)")

_Cue: TypeAlias = "tuple[float, float, list[str]]"


def is_subtitles(text: str, suffix: str) -> bool:
    """Tell whether a file holds subtitles, by its suffix or by how it begins."""
    return suffix.lower() in (".srt", ".vtt") or bool(_HEAD.match(_lines(text[:200])))


def read_subtitles(text: str, suffix: str = "") -> RecognisedTranscript:
    """Read subtitles; each cue is a segment without word times.

    Parameters
    ----------
    text : str
        The whole file.
    suffix : str
        Of the file's name: a ``.vtt`` must begin with ``WEBVTT``.

    Raises
    ------
    InputError
        If it is in neither format; the message names the line.
    """
    text = _lines(text)
    if _SURROGATES.search(text):
        raise InputError("is no UTF-8 text; save it as UTF-8")
    is_vtt = text.startswith("WEBVTT") or suffix.lower() == ".vtt"
    cues = list(_vtt_cues(text) if is_vtt else _srt_cues(text))
    if any(_MOVING.search(line) for _, _, lines in cues for line in lines):
        cues = _standing(cues, is_vtt=is_vtt)
    cues = [(start, end, [_plain(line, is_vtt=is_vtt) for line in lines]) for start, end, lines in cues]
    named = _have_names(cues)
    segments: list[RecognisedSegment] = []
    for start, end, lines in cues:
        words = split_text(_join([_spoken(line, named=named) for line in lines]))
        if words:
            segments.append(RecognisedSegment(start, end, tuple(with_spaces(words))))
    return RecognisedTranscript("WebVTT" if is_vtt else "SubRip", "", tuple(segments))


def clashing_cues(cues: Sequence[RecognisedSegment]) -> list[RecognisedSegment]:
    """Cues that end before they begin, or overlap an earlier one by more than rounding does, by their starts."""
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
            raise _no_cue("SubRip", number, line)
        if timing is None:
            before.append(line)
            continue
        if cue is not None:
            # What stands in front of a time is its number.
            yield (*cue[:2], before[:-1] if before and before[-1].strip().isdigit() else before)
        cue = (_seconds(timing.groups()[:4]), _seconds(timing.groups()[4:]), [])
        before = []
    if cue is not None:
        yield (*cue[:2], before)
    elif text.strip():
        raise InputError("is no SubRip: it has no cue")


def _vtt_cues(text: str) -> Iterator[_Cue]:
    if not _VTT_BEGIN.match(text):
        raise InputError("is no WebVTT: it does not begin with WEBVTT")
    # The header ends at the first empty line.
    for block in list(_BLOCK.finditer(text))[1:]:
        if _OTHER_BLOCKS.match(block[0]):
            continue
        lines = block[0].split("\n")
        first = 0 if "-->" in lines[0] else 1
        timing = _TIMING.fullmatch(lines[first].strip()) if first < len(lines) else None
        if timing is None or any("-->" in line for line in lines[first + 1 :]):
            raise _no_cue("WebVTT", text.count("\n", 0, block.start()) + 1, lines[0])
        yield _seconds(timing.groups()[:4]), _seconds(timing.groups()[4:]), lines[first + 1 :]


def _no_cue(kind: str, number: int, line: str) -> InputError:
    return InputError(f"line {number}: {line.strip()[:60]!r} begins no cue of {kind}")


def _seconds(clock: Sequence[str | None]) -> float:
    hours, minutes, seconds, fraction = (part or "0" for part in clock)
    return 3600 * int(hours) + 60 * int(minutes) + float(f"{seconds}.{fraction}")


def _standing(cues: Sequence[_Cue], *, is_vtt: bool) -> list[_Cue]:
    """Cues without the lines that stood there already: captions that scroll, or mark one word after the other."""
    standing: list[_Cue] = []
    before: list[str] = []
    for start, end, lines in cues:
        lines = [line for line in lines if _plain(line, is_vtt=is_vtt)]
        shown = [_plain(line, is_vtt=is_vtt) for line in lines]
        if not standing or start > standing[-1][1] + _TOUCHING_S:
            before = []
        most = min(len(before), len(shown))
        same = next(n for n in range(most, -1, -1) if before[len(before) - n :] == shown[:n])
        if same and same == len(shown):
            standing[-1] = (standing[-1][0], end, standing[-1][2])
        else:
            standing.append((start, end, lines[same:]))
        before = shown
    return standing


def _plain(line: str, *, is_vtt: bool) -> str:
    """Line without style and voices; only WebVTT has a way to escape."""
    return html.unescape(_VTT_TAG.sub("", line)).strip() if is_vtt else _SRT_STYLE.sub("", line).strip()


def _have_names(cues: Sequence[_Cue]) -> bool:
    """Whether cues begin with bare names, as far as that can be told."""
    found = [name[1] for _, _, lines in cues if lines and (name := _NAME.match(_undashed(lines[0])))]
    return 2 * len(found) >= len(cues) and 2 <= len(set(found)) < len(found)


def _spoken(line: str, *, named: bool) -> str:
    """Line without the dash and the name of a speaker in front of it."""
    line = _undashed(line)
    name = _LABEL.match(line) or (_NAME.match(line) if named else None)
    return line[name.end() :] if name else line


def _undashed(line: str) -> str:
    dash = _DASH.match(line)
    return line[dash.end() :] if dash else line


def _join(lines: Sequence[str]) -> str:
    """Lines as one, with a space between them in scripts that have spaces."""
    text = ""
    for line in filter(None, lines):
        space = "" if not text or (is_spaceless(text[-1]) and is_spaceless(line[0])) else " "
        text += space + line
    return text
