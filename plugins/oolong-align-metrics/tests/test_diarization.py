from __future__ import annotations

from math import isnan

import pytest
from oolong_align_metrics import DiarizationErrors, Turn, diarization_errors

REFERENCE = [Turn(0, 10, "A"), Turn(12, 20, "B"), Turn(24, 27, "A"), Turn(30, 40, "C")]
HYPOTHESIS = [Turn(2, 13, "a"), Turn(13, 14, "d"), Turn(14, 20, "b"), Turn(22, 38, "c"), Turn(38, 40, "d")]


def test_the_example_of_pyannote_metrics() -> None:
    """The DER in Bredin (2017) is 0.516; the parts follow from the turns."""
    errors = diarization_errors(REFERENCE, HYPOTHESIS)
    assert errors.speech == 31
    # Nobody speaks from 10 to 12, 22 to 24 and 27 to 30; A is missed until 2; the rest has another's name.
    assert (errors.false_alarm, errors.missed, errors.confusion) == (7, 2, 7)
    assert errors.error_rate == pytest.approx(16 / 31)
    # A with a: 8 of 14 s; B with b: 6 of 8 s; C with c: 8 of 18 s.
    assert errors.jaccard_error_rate == pytest.approx(((1 - 8 / 16) + (1 - 6 / 8) + (1 - 8 / 18)) / 3)
    assert (errors.reference_speakers, errors.hypothesis_speakers) == (3, 4)


def test_names_do_not_matter_and_a_perfect_hypothesis_has_no_errors() -> None:
    other = {"A": "z", "B": "y", "C": "x"}
    perfect = diarization_errors(REFERENCE, [turn._replace(speaker=other[turn.speaker]) for turn in REFERENCE])
    assert perfect.error_rate == perfect.jaccard_error_rate == 0


def test_the_collar_is_on_each_side() -> None:
    late = [Turn(0.25, 10, "a")]
    assert diarization_errors([Turn(0, 10, "A")], late).missed == pytest.approx(0.25)
    within = diarization_errors([Turn(0, 10, "A")], late, collar=0.25)
    assert (within.missed, within.speech) == (pytest.approx(0), pytest.approx(9.5))
    assert diarization_errors([Turn(0, 10, "A")], late, collar=0.1).missed == pytest.approx(0.15)


def test_overlap_counts_for_each_speaker_unless_it_is_skipped() -> None:
    reference, ours = [Turn(0, 10, "A"), Turn(4, 6, "B")], [Turn(0, 10, "a")]
    errors = diarization_errors(reference, ours)
    assert (errors.speech, errors.missed) == (12, 2)
    assert errors.jaccard_error_rate == 0.5  # A is correct, B has no counterpart
    assert diarization_errors(reference, ours, skip_overlap=True).error_rate == 0


def test_only_the_ranges_count() -> None:
    errors = diarization_errors(REFERENCE, HYPOTHESIS, ranges=[(0, 5), (4, 10), (14, 20)])
    assert (errors.speech, errors.missed, errors.false_alarm, errors.confusion) == (16, 2, 0, 0)
    assert (errors.reference_speakers, errors.hypothesis_speakers) == (2, 2)


def test_one_side_may_be_empty() -> None:
    missed = diarization_errors(REFERENCE, [])
    assert (missed.error_rate, missed.jaccard_error_rate) == (1, 1)
    invented = diarization_errors([], HYPOTHESIS)
    assert invented.false_alarm == 36
    assert isnan(invented.error_rate)
    assert isnan(invented.jaccard_error_rate)
    assert isnan(diarization_errors([], []).error_rate)


def test_parts_add_up() -> None:
    both = DiarizationErrors.sum([diarization_errors(REFERENCE, HYPOTHESIS), diarization_errors(REFERENCE, [])])
    assert both.error_rate == pytest.approx((16 + 31) / 62)
    assert both.reference_speakers == 6
