"""Enrol people and add references to their voices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from known_people import MODEL, NOW, embedding_of, reference, sample, voice

from oolong_align.errors import InputError, OolongWarning
from oolong_align.speakers.learning import add_reference, enroll, new_voice, reference_of
from oolong_align.speakers.scoring import VoiceScorer
from oolong_align.speakers.sqlite import SqliteStore

SCORER = VoiceScorer.for_weights(MODEL.weights)


def test_centroid_is_weighted_by_seconds() -> None:
    one = new_voice(reference("Ada", 0, seconds=30), MODEL)
    both = add_reference(one, reference("Ada", 1, seconds=10), SCORER)
    assert both.seconds == 40 and len(both.references) == 2
    mean = 3 * embedding_of("Ada", 0) + embedding_of("Ada", 1)
    assert both.centroid == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)


def test_same_speech_is_not_learned_twice() -> None:
    one = new_voice(reference("Ada", 0, source="a"), MODEL)
    again = add_reference(one, reference("Ada", 1, source="a"), SCORER)
    assert [each.embedding.tolist() for each in again.references] == [embedding_of("Ada", 1).tolist()]


def test_recordings_with_the_same_name_are_distinguished_by_their_digest() -> None:
    ada = new_voice(reference_of(sample("Ada", 0), "audio", recording="1f"), MODEL)
    ada = add_reference(ada, reference_of(sample("Ada", 1), "audio", recording="2e"), SCORER)
    assert [each.recording for each in ada.references] == ["1f", "2e"]
    ada = add_reference(ada, reference_of(sample("Ada", 2), "another name", recording="2e"), SCORER)
    assert [(each.source, each.recording) for each in ada.references] == [("audio", "1f"), ("another name", "2e")]


def test_oldest_reference_stays_first_when_its_recording_is_processed_again() -> None:
    ada = new_voice(reference("Ada", 0, source="a"), MODEL)
    ada = add_reference(ada, reference("Ada", 1, source="b"), SCORER)
    again = add_reference(ada, reference("Ada", 2, source="a"), SCORER)
    assert [each.source for each in again.references] == ["a", "b"]
    assert np.array_equal(again.references[0].embedding, embedding_of("Ada", 2))


def test_short_reference_is_ignored_if_the_voice_has_enough(store: SqliteStore) -> None:
    for session in range(16):
        enroll(store, "Ada", sample("Ada", session, seconds=30), model=MODEL, source=f"{session}")
    extended = enroll(store, "Ada", sample("Ada", 20, seconds=6), model=MODEL, source="short")
    assert len(extended.references) == 16 and {each.seconds for each in extended.references} == {30}
    with pytest.raises(InputError, match="does not sound like voice_1"):
        enroll(store, "Ada", sample("Bob", 0, seconds=6), model=MODEL, source="other")


@pytest.mark.parametrize("name", ["", "A\nB", "\udcff", "A" * 201])
def test_invalid_name_is_refused(store: SqliteStore, name: str) -> None:
    enroll(store, "Bob", sample("Bob"), model=MODEL)
    with pytest.raises(InputError, match="Name must be 1 to 200 characters on one line"):
        enroll(store, name, sample("Ada"), model=MODEL)


def test_voice_without_references_is_represented_by_its_centroid(store: SqliteStore) -> None:
    store.put(replace(voice([reference("Ada", 0)], "Ada"), references=(), seconds=100.0))
    with pytest.raises(InputError, match="does not sound like voice_1"):
        enroll(store, "Ada", sample("Bob"), model=MODEL, source="b")
    extended = enroll(store, "Ada", sample("Ada", 1, seconds=20), model=MODEL, source="b")
    assert extended.seconds == 120 and [each.seconds for each in extended.references] == [100, 20]
    assert extended.centroid @ embedding_of("Ada", 0) > extended.centroid @ embedding_of("Ada", 1)


def test_two_unknown_recordings_are_different() -> None:
    ada = new_voice(reference_of(sample("Ada", 0), ""), MODEL)
    assert len(add_reference(ada, reference_of(sample("Ada", 1), ""), SCORER).references) == 2


def test_reference_of_another_person_is_not_added() -> None:
    ada = new_voice(reference("Ada", 0, source="audio"), MODEL)
    assert add_reference(ada, reference("Bob", 0, source="audio"), SCORER) == ada


def test_voice_cannot_drift_to_another_person() -> None:
    """Each step is small, but the last reference is another person than the first."""
    start, end = embedding_of("Ada", noise=0), embedding_of("Bob", noise=0)
    extended = new_voice(reference("Ada"), MODEL)
    for step in np.linspace(0.1, 1, 10):
        mixed = ((1 - step) * start + step * end).astype(np.float32)
        mixed_reference = reference_of(sample("Ada"), f"step {step:.1f}", NOW)
        object.__setattr__(mixed_reference, "embedding", mixed / np.linalg.norm(mixed))
        extended = add_reference(extended, mixed_reference, SCORER)
    assert 1 < len(extended.references) < 8
    assert extended.centroid @ start > 0.8


def test_shortest_reference_is_dropped_and_the_oldest_kept() -> None:
    extended = new_voice(reference("Ada", 0, seconds=5.5), MODEL)
    for session in range(1, 30):
        extended = add_reference(extended, reference("Ada", session, seconds=5 + session), SCORER)
    assert [each.seconds for each in extended.references] == [5.5, *(5.0 + session for session in range(15, 30))]


def test_enrolment_names_a_matching_unnamed_voice(store: SqliteStore) -> None:
    first = store.put(voice([reference("Ada", 0)]))
    store.put(voice([reference("Bob", 0)]))
    assert enroll(store, "Ada", sample("Ada", 1), model=MODEL, source="b").id == first
    assert enroll(store, "Ada", sample("Ada", 2), model=MODEL, source="c").id == first
    (known,) = store.list("Ada")
    assert [each.source for each in known.references] == ["file_0", "b", "c"] and known.seconds == 90
    assert enroll(store, "Cleo", sample("Cleo"), model=MODEL).id == "voice_3"
    with pytest.warns(OolongWarning, match=r"Bobby \(voice_4\) sounds like Ada \(voice_1\).*merge voice_1 voice_4"):
        assert enroll(store, "Bobby", sample("Ada", 3), model=MODEL).id == "voice_4"


@pytest.mark.parametrize(
    ("person", "seconds", "voice_id", "text"),
    [
        ("Ada", 4.0, None, "from 4.0 s of speech"),
        ("Bob", 30.0, None, "does not sound like voice_1"),
        ("Ada", 30.0, "voice_9", "Unknown voice 'voice_9'"),
    ],
)
def test_unsuitable_speech_is_refused(
    store: SqliteStore, person: str, seconds: float, voice_id: str | None, text: str
) -> None:
    store.put(voice([reference("Ada", 0)], name="Ada"))
    with pytest.raises(InputError, match=text):
        enroll(store, "Ada", sample(person, 1, seconds=seconds), model=MODEL, source="b", voice_id=voice_id)
    (known,) = store.list()
    assert len(known.references) == 1


def test_ambiguous_name_requires_a_voice_id(store: SqliteStore) -> None:
    ids = [store.put(voice([reference(person)], name="Kim")) for person in ("Ada", "Bob")]
    with pytest.raises(InputError, match="Several voices have the name Kim: voice_1, voice_2"):
        enroll(store, "Kim", sample("Bob", 1), model=MODEL)
    assert enroll(store, "Kim", sample("Bob", 1), model=MODEL, voice_id=ids[1]).id == ids[1]
