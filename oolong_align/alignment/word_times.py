"""Repairs word times: each word gets a start and an end, with a plausible length and in order.

Transcribers omit times, extend a word over the silence after it, or place a word seconds away from its neighbours. The
repair uses the speech ranges, not the audio.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from oolong_align.text.scripts import is_spaceless
from oolong_align.timing.timeline import Timeline
from oolong_align.types import Word

__all__ = ["Times", "longest_plausible_s", "sanitise_times"]

Times: TypeAlias = npt.NDArray[np.float64]

BASE_S: Final = 0.15
CHARACTER_S: Final = 0.12
# A spoken digit is a word, an ideograph a syllable.
DIGIT_S: Final = 0.4
IDEOGRAPH_S: Final = 0.35
LONGEST_WORD_S: Final = 1.5
TYPICAL_SHARE: Final = 0.5
OUT_OF_ORDER_S: Final = 0.5
SHORTEST_TRIMMED_S: Final = 0.1
# Maximum distance to an edge of speech at which a word is extended to it, if no other word is between.
SNAP_S: Final = 0.4


def sanitise_times(words: Sequence[Word], *, limit: float, speech: Timeline) -> tuple[Times, Times]:
    """Return the start and end of each word in seconds, complete and in order.

    Parameters
    ----------
    words : sequence of Word
        Words in spoken order. Missing times are NaN (or ``None`` from an untyped caller).
    limit : float
        End of the recording in seconds; ``inf`` if it is unknown.
    speech : Timeline
        Speech ranges.

    Returns
    -------
    starts, ends : ndarray, float64, shape (words,)
        ``0 <= starts[i] <= ends[i] <= starts[i + 1]`` and ``ends <= limit``.
        Cost: O(words log words).
    """
    longest = np.array([longest_plausible_s(word.text) for word in words], dtype=np.float64)
    starts = _read_times([word.start for word in words], limit)
    ends = _read_times([word.end for word in words], limit)
    ends[ends < starts] = np.nan
    only_end = np.isnan(starts) & ~np.isnan(ends)
    starts[only_end] = np.maximum(ends - TYPICAL_SHARE * longest, 0)[only_end]
    _clear_out_of_order(starts, ends)
    _fill_missing(starts, ends, longest, limit)
    starts = np.maximum.accumulate(starts) if len(starts) else starts
    ends = np.minimum(np.maximum(ends, starts), np.append(starts[1:], limit)[: len(starts)])
    starts, ends = _clamp_lengths(starts, ends, longest, speech)
    starts, ends = _trim_to_speech(starts, ends, speech)
    return _snap_to_speech(starts, ends, longest, limit, speech)


def longest_plausible_s(text: str) -> float:
    """Return the maximum plausible length of a word in seconds, from its spelling.

    In scripts with spaces the maximum is 1.5 s. In scripts without spaces, a "word" can be a whole phrase.
    """
    digits = sum(character.isdigit() for character in text)
    ideographs = sum(is_spaceless(character) for character in text)
    others = len(text) - digits - ideographs
    spaced = BASE_S + DIGIT_S * digits + CHARACTER_S * others
    return min(spaced, LONGEST_WORD_S) + IDEOGRAPH_S * ideographs


def _read_times(values: Sequence[float | None], limit: float) -> Times:
    times = np.array(values, dtype=np.float64)
    times[~np.isfinite(times)] = np.nan
    return np.clip(times, 0.0, limit)


def _clear_out_of_order(starts: Times, ends: Times) -> None:
    """Set the times of words that are far out of order to missing, in place."""
    known = np.flatnonzero(~np.isnan(starts))
    values = starts[known]
    if not np.any(np.diff(values) < 0):
        return
    kept = _longest_rising(values)
    before = np.searchsorted(kept, np.arange(len(values)), side="right") - 1
    lower = np.where(before >= 0, values[kept[np.maximum(before, 0)]], 0.0)
    after = np.searchsorted(kept, np.arange(len(values)), side="left")
    upper = np.where(after < len(kept), values[kept[np.minimum(after, len(kept) - 1)]], np.inf)
    misplaced = known[np.abs(values - np.clip(values, lower, upper)) > OUT_OF_ORDER_S]
    starts[misplaced] = ends[misplaced] = np.nan
    # Words that are slightly out of order move to the neighbour that they passed.
    near = ~np.isin(known, misplaced)
    starts[known[near]] = np.clip(values, lower, upper)[near]


def _longest_rising(values: Times) -> npt.NDArray[np.int64]:
    """Return the indices of a longest non-decreasing subsequence (patience sorting)."""
    tails: list[float] = []
    tail_indices: list[int] = []
    previous = np.full(len(values), -1, dtype=np.int64)
    for index, value in enumerate(values.tolist()):
        place = bisect_right(tails, value)
        previous[index] = tail_indices[place - 1] if place else -1
        tails[place : place + 1] = [value]
        tail_indices[place : place + 1] = [index]
    chain: list[int] = []
    index = tail_indices[-1]
    while index >= 0:
        chain.append(index)
        index = int(previous[index])
    return np.array(chain[::-1], dtype=np.int64)


def _fill_missing(starts: Times, ends: Times, longest: Times, limit: float) -> None:
    """Fill missing times in place: spread runs of words over their gap by expected length."""
    missing = np.flatnonzero(np.isnan(starts))
    for run in np.split(missing, np.flatnonzero(np.diff(missing) > 1) + 1):
        if len(run):
            _spread_run(starts, ends, longest, int(run[0]), int(run[-1]) + 1, limit)
    open_ended = np.flatnonzero(np.isnan(ends))
    following = np.append(starts, limit)[open_ended + 1]
    ends[open_ended] = np.minimum(starts[open_ended] + TYPICAL_SHARE * longest[open_ended], following)


def _spread_run(starts: Times, ends: Times, longest: Times, first: int, stop: int, limit: float) -> None:
    weights = TYPICAL_SHARE * longest[first:stop]
    length = float(weights.sum())
    upper = float(starts[stop]) if stop < len(starts) else None
    if first:
        # fmin: a plausible end replaces one that is missing or extends over the gap.
        lower = float(np.fmin(ends[first - 1], starts[first - 1] + longest[first - 1]))
    else:
        lower = 0.0 if upper is None else max(0.0, upper - length)
    lower = min(lower, limit if upper is None else upper)
    upper = min(limit, lower + length) if upper is None else upper
    edges = lower + (upper - lower) * np.concatenate(([0.0], np.cumsum(weights) / length))
    starts[first:stop] = edges[:-1]
    ends[first:stop] = edges[1:]


def _clamp_lengths(starts: Times, ends: Times, longest: Times, speech: Timeline) -> tuple[Times, Times]:
    """Shorten words that are too long to their part with more speech: the start or the end; on a tie, the start."""
    too_long = ends - starts > longest
    head_end, tail_start = starts + longest, ends - longest
    tail_wins = speech.covered(tail_start, ends) > speech.covered(starts, head_end) + 1e-9
    return (
        np.where(too_long & tail_wins, tail_start, starts),
        np.where(too_long & ~tail_wins, head_end, ends),
    )


def _trim_to_speech(starts: Times, ends: Times, speech: Timeline) -> tuple[Times, Times]:
    """Trim silence from both ends of words that contain enough speech."""
    first, last = speech.trimmed(starts, ends)
    enough = last - first >= SHORTEST_TRIMMED_S
    return np.where(enough, first, starts), np.where(enough, last, ends)


def _snap_to_speech(starts: Times, ends: Times, longest: Times, limit: float, speech: Timeline) -> tuple[Times, Times]:
    """Extend words to the edges of the speech in which they start and end, but not into their neighbours."""
    if not len(starts):
        return starts, ends
    edge = speech.start_around(starts)
    before = np.concatenate(([0.0], ends[:-1]))
    reached = (edge >= before) & (starts - edge <= SNAP_S)
    starts = np.where(reached, np.minimum(np.maximum(edge, ends - longest), starts), starts)

    edge = np.minimum(speech.end_around(ends), limit)
    reached = (edge <= np.append(starts[1:], limit)) & (edge - ends <= SNAP_S)
    return starts, np.where(reached, np.maximum(ends, np.minimum(edge, starts + longest)), ends)
