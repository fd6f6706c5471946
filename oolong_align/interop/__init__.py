"""Reads results of other tools: words from recognisers and turns from diarizers.

Writing results for other tools is the job of `oolong_align.formats` and of the methods of `Diarization`.
"""

from __future__ import annotations

from oolong_align.interop.recognised import RecognisedSegment, RecognisedTranscript
from oolong_align.interop.recognisers import Recognised, coerce_words, read_recognised
from oolong_align.timing.timeline import Timeline
from oolong_align.types import Words

__all__ = ["Recognised", "RecognisedSegment", "RecognisedTranscript", "read_recognised", "read_words"]


def read_words(recognised: Recognised | RecognisedTranscript, *, speech: Timeline | None = None) -> Words:
    """Convert the result of a recogniser to words.

    Parameters
    ----------
    recognised : Words, sequence of Word, faster-whisper's segments or (segments, info), dict or object
        Dicts and objects of openai-whisper, faster-whisper, WhisperX, whisper.cpp (``-ojf``), the Hugging Face
        pipeline (``chunks``) and the OpenAI API (``verbose_json``, ``diarized_json``) are supported.
    speech : Timeline, optional
        Speech ranges. Words of segments without word times are spread over the speech, in proportion to their length.

    Returns
    -------
    Words
        Words in the given order. Missing times are NaN; words with spread times are marked ``estimated``. The language
        is empty if unknown.

    Raises
    ------
    InputError
        If the format is not supported, or a value is invalid.
    """
    if isinstance(recognised, Words):
        return Words(recognised.language, coerce_words(recognised.words))
    transcript = recognised if isinstance(recognised, RecognisedTranscript) else read_recognised(recognised)
    return transcript.words(speech)
