"""Write subtitles with speakers from ``whisper-cli -ojf``: ``with_whisper_cpp.py JSON AUDIO``."""

import sys
from pathlib import Path

from oolong_align import Diarizer, align
from oolong_align.formats import render_srt
from oolong_align.interop.files import read_transcript

recognised = read_transcript(Path(sys.argv[1]))
print(render_srt(align(recognised, Diarizer.from_pretrained()(sys.argv[2]))))
