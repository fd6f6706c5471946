"""Recognise the same voices in several recordings: ``across_recordings.py LIBRARY AUDIO...``."""

import sys

from oolong_align import Diarizer, VoiceLibrary
from oolong_align.speakers.identify import identify

library, *recordings = sys.argv[1:]
diarizer = Diarizer.from_pretrained()
with VoiceLibrary.open(library) as voices:
    for path in recordings:
        for speaker, who in identify(diarizer(path), voices.store, source=path).items():
            print(f"{path} SPEAKER_{speaker:02d} {who.name or who.voice} {who.probability}")
