"""Records that the stages exchange, and their conversion to data frames."""

from __future__ import annotations

from oolong_align.types.records import (
    Diarization,
    DiarizeSegment,
    DiarizeTiming,
    FloatArray,
    ModelInfo,
    Progress,
    Speaker,
    SpeakerEvidence,
    SpeakerSegment,
    SpeechRange,
    Transcript,
    Utterance,
    VoiceEvidence,
    VoiceRange,
    Word,
    Words,
    join_words,
    speaker_label,
    speaker_number,
)

__all__ = [
    "Diarization",
    "DiarizeSegment",
    "DiarizeTiming",
    "FloatArray",
    "ModelInfo",
    "Progress",
    "Speaker",
    "SpeakerEvidence",
    "SpeakerSegment",
    "SpeechRange",
    "Transcript",
    "Utterance",
    "VoiceEvidence",
    "VoiceRange",
    "Word",
    "Words",
    "join_words",
    "speaker_label",
    "speaker_number",
]
