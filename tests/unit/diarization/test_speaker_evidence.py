from __future__ import annotations

import pytest

from oolong_align.diarization.frame_store import FrameStore
from oolong_align.diarization.speaker_evidence import FrameEvidence
from oolong_align.errors import InputError


@pytest.mark.parametrize("span", [(float("nan"), 1.0), (0.0, float("inf")), (float("-inf"), 1.0)])
def test_a_span_is_finite(span: tuple[float, float]) -> None:
    voice = FrameEvidence(None, FrameStore(4), {})
    with pytest.raises(InputError, match="finite numbers of seconds"):
        voice.scores(*span)
