from __future__ import annotations

import numpy as np

from oolong_align.diarization.frame_store import FrameStore
from oolong_align.diarization.pooling import pool_span, pool_statistics

CHANNELS = 8


def test_pooling_equals_mean_and_unbiased_deviation_of_the_chosen_frames() -> None:
    rng = np.random.default_rng(1)
    frames = rng.random((125, CHANNELS)).astype(np.float32)
    masks = rng.random((3, 125)) < 0.4
    pooled = pool_statistics(frames, masks)
    for mask, row in zip(masks, pooled, strict=True):
        np.testing.assert_allclose(row[:CHANNELS], frames[mask].mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(row[CHANNELS:], frames[mask].std(axis=0, ddof=1), rtol=1e-3)
    assert np.isfinite(pool_statistics(frames, np.zeros((1, 125), dtype=bool))).all()


def test_a_span_is_pooled_like_a_mask_across_blocks_and_absent_frames() -> None:
    rng = np.random.default_rng(2)
    present = rng.random(400) < 0.7
    frames = FrameStore(CHANNELS, present)
    frames.append(rng.random((present.sum(), CHANNELS)).astype(np.float32))
    stored = frames.read(30, 370)
    expected = pool_statistics(stored, np.ones((1, len(stored)), dtype=np.bool_))
    np.testing.assert_allclose(pool_span(frames, 30, 370), expected, rtol=1e-4)
    np.testing.assert_array_equal(pool_span(frames, 400, 500)[0, :CHANNELS], 0)
