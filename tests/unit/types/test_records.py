from __future__ import annotations

from dataclasses import replace

import numpy as np

from oolong_align.types import Diarization, DiarizeTiming

FOUND = Diarization(segments=(), turns=(), speech=(), duration=1.0, embeddings={0: np.ones(3, np.float32)})


def test_results_are_compared_by_value() -> None:
    same = replace(FOUND, embeddings={0: np.ones(3, np.float32)}, timing=DiarizeTiming(1, 2, 3, 6))
    assert same == FOUND
    assert replace(FOUND, duration=2.0) != FOUND
    assert replace(FOUND, embeddings={0: np.zeros(3, np.float32)}) != FOUND
    assert replace(FOUND, embeddings={1: np.ones(3, np.float32)}) != FOUND
    assert FOUND != "a diarization"
