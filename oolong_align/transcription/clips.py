"""Packs speech ranges into clips of at most 30 s, and maps times in a clip back to the recording.

A clip consists of padded speech ranges without the silence between them, so no text is recognised in silence. This
module does not depend on Whisper.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from oolong_align.audio.recording import Audio
from oolong_align.timing.grid import SAMPLE_RATE, samples_to_seconds, seconds_to_samples
from oolong_align.types import FloatArray, SpeechRange

__all__ = ["Clip", "join_clips", "plan_clips"]

Times = npt.NDArray[np.float64]

# Time resolution of Whisper.
SHORTEST_WORD_S: Final = 0.02
# Length of a syllable: cuts are placed in the quietest stretch of this length.
QUIET_SAMPLES: Final = seconds_to_samples(0.2)


@dataclass(frozen=True, slots=True)
class Clip:
    """Parts of a recording that are recognised together.

    ``parts`` are pairs ``(start, stop)`` in samples of the recording: sorted, non-empty and not adjacent.
    """

    parts: tuple[tuple[int, int], ...]

    @property
    def num_samples(self) -> int:
        """Length in samples."""
        return sum(stop - start for start, stop in self.parts)

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return samples_to_seconds(self.num_samples)

    def read(self, audio: Audio) -> FloatArray:
        """Read the samples of all parts and concatenate them, shape ``(samples,)``."""
        return np.concatenate([audio.read(start, stop) for start, stop in self.parts])

    def cut(self, start: int, stop: int) -> Clip:
        """Return samples ``[start, stop)`` of this clip as a clip; it has no parts if the range is empty."""
        parts = []
        offset = 0
        for first, last in self.parts:
            begin, end = max(first, first + start - offset), min(last, first + stop - offset)
            if begin < end:
                parts.append((begin, end))
            offset += last - first
        return Clip(tuple(parts))

    def locate(self, starts: Times, ends: Times) -> tuple[Times, Times]:
        """Convert word times in the clip to times in the recording.

        Each word is assigned to the part that contains its middle and clamped to it. The order is kept.

        Parameters
        ----------
        starts, ends : ndarray, float64, shape (words,)
            Seconds from the start of the clip, in the order of the words.

        Returns
        -------
        starts, ends : ndarray, float64, shape (words,)
            Seconds in the recording: ``starts[i] < ends[i] <= starts[i + 1]``, each word within one part.
            Cost: O(words).
        """
        firsts, lasts = (np.array(side, dtype=np.float64) / SAMPLE_RATE for side in zip(*self.parts, strict=True))
        offsets = np.cumsum(lasts - firsts) - (lasts - firsts)  # (parts,)
        part_of = np.searchsorted(offsets, (starts + ends) / 2, side="right") - 1
        part_of = np.maximum.accumulate(np.maximum(part_of, 0)) if len(part_of) else part_of
        shift = firsts[part_of] - offsets[part_of]
        starts, ends = starts + shift, ends + shift
        for part in np.unique(part_of):
            inside = part_of == part
            starts[inside], ends[inside] = _in_order(starts[inside], ends[inside], firsts[part], lasts[part])
        return starts, ends


def plan_clips(
    audio: Audio,
    speech: Iterable[SpeechRange],
    *,
    padding_s: float = 0.2,
    longest_s: float = 29.0,
    shortest_s: float = 20.0,
) -> list[Clip]:
    """Divide the speech of a recording into clips.

    Parameters
    ----------
    audio : Audio
        Only read where speech without a pause is longer than a clip.
    speech : iterable of SpeechRange
        Times in seconds, in any order. Ranges can overlap or extend beyond the recording.
    padding_s : float
        Audio to keep before and after each range, in seconds, at most half of the pause to the next range.
    longest_s : float
        Maximum length of a clip in seconds.
    shortest_s : float
        A clip ends at the longest pause after this many seconds. Speech without a pause is cut at its quietest moment.

    Returns
    -------
    list of Clip
        In order of time. Cost: O(ranges).
    """
    longest, shortest = seconds_to_samples(longest_s), seconds_to_samples(shortest_s)
    clips = []
    ranges = _split_long(audio, _pad(speech, audio.num_samples, seconds_to_samples(padding_s)), shortest, longest)
    while ranges:
        lengths = np.cumsum([stop - start for start, stop, _ in ranges[: longest // QUIET_SAMPLES + 2]])
        fitting = max(1, int(np.searchsorted(lengths, longest, side="right")))
        if fitting < len(ranges):
            first = int(np.searchsorted(lengths[:fitting], shortest, side="left"))
            pauses = [ranges[i + 1][2] for i in range(min(first, fitting - 1), fitting)]
            fitting = fitting - int(np.argmax(pauses[::-1]))  # the last of several longest pauses
        clips.append(_clip((start, stop) for start, stop, _ in ranges[:fitting]))
        ranges = ranges[fitting:]
    return clips


def join_clips(clips: Iterable[Clip], *, longest_s: float = 29.0) -> list[Clip]:
    """Combine the parts of clips into fewer, longer clips, in order of time.

    Parameters
    ----------
    clips : iterable of Clip
        Clips that do not overlap. No part is longer than ``longest_s``.
    longest_s : float
        Maximum length of a clip in seconds.
    """
    groups: list[list[tuple[int, int]]] = []
    room = 0
    for start, stop in sorted(part for clip in clips for part in clip.parts):
        room -= stop - start
        if room < 0:
            groups.append([])
            room = seconds_to_samples(longest_s) - (stop - start)
        groups[-1].append((start, stop))
    return [_clip(group) for group in groups]


def quietest(samples: FloatArray, start: int, stop: int) -> int:
    """Return the middle of the quietest 0.2 s in samples ``[start, stop)``."""
    if stop - start <= QUIET_SAMPLES:
        return (start + stop) // 2
    energy = np.cumsum(np.square(samples[start:stop], dtype=np.float64))
    return start + QUIET_SAMPLES // 2 + int(np.argmin(energy[QUIET_SAMPLES:] - energy[:-QUIET_SAMPLES]))


def _pad(speech: Iterable[SpeechRange], num_samples: int, padding: int) -> list[tuple[int, int, int]]:
    """Pad ranges: sorted, disjoint tuples ``(start, stop, pause before)`` in samples."""
    merged: list[list[int]] = []
    for span in sorted(speech, key=lambda span: span.start):
        start = min(max(seconds_to_samples(span.start), 0), num_samples)
        stop = min(seconds_to_samples(span.end), num_samples)
        if start >= stop:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], stop)
        else:
            merged.append([start, stop])
    if not merged:
        return []
    starts, stops = np.array(merged, dtype=np.int64).T
    pauses = np.concatenate([[starts[0]], starts[1:] - stops[:-1]])
    before = np.minimum(padding, np.concatenate([pauses[:1], pauses[1:] // 2]))
    after = np.minimum(padding, np.concatenate([pauses[1:] - pauses[1:] // 2, [num_samples - stops[-1]]]))
    return list(zip((starts - before).tolist(), (stops + after).tolist(), pauses.tolist(), strict=True))


def _split_long(
    audio: Audio, ranges: list[tuple[int, int, int]], shortest: int, longest: int
) -> list[tuple[int, int, int]]:
    split = []
    for start, stop, pause in ranges:
        while stop - start > longest:
            middle = start + quietest(audio.read(start, start + longest), min(shortest, longest // 2), longest)
            split.append((start, middle, pause))
            start, pause = middle, 0
        split.append((start, stop, pause))
    return split


def _clip(parts: Iterable[tuple[int, int]]) -> Clip:
    """Make a clip from sorted parts; adjacent parts are merged."""
    merged: list[tuple[int, int]] = []
    for start, stop in parts:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return Clip(tuple(merged))


def _in_order(starts: Times, ends: Times, low: float, high: float) -> tuple[Times, Times]:
    """Clamp words to ``[low, high]``, each with a minimum length and no word before the end of the previous one."""
    count = len(starts)
    least = min(SHORTEST_WORD_S, (high - low) / count)
    room = least * np.arange(count + 1)
    starts = np.clip(starts, low + room[:-1], high - room[:0:-1])
    starts = np.maximum.accumulate(starts - room[:-1]) + room[:-1]
    ends = np.clip(ends, starts + least, np.append(starts[1:], high))
    return starts, ends
