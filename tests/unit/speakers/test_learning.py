from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from known_people import MODEL, NOW, heard, reference, sample, voice

from oolong_align.errors import InputError, OolongWarning
from oolong_align.speakers.learning import add_reference, enroll, new_voice, reference_of
from oolong_align.speakers.scoring import VoiceScorer
from oolong_align.speakers.sqlite import SqliteStore

SCORER = VoiceScorer.for_weights(MODEL.weights)


def test_a_further_reference_moves_the_centroid_by_its_seconds() -> None:
    one = new_voice(reference("Ada", 0, seconds=30), MODEL)
    both = add_reference(one, reference("Ada", 1, seconds=10), SCORER)
    assert both.seconds == 40 and len(both.references) == 2
    mean = 3 * heard("Ada", 0) + heard("Ada", 1)
    assert both.centroid == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)


def test_the_same_speech_is_not_learned_twice() -> None:
    one = new_voice(reference("Ada", 0, source="a"), MODEL)
    again = add_reference(one, reference("Ada", 1, source="a"), SCORER)
    assert [each.embedding.tolist() for each in again.references] == [heard("Ada", 1).tolist()]


def test_recordings_of_one_name_are_told_apart_by_what_is_in_them() -> None:
    ada = new_voice(reference_of(sample("Ada", 0), "audio", recording="1f"), MODEL)
    ada = add_reference(ada, reference_of(sample("Ada", 1), "audio", recording="2e"), SCORER)
    assert [each.recording for each in ada.references] == ["1f", "2e"]
    ada = add_reference(ada, reference_of(sample("Ada", 2), "another name", recording="2e"), SCORER)
    assert [(each.source, each.recording) for each in ada.references] == [("audio", "1f"), ("another name", "2e")]


def test_the_oldest_recording_stays_the_oldest_when_it_is_worked_on_again() -> None:
    ada = new_voice(reference("Ada", 0, source="a"), MODEL)
    ada = add_reference(ada, reference("Ada", 1, source="b"), SCORER)
    again = add_reference(ada, reference("Ada", 2, source="a"), SCORER)
    assert [each.source for each in again.references] == ["a", "b"]
    assert np.array_equal(again.references[0].embedding, heard("Ada", 2))


def test_a_voice_that_knows_enough_takes_a_short_reference_without_a_word(store: SqliteStore) -> None:
    for session in range(16):
        enroll(store, "Ada", sample("Ada", session, seconds=30), model=MODEL, source=f"{session}")
    taught = enroll(store, "Ada", sample("Ada", 20, seconds=6), model=MODEL, source="short")
    assert len(taught.references) == 16 and {each.seconds for each in taught.references} == {30}
    with pytest.raises(InputError, match="does not sound like voice_1"):
        enroll(store, "Ada", sample("Bob", 0, seconds=6), model=MODEL, source="other")


@pytest.mark.parametrize("name", ["", "A\nB", "\udcff", "A" * 201])
def test_what_is_no_name_is_said(store: SqliteStore, name: str) -> None:
    enroll(store, "Bob", sample("Bob"), model=MODEL)
    with pytest.raises(InputError, match="the name must be 1 to 200 characters on one line"):
        enroll(store, name, sample("Ada"), model=MODEL)


def test_a_voice_without_references_is_its_centroid(store: SqliteStore) -> None:
    store.put(replace(voice([reference("Ada", 0)], "Ada"), references=(), seconds=100.0))
    with pytest.raises(InputError, match="does not sound like voice_1"):
        enroll(store, "Ada", sample("Bob"), model=MODEL, source="b")
    taught = enroll(store, "Ada", sample("Ada", 1, seconds=20), model=MODEL, source="b")
    assert taught.seconds == 120 and [each.seconds for each in taught.references] == [100, 20]
    assert taught.centroid @ heard("Ada", 0) > taught.centroid @ heard("Ada", 1)


def test_speech_of_an_unknown_recording_is_not_that_of_another_unknown_one() -> None:
    ada = new_voice(reference_of(sample("Ada", 0), ""), MODEL)
    assert len(add_reference(ada, reference_of(sample("Ada", 1), ""), SCORER).references) == 2


def test_a_stranger_in_a_recording_of_the_same_name_does_not_take_a_voice_over() -> None:
    ada = new_voice(reference("Ada", 0, source="audio"), MODEL)
    assert add_reference(ada, reference("Bob", 0, source="audio"), SCORER) == ada


def test_a_voice_cannot_drift_to_somebody_else() -> None:
    """Each step is small, but the last one is not the voice of the first any more."""
    start, end = heard("Ada", noise=0), heard("Bob", noise=0)
    taught = new_voice(reference("Ada"), MODEL)
    for step in np.linspace(0.1, 1, 10):
        mixed = ((1 - step) * start + step * end).astype(np.float32)
        piece = reference_of(sample("Ada"), f"step {step:.1f}", NOW)
        object.__setattr__(piece, "embedding", mixed / np.linalg.norm(mixed))
        taught = add_reference(taught, piece, SCORER)
    assert 1 < len(taught.references) < 8
    assert taught.centroid @ start > 0.8


def test_of_too_many_references_the_shortest_goes_and_the_oldest_stays() -> None:
    taught = new_voice(reference("Ada", 0, seconds=5.5), MODEL)
    for session in range(1, 30):
        taught = add_reference(taught, reference("Ada", session, seconds=5 + session), SCORER)
    assert [each.seconds for each in taught.references] == [5.5, *(5.0 + session for session in range(15, 30))]


def test_enrolling_names_the_voice_that_was_unknown(store: SqliteStore) -> None:
    first = store.put(voice([reference("Ada", 0)]))
    store.put(voice([reference("Bob", 0)]))
    assert enroll(store, "Ada", sample("Ada", 1), model=MODEL, source="b").id == first
    assert enroll(store, "Ada", sample("Ada", 2), model=MODEL, source="c").id == first
    (known,) = store.list("Ada")
    assert [each.source for each in known.references] == ["file_0", "b", "c"] and known.seconds == 90
    assert enroll(store, "Cleo", sample("Cleo"), model=MODEL).id == "voice_3"
    with pytest.warns(OolongWarning, match="Bobby, voice_4, sounds like Ada, voice_1.*merge voice_1 voice_4"):
        assert enroll(store, "Bobby", sample("Ada", 3), model=MODEL).id == "voice_4"


@pytest.mark.parametrize(
    ("person", "seconds", "voice_id", "text"),
    [
        ("Ada", 4.0, None, "4.0 s of speech are too few"),
        ("Bob", 30.0, None, "does not sound like voice_1"),
        ("Ada", 30.0, "voice_9", "no voice 'voice_9'"),
    ],
)
def test_what_would_spoil_a_voice_is_refused(
    store: SqliteStore, person: str, seconds: float, voice_id: str | None, text: str
) -> None:
    store.put(voice([reference("Ada", 0)], name="Ada"))
    with pytest.raises(InputError, match=text):
        enroll(store, "Ada", sample(person, 1, seconds=seconds), model=MODEL, source="b", voice_id=voice_id)
    (known,) = store.list()
    assert len(known.references) == 1


def test_two_voices_of_one_name_need_a_choice(store: SqliteStore) -> None:
    ids = [store.put(voice([reference(person)], name="Kim")) for person in ("Ada", "Bob")]
    with pytest.raises(InputError, match="several voices have this name"):
        enroll(store, "Kim", sample("Bob", 1), model=MODEL)
    assert enroll(store, "Kim", sample("Bob", 1), model=MODEL, voice_id=ids[1]).id == ids[1]
