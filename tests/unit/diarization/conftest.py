from __future__ import annotations

import numpy as np
import pytest

from oolong_align.diarization.plda import Plda


@pytest.fixture
def plda() -> Plda:
    return Plda(
        mean1=np.zeros(16),
        lda=np.eye(16),
        mean2=np.zeros(16),
        mu=np.zeros(16),
        tr=np.eye(16) * 8,
        phi=np.full(16, 30.0),
    )
