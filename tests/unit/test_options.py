from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from oolong_align import DiarizerOptions
from oolong_align.errors import UsageError
from oolong_align.options import check_speaker_bounds


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("vad_onset", v) for v in (-0.1, 1.1, float("nan"), "0.5", None, True)],
        *[("vad_offset", v) for v in (-0.1, 0.6)],
        *[("min_duration_off", v) for v in (-1, float("inf"), None)],
        *[("clustering_threshold", v) for v in (0, 2.1)],
        *[("step", v) for v in (0, 10.1, "1")],
        *[("fa", 0), ("fb", -1), ("fa", float("inf"))],
        *[("precision", v) for v in ("fp16", None)],
        *[("method", v) for v in ("refine", None)],
        *[("intra_threads", v) for v in (0, 1.5, True)],
        *[("max_iterations", v) for v in (0, 2.5, None)],
        *[("providers", v) for v in ("cuda", (1,), 5)],
        *[(name, 1) for name in ("exact", "refine", "embedding_exclude_overlap")],
    ],
)
def test_values_out_of_range_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=f"{name}="):
        DiarizerOptions(**{name: value})


@pytest.mark.parametrize(("refine", "method"), [(True, "pieces"), (False, "windows")])
def test_refine_chooses_the_method(refine: bool, method: str) -> None:
    options = DiarizerOptions(refine=refine)
    assert options == DiarizerOptions(method=method)
    assert replace(options, step=2).method == method
    assert replace(options, method="windows").method == "windows"


def test_text_is_not_accepted_as_a_number() -> None:
    with pytest.raises(UsageError, match="Invalid num_speakers='2': must be a whole number, 1 or more"):
        check_speaker_bounds("2", None, None)  # type: ignore[arg-type]


def test_numbers_of_numpy_are_numbers() -> None:
    DiarizerOptions(vad_onset=np.float32(0.5), intra_threads=np.int64(1))
    check_speaker_bounds(np.int64(2), None, None)


def test_a_low_onset_alone_says_what_to_change() -> None:
    with pytest.raises(UsageError, match=r"vad_offset=0\.357: must be .* vad_onset \(0\.2\); .* set --vad_offset too"):
        DiarizerOptions(vad_onset=0.2)
    with pytest.raises(UsageError) as chosen:
        DiarizerOptions(vad_onset=0.2, vad_offset=0.3)
    assert "default" not in str(chosen.value)


@pytest.mark.parametrize(
    "bounds", [(0, None, None), (None, 0, None), (2, 1, None), (2, None, 3), (None, 3, 2), (1.5, None, None)]
)
def test_contradicting_numbers_of_speakers_are_refused(bounds: tuple[Any, Any, Any]) -> None:
    with pytest.raises(UsageError):
        check_speaker_bounds(*bounds)
