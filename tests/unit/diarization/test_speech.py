from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from oolong_align.diarization.speech import is_speech


@given(
    hnp.arrays(np.float32, st.integers(0, 60), elements=st.floats(0, 1, width=32)),
    st.booleans(),
)
def test_hysteresis_equals_a_state_machine(probability: np.ndarray, before: bool) -> None:
    expected, state = [], before
    for p in probability:
        state = p > 0.5 if not state else not p < 0.357
        expected.append(state)
    assert is_speech(probability, onset=0.5, offset=0.357, before=before).tolist() == expected
