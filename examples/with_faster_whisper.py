"""Add speakers to the result of faster-whisper: ``with_faster_whisper.py AUDIO [MODEL]``."""

import sys

from faster_whisper import WhisperModel

from oolong_align import Diarizer, align

model = WhisperModel(sys.argv[2] if len(sys.argv) > 2 else "base", device="cpu", compute_type="int8")
result = model.transcribe(sys.argv[1], word_timestamps=True)
transcript = align(result, Diarizer.from_pretrained()(sys.argv[1]))
for utterance in transcript.utterances:
    print(f"{utterance.start:.1f} {utterance.speaker}: {utterance.text}")
