"""A set of disjoint time spans with vectorised queries for coverage and distance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from oolong_align.types import DiarizeSegment, SpeakerSegment

__all__ = ["Timeline", "mark_overlap"]


class Timeline:
    """Time spans in seconds. Spans that overlap or touch are merged. Each query costs O(queries log spans).

    Parameters
    ----------
    spans : iterable of (float, float)
        Start and end in seconds, in any order. Empty and inverted spans are ignored.
    """

    def __init__(self, spans: Iterable[tuple[float, float]]) -> None:
        merged: list[list[float]] = []
        for start, end in sorted(span for span in spans if span[0] < span[1]):
            if merged and start <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], end)
            else:
                merged.append([start, end])
        table = np.array(merged, dtype=np.float64).reshape(-1, 2)  # (spans, start and end)
        self.starts: npt.NDArray[np.float64] = table[:, 0]
        self.ends: npt.NDArray[np.float64] = table[:, 1]
        self._edges = table.ravel()
        lengths = np.stack((table[:, 1] - table[:, 0], np.zeros(len(table))), axis=1).ravel()
        self._sums = np.concatenate(([0.0], np.cumsum(lengths)[:-1])) if len(table) else lengths

    def __len__(self) -> int:
        return len(self.starts)

    def covered(self, starts: npt.NDArray[np.float64], ends: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the seconds of each queried span that are inside the timeline, shape ``(queries,)``."""
        if not len(self):
            return np.zeros(len(starts))
        inside = np.interp(ends, self._edges, self._sums) - np.interp(starts, self._edges, self._sums)
        return np.maximum(inside, 0.0)

    def distance(self, starts: npt.NDArray[np.float64], ends: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the distance in seconds of each queried span to the nearest span, shape ``(queries,)``.

        The distance is 0 if they overlap, and ``inf`` if the timeline is empty.
        """
        if not len(self):
            return np.full(len(starts), np.inf)
        following = np.searchsorted(self.ends, starts, side="left")  # first span that ends at or after the query
        ahead = np.append(self.starts, np.inf)[following] - ends
        since = starts - np.concatenate(([-np.inf], self.ends))[following]
        return np.maximum(np.minimum(ahead, since), 0.0)

    def trimmed(
        self, starts: npt.NDArray[np.float64], ends: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Trim the parts outside of the timeline from both ends of the queried spans, shapes ``(queries,)``.

        A span that does not overlap the timeline ends before it starts in the result.
        """
        if not len(self):
            return ends.copy(), starts.copy()
        first = np.append(self.starts, np.inf)[np.searchsorted(self.ends, starts, side="right")]
        last = np.concatenate(([-np.inf], self.ends))[np.searchsorted(self.starts, ends, side="left")]
        return np.maximum(starts, first), np.minimum(ends, last)

    def start_around(self, times: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the start of the span that contains or starts at each time, else the time, shape ``(queries,)``."""
        index = np.searchsorted(self.starts, times, side="right")
        inside = times < np.concatenate(([-np.inf], self.ends))[index]
        return np.where(inside, np.concatenate(([-np.inf], self.starts))[index], times)

    def end_around(self, times: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the end of the span that contains or ends at each time, else the time, shape ``(queries,)``."""
        index = np.searchsorted(self.ends, times, side="left")
        inside = times > np.append(self.starts, np.inf)[index]
        return np.where(inside, np.append(self.ends, np.inf)[index], times)


def mark_overlap(
    exclusive: Sequence[tuple[float, float, int]], turns: Sequence[DiarizeSegment]
) -> tuple[SpeakerSegment, ...]:
    """Make exclusive segments, with ``is_overlap`` if another speaker's turn overlaps the segment.

    Cost: O(speakers x turns log turns).

    Parameters
    ----------
    exclusive : sequence of (float, float, int)
        Start and end in seconds, and the speaker id.
    turns : sequence of DiarizeSegment
        Overlap-aware turns.
    """
    starts = np.array([start for start, _, _ in exclusive], dtype=np.float64)
    ends = np.array([end for _, end, _ in exclusive], dtype=np.float64)
    speakers = np.array([speaker for _, _, speaker in exclusive], dtype=np.int64)
    overlap = np.zeros(len(exclusive), dtype=np.bool_)
    for speaker in set(speakers.tolist()):
        own = speakers == speaker
        others = Timeline((turn.start, turn.end) for turn in turns if turn.speaker_id != speaker)
        overlap[own] = others.covered(starts[own], ends[own]) > 1e-6
    return tuple(SpeakerSegment(*turn, flag) for turn, flag in zip(exclusive, overlap.tolist(), strict=True))
