"""Evidence of turns, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from oolong_align.alignment.turn_evidence import weigh_turns
from oolong_align.types import Diarization, DiarizeSegment, SpeakerSegment


def test_emission_distance_and_overlap() -> None:
    found = weigh_turns(
        np.array([1.0, 4.0]),
        np.array([2.0, 5.0]),
        Diarization(
            segments=(SpeakerSegment(0.0, 1.6, 0), SpeakerSegment(1.6, 3.0, 1)),
            turns=(DiarizeSegment(0.0, 1.6, 0), DiarizeSegment(1.4, 3.0, 1)),
            speech=(),
            duration=5.0,
        ),
    )
    assert found.speakers == (0, 1)
    # A turn covers 0.6 of the word, and 0.75 of its 1.3 s with 0.15 s on each side.
    first = (0.6 + 0.75 / 1.3) / 2
    second = (0.4 + 0.55 / 1.3) / 2  # the exclusive segment
    assert found.emission[0] == pytest.approx([0.9 * first + 0.1, 0.8 * first + 0.1 * second + 0.1])
    # The second word is 1 s after the turn of speaker 1.
    assert found.emission[1] == pytest.approx([0.0, 0.1 * (1 - 1.0 / 1.5)])
    assert found.distance.tolist() == [0.0, 1.0]
    assert found.overlap.tolist() == [True, False]
