"""SubRip subtitles: each cue starts with ``[NAME]: `` if the speaker is known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import srt

from oolong_align.formats.cues import CueLayout, cue_states, make_cues
from oolong_align.formats.names import printed_names
from oolong_align.text.clean import replace_arrows
from oolong_align.types import Transcript

__all__ = ["render_srt", "srt_cues"]

_DEFAULT = CueLayout()
# Readers that accept a missing blank line take a number followed by a line with times for the start of another cue.
_LIKE_A_HEAD: Final = re.compile(r"^(-?[0-9]+\.?[0-9]*)\n(?=[0-9]+\W[0-9]+\W[0-9])", re.MULTILINE)


def render_srt(transcript: Transcript, layout: CueLayout = _DEFAULT) -> str:
    """Render a transcript as SubRip; empty if it has no words.

    SubRip has no escaping: words are written unchanged, except for text that would break a cue. Arabic and Hebrew are
    in logical order without direction marks, because players interpret such marks differently.
    """
    subtitles = [
        srt.Subtitle(index, timedelta(milliseconds=start), timedelta(milliseconds=end), prefix + text)
        for index, (start, end, _, prefix, text) in enumerate(srt_cues(transcript, layout), start=1)
    ]
    return str(srt.compose(subtitles, reindex=False))


def srt_cues(transcript: Transcript, layout: CueLayout = _DEFAULT) -> Iterator[tuple[int, int, str | None, str, str]]:
    """Yield the cues of a SubRip file: start and end in milliseconds, label, prefix with the name, and text."""
    prefixes = {label: f"[{name}]: " for label, name in printed_names(transcript).items()}
    for cue in make_cues(transcript, layout, prefixes):
        prefix = prefixes[cue.speaker] if cue.speaker is not None else ""
        for start, end, text in cue_states(cue, layout):
            content = _LIKE_A_HEAD.sub(r"\1 ", replace_arrows(prefix + text))
            yield start, end, cue.speaker, prefix, content.removeprefix(prefix)
