"""Times of cues in whole milliseconds: in order, never overlapping, never empty, never beyond the recording."""

from __future__ import annotations

from collections.abc import Sequence

from oolong_align.formats.cue_lines import Piece

__all__ = ["place_cues", "word_states"]


def place_cues(
    spans: Sequence[tuple[float, float, int]], *, duration: float, min_cue: float, max_cue: float
) -> list[tuple[int, int]]:
    """Start and end of each cue in milliseconds.

    Parameters
    ----------
    spans : sequence of (float, float, int)
        First and last second of each cue's words, in order, and the milliseconds that the cue needs at least.
    duration : float
        End of the recording in seconds; 0 where it is unknown.
    min_cue, max_cue : float
        Seconds that a cue should stay; a short one grows into the silence behind it, then before it.
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


def word_states(pieces: Sequence[Piece], start_ms: int, end_ms: int) -> list[tuple[int, int, int | None]]:
    """Cut a cue into states of start, end and the number of the piece that is being said, ``None`` between pieces.

    The states follow each other without a gap and none is empty; the cue must last a millisecond a piece.
    """
    states: list[tuple[int, int, int | None]] = []
    now = start_ms
    for number, piece in enumerate(pieces):
        following = len(pieces) - number - 1
        start = min(max(round(1000 * piece.start), now), end_ms - following - 1)
        end = min(max(round(1000 * piece.end), start + 1), end_ms - following) if following else end_ms
        if start > now:
            states.append((now, start, None))
        states.append((start, end, number))
        now = end
    return states


def _separate(starts: list[int], needs: Sequence[int], last_ms: int | None) -> list[int]:
    """Move starts apart so that each cue has what it needs, later if possible, earlier at the recording's end."""
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
