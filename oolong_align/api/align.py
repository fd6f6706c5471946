"""Assigns speakers to the words of any recogniser."""

from __future__ import annotations

from oolong_align.alignment import align as alignment
from oolong_align.interop import Recognised, RecognisedTranscript, read_words
from oolong_align.options import ALIGN_RULES
from oolong_align.timing.timeline import Timeline
from oolong_align.types import Diarization, Transcript

__all__ = ["align"]


def align(
    words: Recognised | RecognisedTranscript, diarization: Diarization, *, source: str = "", rule: str = ALIGN_RULES[0]
) -> Transcript:
    """Assign a speaker to each word.

    The words and their order do not change. Times that are missing (NaN), implausibly long or out of order are
    repaired. A word without a turn within 1.5 s gets no speaker.

    Parameters
    ----------
    words : Words, sequence of Word, or another recogniser's result
        Output of a transcriber. Existing speakers of the words are replaced. The results of other tools are also
        accepted: of faster-whisper (the segments, or the tuple with their info), and the dicts of openai-whisper,
        WhisperX, whisper.cpp (``-ojf``), the Hugging Face pipeline (``chunks``) and the OpenAI API (``verbose_json``,
        ``diarized_json``). Words of segments without word times are spread over the speech in them by length, with an
        `OolongWarning`. These words, and single words without times, are marked ``estimated`` and have no
        ``speaker_confidence``.
    diarization : Diarization
        Turns of the speakers. Its speaker evidence is used if available.
    source : str
        Stem of the recording, for formats that contain it.
    rule : {"voice", "overlap"}
        "voice" combines turns, speaker evidence, pauses and sentences. "overlap" assigns each word to the speaker whose
        turns overlap it most, and no speaker without overlap: the rule of other tools, for comparison.

    Returns
    -------
    Transcript
        Utterances in order of time. ``speakers`` contains all speakers of the diarization, including those without
        words.

    Raises
    ------
    InputError
        If the format of ``words`` is not supported, or a value is invalid, such as a time that is not a number.
    UsageError
        If the rule is unknown.
    """
    speech = Timeline((span.start, span.end) for span in diarization.speech or diarization.turns)
    return alignment.align(read_words(words, speech=speech), diarization, source=source, rule=rule)
