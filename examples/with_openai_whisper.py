"""Add speakers to a result of openai-whisper: ``with_openai_whisper.py JSON AUDIO``."""

import json
import sys
from pathlib import Path

from oolong_align import Diarizer, align

# Or: whisper.load_model("base").transcribe(audio, word_timestamps=True)
result = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
transcript = align(result, Diarizer.from_pretrained()(sys.argv[2]))
for utterance in transcript.utterances:
    print(f"{utterance.start:.1f} {utterance.speaker}: {utterance.text}")
