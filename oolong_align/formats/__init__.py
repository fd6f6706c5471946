"""One renderer a file: a transcript becomes text. Nothing here reads or writes files."""

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
