"""Speakers for a result of ``whisperx.align``, in WhisperX' own form again: ``with_whisperx.py JSON AUDIO``."""

import json
import sys
from pathlib import Path

from oolong_align import Diarizer, align
from oolong_align.formats import render_whisperx

result = json.loads(Path(sys.argv[1]).read_text("utf-8"))  # or what whisperx.align returns
diarization = Diarizer.from_pretrained()(sys.argv[2])
# whisperx.assign_word_speakers(diarization.to_whisperx(), result) works too; this asks the voices as well.
print(render_whisperx(align(result, diarization)))
