"""Times of cues in whole milliseconds: ordered, without overlaps, never empty, within the recording."""

from __future__ import annotations

from collections.abc import Sequence

from oolong_align.formats.cue_lines import TextRun

__all__ = ["place_cues", "word_states"]


def place_cues(
    spans: Sequence[tuple[float, float, int]], *, duration: float, min_cue: float, max_cue: float
) -> list[tuple[int, int]]:
    """Compute the start and end of each cue.

    Parameters
    ----------
    spans : sequence of (float, float, int)
        Start and end of each cue's words in seconds, in order, and the minimum duration of the cue in milliseconds.
    duration : float
        Duration of the recording in seconds; 0 if unknown.
    min_cue, max_cue : float
        Target duration of a cue in seconds. A short cue is extended into the silence after it, then before it.

    Returns
    -------
    list of (int, int)
        Start and end of each cue in milliseconds. Cues end after the recording only if they do not fit into it.
    """
    needs = [need for _, _, need in spans]
    last_ms = int(1000 * duration) if duration > 0 else None
    starts = _separate([round(1000 * start) for start, _, _ in spans], needs, last_ms)
    min_ms, max_ms = round(1000 * min_cue), max(round(1000 * max_cue), 1)
    if starts and last_ms is not None and starts[-1] + needs[-1] > last_ms:
        last_ms = None
    times: list[tuple[int, int]] = []
    for index, (start, (_, end_s, need)) in enumerate(zip(starts, spans, strict=True)):
        following = starts[index + 1] if index + 1 < len(starts) else last_ms
        end = max(min(round(1000 * end_s), start + max_ms), start + min_ms, start + need)
        end = end if following is None else min(end, following)
        free = times[-1][1] if times else 0
        times.append((max(min(start, end - min_ms), free), end))
    return times


def word_states(runs: Sequence[TextRun], start_ms: int, end_ms: int) -> list[tuple[int, int, int | None]]:
    """Split a cue into states: start and end in milliseconds and the index of the spoken run, ``None`` between runs.

    The states are contiguous and none is empty. The cue must last at least one millisecond per run.
    """
    states: list[tuple[int, int, int | None]] = []
    now = start_ms
    for number, run in enumerate(runs):
        following = len(runs) - number - 1
        start = min(max(round(1000 * run.start), now), end_ms - following - 1)
        end = min(max(round(1000 * run.end), start + 1), end_ms - following) if following else end_ms
        if start > now:
            states.append((now, start, None))
        states.append((start, end, number))
        now = end
    return states


def _separate(starts: list[int], needs: Sequence[int], last_ms: int | None) -> list[int]:
    """Move starts apart so that each cue gets its minimum: later if possible, earlier at the end of the recording."""
    free = 0
    for index, need in enumerate(needs):
        starts[index] = max(starts[index], free)
        free = starts[index] + need
    if last_ms is None or sum(needs) > last_ms:
        return starts
    for index in range(len(starts) - 1, -1, -1):
        starts[index] = min(starts[index], last_ms - needs[index])
        last_ms = starts[index]
    return starts
