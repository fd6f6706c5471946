from __future__ import annotations

import numpy as np

from oolong_align.diarization.frame_store import FrameStore

CHANNELS = 8


def test_frames_are_read_back_as_they_were_written() -> None:
    rng = np.random.default_rng(0)
    written = rng.random((500, CHANNELS)).astype(np.float32)
    frames = FrameStore(CHANNELS)
    for block in np.array_split(written, 7):
        frames.append(block)
    assert len(frames) == 500
    np.testing.assert_allclose(frames.read(0, 500), written, rtol=1e-3)
    np.testing.assert_array_equal(frames.read(100, 130), frames.read(0, 500)[100:130])
    assert frames.read(490, 900).shape == (10, CHANNELS)
    assert frames.read(-5, -1).shape == (0, CHANNELS)


def test_frames_that_are_absent_are_left_out() -> None:
    present = np.zeros(1000, dtype=np.bool_)
    present[[3, 4, 10, 500]] = True
    frames = FrameStore(2, present)
    frames.append(np.arange(8, dtype=np.float32).reshape(4, 2))
    assert len(frames) == 1000
    assert frames.indices(4, 500).tolist() == [4, 10]
    assert frames.read(4, 500).tolist() == [[2, 3], [4, 5]]
    assert frames.read(11, 400).shape == (0, 2)
    assert frames.read(-10, 2000).shape == (4, 2)
