"""What other tools wrote, read into this project's records: recognisers' words and diarizers' turns.

Leaves out how results are written for other tools: that is `oolong_align.formats`, and the methods of `Diarization`.
"""

from __future__ import annotations

from oolong_align.interop.recognised import RecognisedSegment, RecognisedTranscript
from oolong_align.interop.recognisers import Recognised, coerce_words, read_recognised
from oolong_align.timing.timeline import Timeline
from oolong_align.types import Words

__all__ = ["Recognised", "RecognisedSegment", "RecognisedTranscript", "read_recognised", "read_words"]


def read_words(recognised: Recognised | RecognisedTranscript, *, speech: Timeline | None = None) -> Words:
    """Convert the result of a recogniser.

    Parameters
    ----------
    recognised : Words, sequence of Word, faster-whisper's segments or (segments, info), dict or object
        Dicts and objects are those of openai-whisper, faster-whisper, WhisperX, whisper.cpp (``-ojf``), Hugging Face's
        pipeline (``chunks``) and OpenAI's API (``verbose_json``, ``diarized_json``).
    speech : Timeline, optional
        Where somebody speaks; words of segments without word times are laid there, by their length.

    Returns
    -------
    Words
        In the given order. Times that are missing are NaN; those that were spread are marked ``estimated``. The
        language is empty where it is not told.

    Raises
    ------
    InputError
        If it is something else, or holds a value that cannot be.
    """
    if isinstance(recognised, Words):
        return Words(recognised.language, coerce_words(recognised.words))
    heard = recognised if isinstance(recognised, RecognisedTranscript) else read_recognised(recognised)
    return heard.words(speech)
