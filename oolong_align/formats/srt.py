"""SubRip subtitles: each cue starts with ``[NAME]: `` where the speaker is known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import srt

from oolong_align.formats.cue_lines import join_line
from oolong_align.formats.cue_times import word_states
from oolong_align.formats.cues import Cue, CueLayout, make_cues
from oolong_align.formats.names import printed_names
from oolong_align.text.clean import replace_arrows
from oolong_align.types import Transcript

__all__ = ["render_srt", "srt_cues"]

_DEFAULT = CueLayout()
# A number on a line and a time on the next: readers that forgive a missing blank line take them for another cue.
_LIKE_A_HEAD: Final = re.compile(r"^(-?[0-9]+\.?[0-9]*)\n(?=[0-9]+\W[0-9]+\W[0-9])", re.MULTILINE)


def render_srt(transcript: Transcript, layout: CueLayout = _DEFAULT) -> str:
    """Render a transcript as SubRip; empty for one without words.

    SubRip has no way to escape: the words are written as they are, but for what would break a cue. Arabic and Hebrew
    stand in logical order without marks of direction: players differ in what they make of them.
    """
    subtitles = [
        srt.Subtitle(index, timedelta(milliseconds=start), timedelta(milliseconds=end), prefix + text)
        for index, (start, end, _, prefix, text) in enumerate(srt_cues(transcript, layout), start=1)
    ]
    return str(srt.compose(subtitles, reindex=False))


def srt_cues(transcript: Transcript, layout: CueLayout = _DEFAULT) -> Iterator[tuple[int, int, str | None, str, str]]:
    """Cues as SubRip writes them: start and end in milliseconds, label, the name in front of the text, the text."""
    prefixes = {label: f"[{name}]: " for label, name in printed_names(transcript).items()}
    for cue in make_cues(transcript, layout, prefixes):
        prefix = prefixes[cue.speaker] if cue.speaker is not None else ""
        states: list[tuple[int, int, int | None]] = [(cue.start_ms, cue.end_ms, None)]
        if layout.highlight_words:
            states = word_states([piece for line in cue.lines for piece in line], cue.start_ms, cue.end_ms)
        for start, end, said in states:
            yield start, end, cue.speaker, prefix, _content(cue, prefix, said).removeprefix(prefix)


def _content(cue: Cue, prefix: str, said: int | None) -> str:
    lines: list[str] = []
    number = 0
    for line in cue.lines:
        texts: list[str] = []
        for piece in line:
            texts.append(f"<u>{piece.text}</u>" if number == said else piece.text)
            number += 1
        lines.append(join_line(texts, line))
    return _LIKE_A_HEAD.sub(r"\1 ", replace_arrows(prefix + "\n".join(lines)))
