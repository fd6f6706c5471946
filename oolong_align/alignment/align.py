"""Combines words and turns to a transcript: repairs word times, assigns speakers, and groups words into utterances.

Formatting a transcript as text or subtitles is the job of `oolong_align.formats`.
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
    """Assign a speaker to each word.

    The words and their order do not change. Times that are missing (NaN), implausibly long or out of order are
    repaired. A word without a turn within 1.5 s gets no speaker.

    Parameters
    ----------
    words : Words
        Existing speakers of the words are replaced.
    diarization, source, rule
        As for `oolong_align.api.align.align`.

    Returns
    -------
    Transcript
        Utterances in order of time. ``speakers`` contains all speakers of the diarization, including those without
        words.

    Raises
    ------
    UsageError
        If the rule is unknown.
    """
    if rule not in ALIGN_RULES:
        raise UsageError(f"Unknown align_rule {rule!r}. Available: {', '.join(ALIGN_RULES)}")
    limit = diarization.duration if diarization.duration > 0 else math.inf
    speech = Timeline((span.start, span.end) for span in diarization.speech or diarization.turns)
    spread = [word for word in words.words if word.estimated]
    if spread:
        consequence = (
            "Their segments have no times either, so their times and speakers are estimates"
            if all(map(_is_untimed, spread))
            else "They are spread over their segments by length, so speakers near a speaker change are estimates"
        )
        warn(
            f"{len(spread)} of {len(words.words)} words have no timestamps. {consequence}. "
            "For better results, use a recogniser's JSON with word timestamps."
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
            # The probability is calibrated for measured times only.
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
