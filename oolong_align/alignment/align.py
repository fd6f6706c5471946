"""Words and turns become a transcript: times made usable, a speaker for each word, words gathered to utterances.

Leaves out how a transcript is laid out as text or subtitles: that is `oolong_align.formats`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from oolong_align.alignment.utterances import gather_utterances
from oolong_align.alignment.word_speakers import attribute_by_overlap, attribute_words
from oolong_align.alignment.word_times import sanitise_times
from oolong_align.errors import UsageError, warn
from oolong_align.options import ALIGN_RULES
from oolong_align.timing.timeline import Timeline
from oolong_align.types import Diarization, Speaker, Transcript, Word, Words, speaker_label

__all__ = ["align"]


def align(words: Words, diarization: Diarization, *, source: str = "", rule: str = ALIGN_RULES[0]) -> Transcript:
    """Say who said each word.

    Words in are words out, in the same order. Times that are missing (NaN), implausibly long or out of order are
    repaired; a word without a turn within 1.5 s gets no speaker.

    Parameters
    ----------
    words : Words
        Speakers that the words carry already are replaced.
    diarization, source, rule
        As for `oolong_align.api.align.align`.

    Returns
    -------
    Transcript
        Utterances in order of time; ``speakers`` holds everybody in the diarization, also who said no word.

    Raises
    ------
    UsageError
        If there is no such rule.
    """
    if rule not in ALIGN_RULES:
        raise UsageError(f"align_rule={rule!r} is unknown: use {' or '.join(ALIGN_RULES)}")
    limit = diarization.duration if diarization.duration > 0 else math.inf
    speech = Timeline((span.start, span.end) for span in diarization.speech or diarization.turns)
    spread = [word for word in words.words if word.estimated]
    if spread:
        how = (
            "nothing is known about when they were said, so their times and speakers are a guess"
            if all(map(_is_untimed, spread))
            else "they are spread over their segments by length, so their speakers near a change are a guess"
        )
        warn(
            f"{len(spread)} of {len(words.words)} words have no times of their own: {how}; a recogniser's "
            "JSON with word timestamps is better"
        )
    starts, ends = sanitise_times(words.words, limit=limit, speech=speech)
    if rule == "overlap":
        attribution = attribute_by_overlap(starts, ends, diarization)
    else:
        attribution = attribute_words(words.words, starts, ends, diarization)
    attributed = tuple(
        replace(
            word,
            start=start,
            end=end,
            probability=_usable_probability(word.probability),
            speaker=None if speaker is None else speaker_label(speaker),
            # The probability is calibrated on times that were measured.
            speaker_confidence=None if _is_estimated(word) else confidence,
            overlap=overlap,
            estimated=_is_estimated(word),
        )
        for word, start, end, speaker, confidence, overlap in zip(
            words.words,
            starts.tolist(),
            ends.tolist(),
            attribution.speakers,
            attribution.confidence,
            attribution.overlap,
            strict=True,
        )
    )
    return Transcript(
        language=words.language,
        duration=max(diarization.duration, attributed[-1].end if attributed else 0.0),
        utterances=gather_utterances(attributed),
        diarization=diarization,
        speakers=_tally_speakers(attributed, diarization),
        source=source,
    )


def _is_estimated(word: Word) -> bool:
    return word.estimated or _is_untimed(word)


def _is_untimed(word: Word) -> bool:
    return word.start is None or math.isnan(word.start)


def _usable_probability(probability: float | None) -> float | None:
    if probability is None or math.isnan(probability):
        return None
    return min(max(float(probability), 0.0), 1.0)


def _tally_speakers(words: Sequence[Word], diarization: Diarization) -> dict[str, Speaker]:
    ids = sorted({*diarization.speaker_ids, *(segment.speaker_id for segment in diarization.segments)})
    seconds = dict.fromkeys(ids, 0.0)
    for segment in diarization.segments:
        seconds[segment.speaker_id] += segment.end - segment.start
    counts: dict[str | None, int] = {}
    for word in words:
        counts[word.speaker] = counts.get(word.speaker, 0) + 1
    return {
        label: Speaker(label=label, seconds=seconds[speaker], words=counts.get(label, 0))
        for speaker, label in ((speaker, speaker_label(speaker)) for speaker in ids)
    }
