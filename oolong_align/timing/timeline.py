"""A set of disjoint spans that answers, for many queries at once, how much of a span it covers and how near it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from oolong_align.types import DiarizeSegment, SpeakerSegment

__all__ = ["Timeline", "mark_overlap"]


class Timeline:
    """Spans in seconds, merged where they meet. Every query costs O(queries log spans).

    Parameters
    ----------
    spans : iterable of (float, float)
        Start and end in seconds, in any order; empty and inverted ones are left out.
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
        """Seconds of each queried span that lie inside the timeline, shape ``(queries,)``."""
        if not len(self):
            return np.zeros(len(starts))
        inside = np.interp(ends, self._edges, self._sums) - np.interp(starts, self._edges, self._sums)
        return np.maximum(inside, 0.0)

    def distance(self, starts: npt.NDArray[np.float64], ends: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Seconds from each queried span to the nearest span, shape ``(queries,)``: 0 inside, ``inf`` for none."""
        if not len(self):
            return np.full(len(starts), np.inf)
        following = np.searchsorted(self.ends, starts, side="left")  # first span that ends at or after the query
        ahead = np.append(self.starts, np.inf)[following] - ends
        behind = starts - np.concatenate(([-np.inf], self.ends))[following]
        return np.maximum(np.minimum(ahead, behind), 0.0)

    def trimmed(
        self, starts: npt.NDArray[np.float64], ends: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Queried spans without what lies outside the timeline at their edges, each of shape ``(queries,)``.

        A span that meets nothing gives one that ends before it starts.
        """
        if not len(self):
            return ends.copy(), starts.copy()
        first = np.append(self.starts, np.inf)[np.searchsorted(self.ends, starts, side="right")]
        last = np.concatenate(([-np.inf], self.ends))[np.searchsorted(self.starts, ends, side="left")]
        return np.maximum(starts, first), np.minimum(ends, last)

    def start_around(self, times: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Start of the span that each time lies in or begins, shape ``(queries,)``; the time itself outside of all."""
        index = np.searchsorted(self.starts, times, side="right")
        inside = times < np.concatenate(([-np.inf], self.ends))[index]
        return np.where(inside, np.concatenate(([-np.inf], self.starts))[index], times)

    def end_around(self, times: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """End of the span that each time lies in or ends, shape ``(queries,)``; the time itself outside of all."""
        index = np.searchsorted(self.ends, times, side="left")
        inside = times > np.append(self.starts, np.inf)[index]
        return np.where(inside, np.append(self.ends, np.inf)[index], times)


def mark_overlap(
    exclusive: Sequence[tuple[float, float, int]], turns: Sequence[DiarizeSegment]
) -> tuple[SpeakerSegment, ...]:
    """Segments with ``is_overlap`` where another speaker's turn reaches into them; O(speakers x turns log turns).

    Parameters
    ----------
    exclusive : sequence of (float, float, int)
        Start and end in seconds, and the speaker.
    turns : sequence of DiarizeSegment
        Overlap-aware.
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
