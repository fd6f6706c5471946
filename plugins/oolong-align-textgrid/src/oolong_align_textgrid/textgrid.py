"""Praat's TextGrid in the long text format.

The intervals of a tier cover the whole time domain without gaps, so pauses are intervals without text.

References
----------
Boersma & Weenink, Praat manual, "TextGrid file formats".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from oolong_align.types import Transcript, speaker_label

__all__ = ["render_textgrid"]

NO_SPEAKER: Final = "(nobody)"
_SECOND: Final = 1_000_000
_SHORTEST_DOMAIN: Final = 1_000
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")


class _Interval(NamedTuple):
    """Start and end in microseconds."""

    start: int
    end: int
    text: str


def render_textgrid(transcript: Transcript, *, words: bool = False) -> str:
    """Render a transcript as a TextGrid.

    Parameters
    ----------
    transcript : Transcript
        If there are no utterances, the tiers contain the turns of the diarization.
    words : bool
        Add a tier of single words for each speaker.

    Returns
    -------
    str
        Times in seconds with up to six decimals.
    """
    tiers = list(_tiers(transcript, words=words)) or [(NO_SPEAKER, [])]
    latest = max((each.end for _, tier in tiers for each in tier), default=0)
    # Praat rejects an empty time domain.
    domain = max(_microseconds(transcript.duration), latest, _SHORTEST_DOMAIN)
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {_seconds(domain)}",
        "tiers? <exists>",
        f"size = {len(tiers)}",
        "item []:",
    ]
    for number, (name, tier) in enumerate(tiers, start=1):
        intervals = _fill(tier, domain)
        lines += [
            f"    item [{number}]:",
            '        class = "IntervalTier"',
            f"        name = {_quoted(name)}",
            "        xmin = 0",
            f"        xmax = {_seconds(domain)}",
            f"        intervals: size = {len(intervals)}",
        ]
        for place, each in enumerate(intervals, start=1):
            lines += [
                f"        intervals [{place}]:",
                f"            xmin = {_seconds(each.start)}",
                f"            xmax = {_seconds(each.end)}",
                f"            text = {_quoted(each.text)}",
            ]
    return "\n".join(lines) + "\n"


def _tiers(transcript: Transcript, *, words: bool) -> Iterable[tuple[str, list[_Interval]]]:
    """Yield the intervals of each speaker, sorted by label; those without a speaker come last."""
    spoken: dict[str | None, list[_Interval]] = {label: [] for label in sorted(transcript.speakers)}
    single: dict[str | None, list[_Interval]] = {}
    for utterance in transcript.utterances:
        interval = _interval(utterance.start, utterance.end, utterance.text)
        spoken.setdefault(utterance.speaker, []).append(interval)
        for word in utterance.words:
            single.setdefault(utterance.speaker, []).append(_interval(word.start, word.end, word.text))
    if not transcript.utterances and transcript.diarization is not None:
        for turn in transcript.diarization.turns:
            speaker = speaker_label(turn.speaker_id)
            name = transcript.display_name(speaker) or speaker
            spoken.setdefault(speaker, []).append(_interval(turn.start, turn.end, name))
    names = _unique_names(transcript, [label for label in spoken if label is not None])
    for label in sorted(spoken, key=lambda each: (each is None, each)):
        yield names.get(label, NO_SPEAKER), spoken[label]
        if words and single.get(label):
            yield f"{names.get(label, NO_SPEAKER)} words", single[label]


def _unique_names(transcript: Transcript, labels: list[str]) -> dict[str | None, str]:
    """Names of the tiers. If two speakers have the same name, their labels are added."""
    names = {label: transcript.display_name(label) or label for label in labels}
    taken = list(names.values())
    return {label: f"{name} ({label})" if taken.count(name) > 1 else name for label, name in names.items()}


def _fill(tier: list[_Interval], domain: int) -> list[_Interval]:
    """Sort intervals, cut overlaps, and fill gaps with empty intervals."""
    filled: list[_Interval] = []
    position = 0
    for start, end, text in sorted(tier, key=lambda each: each.start):
        start = max(start, position)
        if end <= start:  # no time is left: the text moves to the previous interval
            filled = _append_text(filled, text) if filled else [_Interval(0, 1, text)]
        else:
            if start > position:
                filled.append(_Interval(position, start, ""))
            filled.append(_Interval(start, end, text))
        position = filled[-1].end
    if position < domain:
        filled.append(_Interval(position, domain, ""))
    return filled


def _append_text(intervals: list[_Interval], text: str) -> list[_Interval]:
    last = intervals[-1]
    return [*intervals[:-1], last._replace(text=f"{last.text} {text}".strip())]


def _interval(start: float, end: float, text: str) -> _Interval:
    return _Interval(_microseconds(start), _microseconds(end), text)


def _microseconds(seconds: float) -> int:
    return round(seconds * _SECOND)


def _seconds(microseconds: int) -> str:
    whole, rest = divmod(microseconds, _SECOND)
    return f"{whole}.{rest:06d}".rstrip("0").rstrip(".")


def _quoted(text: str) -> str:
    """Quote a string: double quotation marks, and replace control characters by spaces."""
    return '"' + _CONTROL.sub(" ", text).replace('"', '""') + '"'
