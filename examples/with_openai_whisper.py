"""Speakers for a result of openai-whisper, as it is in memory or in its JSON: ``with_openai_whisper.py JSON AUDIO``."""

import json
import sys
from pathlib import Path

from oolong_align import Diarizer, align

result = json.loads(
    Path(sys.argv[1]).read_text()
)  # or whisper.load_model("base").transcribe(audio, word_timestamps=True)
transcript = align(result, Diarizer.from_pretrained()(sys.argv[2]))
for utterance in transcript.utterances:
    print(f"{utterance.start:.1f} {utterance.speaker}: {utterance.text}")
