from __future__ import annotations

import numpy as np
import pytest

from oolong_align.timing import grid


@pytest.mark.parametrize(
    ("samples", "windows"), [(0, 0), (1, 1), (160_000, 1), (160_001, 2), (176_000, 2), (176_001, 3)]
)
def test_windows_cover_the_recording(samples: int, windows: int) -> None:
    assert grid.count_windows(samples, 16_000) == windows
    assert windows == 0 or (windows - 1) * 16_000 + grid.WINDOW_SAMPLES >= samples


def test_middle_of_the_first_frame_is_half_its_width() -> None:
    assert grid.frame_middles_s(np.array([0, 1])).tolist() == pytest.approx([495.5 / 16_000, 765.5 / 16_000])


def test_one_window_spans_594_frames_of_the_grid() -> None:
    assert grid.count_frames(1, 16_000) == 594
    assert grid.count_frames(0, 16_000) == 0


@pytest.mark.parametrize("frame", [0, 1, 77, 10_000])
def test_an_embedding_frame_is_found_by_its_middle(frame: int) -> None:
    middle = (frame * 1280 + 200) / 16_000
    assert grid.seconds_to_voice_frame(middle) == frame
