"""What Whisper said about a clip, as words of the recording; needs no model.

Judges the text by Whisper's own measures, joins tokens that are one word, and finds speech that got no word.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from oolong_align.text.scripts import is_spaceless, opens
from oolong_align.timing.grid import SAMPLE_RATE, seconds_to_samples
from oolong_align.transcription.clips import Clip
from oolong_align.types import Word

__all__ = ["Hypothesis", "Token", "left_out", "sum_up", "to_words", "without_overlap"]

# Whisper's own thresholds: text that compresses better repeats itself, text that is less likely is not believed.
MAX_COMPRESSION: Final = 2.4
MIN_LOG_PROBABILITY: Final = -1.0
MAX_NO_SPEECH: Final = 0.6
# Ours, for what is doubtful already: speech has less than 0.3 in most clips, loops made of noise 0.5 and more.
CLEARLY_SPEECH: Final = 0.4
# Whisper ends words early: most of what follows, up to the next word, is their last sound.
LAST_SOUND_S: Final = 0.15
# Speech without a word for so long is heard again.
MIN_HOLE_S: Final = 1.5


@dataclass(frozen=True, slots=True)
class Token:
    """One word as Whisper gives it, with its white space; times in seconds of the clip."""

    start: float
    end: float
    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What the model made of one clip: its tokens, mean log-probability, probability of no speech, compression."""

    tokens: tuple[Token, ...] = ()
    log_probability: float = 0.0
    no_speech: float = 0.0
    compression: float = 0.0

    @property
    def repeats_itself(self) -> bool:
        """Whether it is stuck in a loop."""
        return self.compression > MAX_COMPRESSION

    @property
    def is_believed(self) -> bool:
        """Whether the text is likely to the model itself."""
        return self.log_probability >= MIN_LOG_PROBABILITY

    @property
    def is_speech(self) -> bool:
        """Whether the model clearly heard speech."""
        return self.no_speech <= CLEARLY_SPEECH

    @property
    def is_silence(self) -> bool:
        """Whether the model heard no speech and does not believe its text."""
        return self.no_speech > MAX_NO_SPEECH and not self.is_believed


def sum_up(segments: Sequence[Any], first: int) -> Hypothesis:
    """Sum up the segments of one clip that starts at ``first`` seconds of the batch."""
    if not segments:
        return Hypothesis()
    tokens = tuple(
        Token(word.start - first, word.end - first, word.word, min(max(float(word.probability), 0.0), 1.0))
        for segment in segments
        for word in segment.words
    )
    data = "".join(segment.text for segment in segments).encode()
    return Hypothesis(
        tokens,
        segments[0].avg_logprob,  # of the whole clip, in each segment
        segments[0].no_speech_prob,
        max(len(data) / len(zlib.compress(data)), *(segment.compression_ratio for segment in segments)),
    )


def left_out(clip: Clip, tokens: Sequence[Token]) -> list[Clip]:
    """Stretches of a clip that hold no word."""
    starts = [0.0, *(token.end for token in tokens)]
    ends = [*(token.start for token in tokens), clip.duration]
    return [
        clip.cut(seconds_to_samples(start), seconds_to_samples(end))
        for start, end in zip(starts, ends, strict=True)
        if min(end, clip.duration) - start >= MIN_HOLE_S
    ]


def to_words(clip: Clip, tokens: Sequence[Token], *, joined: bool) -> list[Word]:
    """Words of a clip in the recording's time.

    A token without a letter or digit is a mark that belongs to the word before it, or behind it where it opens
    something; without one it is dropped. White space alone stands before the next word. In languages written without
    spaces a token may be the rest of a foreign word; with ``joined`` every token that has no white space before it is
    the rest of one.
    """
    merged: list[Token] = []
    waiting = ""
    for token, following in zip(tokens, [*(token.text for token in tokens[1:]), ""], strict=True):
        text = waiting + token.text.replace("\ufffd", "")
        before = merged[-1].text if merged else ""
        is_mark = not any(character.isalnum() for character in text)
        waiting = text if is_mark and (text.isspace() or opens(before, text, following)) else ""
        if waiting:
            continue
        if merged and text and (is_mark or _is_rest(before, text, joined=joined)):
            end = merged[-1].end if is_mark else max(merged[-1].end, token.end)
            merged[-1] = replace(merged[-1], text=before + text.rstrip(), end=end)
        elif not is_mark:
            merged.append(replace(token, text=text))
    starts, ends = clip.locate(
        np.array([token.start for token in merged], dtype=np.float64),
        np.array([token.end for token in merged], dtype=np.float64),
    )
    stops = np.array([stop for _, stop in clip.parts]) / SAMPLE_RATE
    latest = stops[np.searchsorted(stops[:-1], starts, side="right")]
    latest[:-1] = np.minimum(latest[:-1], starts[1:])
    ends = np.maximum(ends, np.minimum(ends + LAST_SOUND_S, latest))
    return [
        Word(start, end, token.text.strip(), token.probability, leading_space=token.text[:1].isspace())
        for token, start, end in zip(merged, starts.tolist(), ends.tolist(), strict=True)
    ]


def _is_rest(before: str, text: str, *, joined: bool) -> bool:
    if text[0].isspace() or is_spaceless(before[-1]) or is_spaceless(text[0]):
        return False
    return joined or (before[-1].isalnum() and text[0].isalnum())


def without_overlap(words: list[Word]) -> tuple[Word, ...]:
    """Sort words; what was heard in two clips may touch, never overlap."""
    words = sorted(words, key=lambda word: (word.start, word.end))
    for index, following in enumerate(words[1:]):
        if words[index].end > following.start:
            words[index] = replace(words[index], end=following.start)
    return tuple(words)
