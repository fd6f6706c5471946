"""Renderers: each turns a transcript into the text of one output format. No function here reads or writes files.

Each format has a module named after it, however short: the module is the place to look for a format. Formats of other
tools share `oolong_align.formats.other_tools`.
"""

from __future__ import annotations

from oolong_align.formats.cues import CueLayout
from oolong_align.formats.json import render_json
from oolong_align.formats.json_reader import read_json
from oolong_align.formats.other_tools import render_diarized_json, render_verbose_json, render_whisperx
from oolong_align.formats.rttm import render_rttm
from oolong_align.formats.srt import render_srt
from oolong_align.formats.tsv import render_tsv
from oolong_align.formats.txt import render_txt
from oolong_align.formats.vtt import render_vtt

__all__ = [
    "CueLayout",
    "read_json",
    "render_diarized_json",
    "render_json",
    "render_rttm",
    "render_srt",
    "render_tsv",
    "render_txt",
    "render_verbose_json",
    "render_vtt",
    "render_whisperx",
]
