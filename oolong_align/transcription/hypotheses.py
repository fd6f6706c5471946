"""Converts Whisper's output for a clip to words of the recording, without a model.

Evaluates the text by Whisper's own measures, joins tokens to words, and finds speech without words.
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

__all__ = ["Hypothesis", "Token", "left_out", "make_hypothesis", "to_words", "without_overlap"]

# Whisper's own thresholds: text with a higher compression ratio is repetitive, less likely text is rejected.
MAX_COMPRESSION: Final = 2.4
MIN_LOG_PROBABILITY: Final = -1.0
MAX_NO_SPEECH: Final = 0.6
# Threshold for doubtful clips: most speech is below 0.3, text repeated on noise is at 0.5 or above.
CLEARLY_SPEECH: Final = 0.4
# Whisper ends words too early: their last sound continues into the gap before the next word.
LAST_SOUND_S: Final = 0.15
# Speech of this length without a word is recognised again.
MIN_HOLE_S: Final = 1.5


@dataclass(frozen=True, slots=True)
class Token:
    """A word as Whisper returns it, with its white space; times are seconds from the start of the clip."""

    start: float
    end: float
    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """The model's output for one clip: tokens, mean log-probability, no-speech probability, compression ratio."""

    tokens: tuple[Token, ...] = ()
    log_probability: float = 0.0
    no_speech: float = 0.0
    compression: float = 0.0

    @property
    def is_repetitive(self) -> bool:
        """Whether the text repeats itself."""
        return self.compression > MAX_COMPRESSION

    @property
    def is_likely(self) -> bool:
        """Whether the model assigns the text a sufficient probability."""
        return self.log_probability >= MIN_LOG_PROBABILITY

    @property
    def is_speech(self) -> bool:
        """Whether the no-speech probability is clearly low."""
        return self.no_speech <= CLEARLY_SPEECH

    @property
    def is_silence(self) -> bool:
        """Whether the no-speech probability is high and the text unlikely."""
        return self.no_speech > MAX_NO_SPEECH and not self.is_likely


def make_hypothesis(segments: Sequence[Any], first: int) -> Hypothesis:
    """Combine the segments of one clip, which starts at ``first`` seconds in the batch."""
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
        segments[0].avg_logprob,  # the same in each segment of a clip
        segments[0].no_speech_prob,
        max(len(data) / len(zlib.compress(data)), *(segment.compression_ratio for segment in segments)),
    )


def left_out(clip: Clip, tokens: Sequence[Token]) -> list[Clip]:
    """Return the parts of a clip that contain no word."""
    starts = [0.0, *(token.end for token in tokens)]
    ends = [*(token.start for token in tokens), clip.duration]
    return [
        clip.cut(seconds_to_samples(start), seconds_to_samples(end))
        for start, end in zip(starts, ends, strict=True)
        if min(end, clip.duration) - start >= MIN_HOLE_S
    ]


def to_words(clip: Clip, tokens: Sequence[Token], *, joined: bool) -> list[Word]:
    """Convert tokens of a clip to words with times in the recording.

    A token without letters and digits is a punctuation mark: it is appended to the previous word, or prepended to the
    next word if it is an opening mark, and dropped if there is no such word. White space alone is prepended to the
    next word. In languages without spaces, a token can continue a foreign word; with ``joined``, every token without
    leading white space continues the previous word.
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
        if merged and text and (is_mark or _continues_word(before, text, joined=joined)):
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


def _continues_word(before: str, text: str, *, joined: bool) -> bool:
    if text[0].isspace() or is_spaceless(before[-1]) or is_spaceless(text[0]):
        return False
    return joined or (before[-1].isalnum() and text[0].isalnum())


def without_overlap(words: list[Word]) -> tuple[Word, ...]:
    """Sort words and cut overlaps, which occur where two clips were recognised separately."""
    words = sorted(words, key=lambda word: (word.start, word.end))
    for index, following in enumerate(words[1:]):
        if words[index].end > following.start:
            words[index] = replace(words[index], end=following.start)
    return tuple(words)
