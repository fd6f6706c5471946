"""Speech ranges to clips for a recogniser that takes 30 s at a time, and times in a clip back to the recording.

A clip is speech with a little padding, with the silence between removed, so nothing can be recognised where nobody
speaks. Nothing here knows about Whisper.
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

# What Whisper resolves.
SHORTEST_WORD_S: Final = 0.02
# A pause of a syllable's length is where a cut hurts least.
QUIET_SAMPLES: Final = seconds_to_samples(0.2)


@dataclass(frozen=True, slots=True)
class Clip:
    """Stretches of a recording that are recognised as one piece of audio.

    ``parts`` are pairs ``(start, stop)`` in samples of the recording: sorted, not empty, not touching.
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
        """Samples of all parts one after the other, shape ``(samples,)``."""
        return np.concatenate([audio.read(start, stop) for start, stop in self.parts])

    def cut(self, start: int, stop: int) -> Clip:
        """Keep samples ``[start, stop)`` of this clip; no parts if they are none."""
        parts = []
        offset = 0
        for first, last in self.parts:
            begin, end = max(first, first + start - offset), min(last, first + stop - offset)
            if begin < end:
                parts.append((begin, end))
            offset += last - first
        return Clip(tuple(parts))

    def locate(self, starts: Times, ends: Times) -> tuple[Times, Times]:
        """Times of words in the recording, from their times in the clip.

        Each word is put into the one part that holds its middle, clamped to it, and kept in order.

        Parameters
        ----------
        starts, ends : ndarray, float64, shape (words,)
            Seconds from the start of the clip, in the order of the words.

        Returns
        -------
        starts, ends : ndarray, float64, shape (words,)
            Seconds of the recording: ``starts[i] < ends[i] <= starts[i + 1]``, each word inside a part. O(words).
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
    """Cut the speech of a recording into clips.

    Parameters
    ----------
    audio : Audio
        Read only where a stretch of speech without a pause is longer than a clip.
    speech : iterable of SpeechRange
        Seconds; any order, may overlap or run over the ends of the recording.
    padding_s : float
        Audio kept before and after each range, at most up to the middle of the pause to the next one.
    longest_s : float
        No clip is longer.
    shortest_s : float
        A clip is cut at the longest pause after so many seconds; speech without a pause at its quietest moment.

    Returns
    -------
    list of Clip
        In the order of the recording. O(ranges).
    """
    longest, shortest = seconds_to_samples(longest_s), seconds_to_samples(shortest_s)
    clips = []
    atoms = _split_long(audio, _pad(speech, audio.num_samples, seconds_to_samples(padding_s)), shortest, longest)
    while atoms:
        lengths = np.cumsum([stop - start for start, stop, _ in atoms[: longest // QUIET_SAMPLES + 2]])
        fitting = max(1, int(np.searchsorted(lengths, longest, side="right")))
        if fitting < len(atoms):
            first = int(np.searchsorted(lengths[:fitting], shortest, side="left"))
            pauses = [atoms[i + 1][2] for i in range(min(first, fitting - 1), fitting)]
            fitting = fitting - int(np.argmax(pauses[::-1]))  # the last of the longest
        clips.append(_clip((start, stop) for start, stop, _ in atoms[:fitting]))
        atoms = atoms[fitting:]
    return clips


def join_clips(clips: Iterable[Clip], *, longest_s: float = 29.0) -> list[Clip]:
    """Put the parts of some clips together to as few clips, in the order of the recording.

    Parameters
    ----------
    clips : iterable of Clip
        None overlaps another, and no part is longer than ``longest_s``.
    longest_s : float
        No clip is longer, in seconds.
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
    """Middle of the quietest 0.2 s of samples ``[start, stop)``."""
    if stop - start <= QUIET_SAMPLES:
        return (start + stop) // 2
    energy = np.cumsum(np.square(samples[start:stop], dtype=np.float64))
    return start + QUIET_SAMPLES // 2 + int(np.argmin(energy[QUIET_SAMPLES:] - energy[:-QUIET_SAMPLES]))


def _pad(speech: Iterable[SpeechRange], num_samples: int, padding: int) -> list[tuple[int, int, int]]:
    """Padded ranges ``(start, stop, pause before)`` in samples, disjoint and sorted."""
    merged: list[list[int]] = []
    for voice in sorted(speech, key=lambda voice: voice.start):
        start = min(max(seconds_to_samples(voice.start), 0), num_samples)
        stop = min(seconds_to_samples(voice.end), num_samples)
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
    """Clip of sorted parts; those that touch become one."""
    merged: list[tuple[int, int]] = []
    for start, stop in parts:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return Clip(tuple(merged))


def _in_order(starts: Times, ends: Times, low: float, high: float) -> tuple[Times, Times]:
    """Clamp words to ``[low, high]``, each with some length, none before the end of the one before it."""
    count = len(starts)
    least = min(SHORTEST_WORD_S, (high - low) / count)
    room = least * np.arange(count + 1)
    starts = np.clip(starts, low + room[:-1], high - room[:0:-1])
    starts = np.maximum.accumulate(starts - room[:-1]) + room[:-1]
    ends = np.clip(ends, starts + least, np.append(starts[1:], high))
    return starts, ends
