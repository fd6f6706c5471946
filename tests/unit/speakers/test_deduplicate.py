"""Suggest merges, find duplicates, and measure thresholds."""

from __future__ import annotations

import time

import numpy as np
import pytest
from known_people import MODEL, embedding_of, reference, sample, voice

from oolong_align.errors import InputError
from oolong_align.speakers.deduplicate import find_duplicates, suggest_merges
from oolong_align.speakers.measuring import measure_thresholds
from oolong_align.speakers.records import Voice
from oolong_align.speakers.scoring import VoiceScorer


def library() -> list[Voice]:
    """Voices 1, 3 and 4 are Ada, 2 is Bob, 5 and 6 are Cleo; 5 and 6 speak in the same recording."""
    return [
        voice([reference("Ada", 0)], number=1),
        voice([reference("Bob", 1)], "Bob", number=2),
        voice([reference("Ada", 2), reference("Ada", 3)], "Ada", number=3),
        voice([reference("Ada", 4)], number=4),
        voice([reference("Cleo", 5, source="both")], number=5),
        voice([reference("Cleo", 6, source="both")], number=6),
    ]


def test_suggestions_are_pairs_of_one_person_with_evidence() -> None:
    found = suggest_merges(library())
    pairs = {(each.kept.id, each.other.id): each for each in found}
    assert set(pairs) == {
        ("voice_3", "voice_1"),
        ("voice_3", "voice_4"),
        ("voice_1", "voice_4"),
        ("voice_5", "voice_6"),
    }
    assert pairs["voice_5", "voice_6"].together == ("both",) and not pairs["voice_3", "voice_1"].together
    assert pairs["voice_1", "voice_4"].cosine == pytest.approx(
        embedding_of("Ada", 0) @ embedding_of("Ada", 4), abs=1e-6
    )
    assert [each.probability for each in found] == sorted((each.probability for each in found), reverse=True)


def test_duplicates_are_joined_except_within_one_recording() -> None:
    (person,) = find_duplicates(library())
    assert [(each.kept.id, each.other.id) for each in person] == [("voice_3", "voice_1"), ("voice_3", "voice_4")]


def test_voices_with_different_names_are_not_joined() -> None:
    voices = [
        voice([reference("Ada", 0)], "Ada", number=1),
        voice([reference("Ada", 1)], number=2),
        voice([reference("Ada", 2)], "Eve", number=3),
    ]
    (person,) = find_duplicates(voices)
    assert [(each.kept.id, each.other.id) for each in person] in ([("voice_1", "voice_2")], [("voice_3", "voice_2")])
    assert len(suggest_merges(voices)) == 3


def test_no_duplicates_in_an_empty_or_single_voice_library() -> None:
    assert find_duplicates([]) == find_duplicates(library()[:1]) == []
    assert suggest_merges([]) == suggest_merges(library()[:1]) == []


def test_duplicates_of_150_people_are_found() -> None:
    voices = [
        voice([reference(f"person {number % 150}", number, source=f"file {number}")], number=number + 1)
        for number in range(450)
    ]
    began = time.process_time()
    people = find_duplicates(voices, threshold=0.5)
    assert time.process_time() - began < 60
    groups = {frozenset([person[0].kept.id, *(each.other.id for each in person)]) for person in people}
    assert groups == {frozenset(f"voice_{first + 150 * k + 1}" for k in range(3)) for first in range(150)}


def test_error_rates_are_shares_of_pairs() -> None:
    samples = {person: [sample(person, session) for session in range(3)] for person in ("Ada", "Bob", "Cleo")}
    samples["Bob"].append(sample("Ada", 9))  # wrong label
    errors, same, different = measure_thresholds(samples, VoiceScorer.for_weights(MODEL.weights))
    assert (same, different) == (3 + 6 + 3, 45 - 12)
    at_half = errors[0]
    assert at_half.threshold == 0.5
    assert at_half.false_rejects == pytest.approx(3 / 12) and at_half.false_accepts == pytest.approx(3 / 33)
    rejects = [each.false_rejects or 0 for each in errors]
    assert rejects == sorted(rejects)
    alone, _, _ = measure_thresholds({"Ada": samples["Ada"]}, VoiceScorer.for_weights(MODEL.weights))
    assert alone[0].false_accepts is None and np.isfinite(alone[0].false_rejects or 0)
    with pytest.raises(InputError, match="Cannot measure thresholds with 1 samples"):
        measure_thresholds({"Ada": samples["Ada"][:1]}, VoiceScorer.for_weights(MODEL.weights))
