from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from oolong_align.diarization.segmentation import NO_SPEAKER
from oolong_align.diarization.turns import fill_gaps, find_runs


def naive_runs(speakers: np.ndarray) -> list[tuple[int, int, int]]:
    found = []
    for speaker in range(4):
        start = None
        for frame in range(len(speakers)):
            on = speaker in speakers[frame] and frame < len(speakers) - 1
            if on and start is None:
                start = frame
            if not on and start is not None:
                found.append((start, frame, speaker))
                start = None
    return sorted(found, key=lambda run: (run[0], run[2]))


@st.composite
def speakers_of_frames(draw: st.DrawFn) -> np.ndarray:
    frames = draw(hnp.arrays(np.int32, st.tuples(st.integers(0, 40), st.just(2)), elements=st.integers(-1, 3)))
    frames[frames[:, 0] == frames[:, 1], 1] = NO_SPEAKER
    return frames


@given(speakers_of_frames())
def test_runs_equal_a_loop_over_frames(speakers: np.ndarray) -> None:
    assert [tuple(run) for run in find_runs(speakers).tolist()] == naive_runs(speakers)


def test_gaps_are_filled_for_each_speaker() -> None:
    runs = np.array([[0, 10, 0], [5, 20, 1], [13, 30, 0], [40, 50, 1]])
    assert fill_gaps(runs, 4, exclusive=False).tolist() == [[0, 30, 0], [5, 20, 1], [40, 50, 1]]
    assert fill_gaps(runs, 3, exclusive=False).tolist() == runs.tolist()


def test_exclusive_gaps_are_filled_only_without_another_speaker() -> None:
    runs = np.array([[0, 10, 0], [11, 12, 1], [13, 20, 0], [22, 30, 0]])
    assert fill_gaps(runs, 9, exclusive=True).tolist() == [[0, 10, 0], [11, 12, 1], [13, 30, 0]]
