"""Speakers for the words of any recogniser."""

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
    """Say who said each word.

    Words in are words out, in the same order. Times that are missing (NaN), implausibly long or out of order are
    repaired; a word without a turn within 1.5 s gets no speaker.

    Parameters
    ----------
    words : Words, sequence of Word, or another recogniser's result
        What a transcriber heard; speakers that its words carry already are replaced. Also what faster-whisper returns
        (the segments, or the tuple with their info), and the dicts of openai-whisper, WhisperX, whisper.cpp (``-ojf``),
        Hugging Face's pipeline (``chunks``) and OpenAI's API (``verbose_json``, ``diarized_json``). Words of segments
        without word times are spread over the speech in them by length, and marked ``estimated``, with an
        `OolongWarning`; so is a single word without times. Their ``speaker_confidence`` is ``None``.
    diarization : Diarization
        Who spoke when; its voice evidence, if any, is asked where it is clear.
    source : str
        The recording's stem, for formats that name it.
    rule : {"voice", "overlap"}
        "voice" weighs turns, voices, pauses and sentences together. "overlap" takes the speaker whose turns overlap a
        word most, and none where no turn does: the plain rule of other tools, for comparison.

    Returns
    -------
    Transcript
        Utterances in order of time; ``speakers`` holds everybody in the diarization, also who said no word.

    Raises
    ------
    InputError
        If ``words`` is none of these, or holds a value that cannot be, such as a time that is no number.
    UsageError
        If there is no such rule.
    """
    speech = Timeline((span.start, span.end) for span in diarization.speech or diarization.turns)
    return alignment.align(read_words(words, speech=speech), diarization, source=source, rule=rule)
