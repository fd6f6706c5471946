"""Print who speaks when, and the same as a pyannote annotation: ``diarize_only.py AUDIO``."""

import sys

from oolong_align import Diarizer

result = Diarizer.from_pretrained()(sys.argv[1])
for turn in result.turns:
    print(f"{turn.start:.2f} {turn.end:.2f} SPEAKER_{turn.speaker_id:02d}")
annotation = result.to_annotation(uri="meeting")  # pyannote.core.Annotation
print(annotation.chart())
