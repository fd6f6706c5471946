"""Extract the speech from a stream of samples: ``vad_gate.py AUDIO``."""

import sys

from oolong_align import VoiceActivityDetector
from oolong_align.audio.recording import load_audio

vad = VoiceActivityDetector.from_pretrained()
with load_audio(sys.argv[1]) as audio:
    ranges = [each for chunk in audio.blocks(1600) for each in vad.detect(chunk)] + vad.finish()
    for each in ranges:
        speech = audio.read(round(each.start * 16_000), round(each.end * 16_000))  # float32 samples for a recogniser
        print(f"{each.start:.2f} {each.end:.2f} {len(speech)} samples")
