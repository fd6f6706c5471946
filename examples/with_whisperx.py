"""Add speakers to a result of ``whisperx.align``, in WhisperX's format: ``with_whisperx.py JSON AUDIO``."""

import json
import sys
from pathlib import Path

from oolong_align import Diarizer, align
from oolong_align.formats import render_whisperx

result = json.loads(Path(sys.argv[1]).read_text("utf-8"))  # Or the result of whisperx.align
diarization = Diarizer.from_pretrained()(sys.argv[2])
# whisperx.assign_word_speakers(diarization.to_whisperx(), result) also works, but without the speaker evidence.
print(render_whisperx(align(result, diarization)))
