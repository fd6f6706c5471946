"""Identify the speakers of a recording and learn from them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from known_people import DIMENSION, MODEL, NOW, embedding_of, reference, voice

from oolong_align.diarization.speaker_evidence import StoredEvidence
from oolong_align.errors import InputError, OolongWarning
from oolong_align.speakers.identify import Identity, find_voices, identify, name_speakers
from oolong_align.speakers.samples import voice_samples
from oolong_align.speakers.sqlite import SqliteStore
from oolong_align.types import Diarization, DiarizeSegment, ModelInfo, Speaker, SpeakerSegment, Transcript

INFO = ModelInfo(bundle="test", hashes={"embedding": MODEL.weights}, dimension=DIMENSION)


def recording(people: Sequence[tuple[str, float]], session: int = 0, *, model: ModelInfo | None = INFO) -> Diarization:
    """Each person speaks once for the given seconds, in pieces of about 2.5 s."""
    turns, pieces, vectors, embeddings = [], [], [], {}
    begin = 0.0
    for number, (person, seconds) in enumerate(people):
        embeddings[number] = embedding_of(person, session)
        turns.append(DiarizeSegment(begin, begin + seconds, number))
        for start, end in pairwise(np.linspace(begin, begin + seconds, max(round(seconds / 2.5), 1) + 1).tolist()):
            pieces.append(DiarizeSegment(start, end, number))
            vectors.append(embedding_of(person, session))
        begin += seconds
    return Diarization(
        segments=tuple(SpeakerSegment(turn.start, turn.end, turn.speaker_id) for turn in turns),
        turns=tuple(turns),
        speech=(),
        duration=begin,
        embeddings=embeddings,
        pieces=tuple(pieces),
        model=model,
        voice=StoredEvidence([(piece.start, piece.end) for piece in pieces], np.stack(vectors), embeddings),
    )


def voices_of(found: dict[int, Identity]) -> list[str | None]:
    return [found[speaker].voice for speaker in sorted(found)]


def test_ids_and_names_are_recognised_in_later_recordings(store: SqliteStore) -> None:
    monday = identify(recording([("Ada", 30), ("Bob", 20)]), store, source="monday", now=NOW)
    assert voices_of(monday) == ["voice_1", "voice_2"] and monday[0].name is None
    assert monday[0].probability == 1.0
    store.put(replace(store.list()[1], name="Bob"))
    tuesday = identify(recording([("Cleo", 20), ("Bob", 20), ("Ada", 30)], 1), store, source="tuesday", now=NOW)
    assert voices_of(tuesday) == ["voice_3", "voice_2", "voice_1"]
    assert [tuesday[speaker].name for speaker in range(3)] == [None, "Bob", None]
    assert all((each.probability or 0) > 0.9 for each in tuesday.values())
    assert [len(each.references) for each in store.list()] == [2, 2, 1]
    assert [each.source for each in store.list()[0].references] == ["monday", "tuesday"]


def test_repeated_recording_is_learned_once(store: SqliteStore) -> None:
    for _ in range(3):
        found = identify(recording([("Ada", 30), ("Bob", 20)]), store, source="monday", now=NOW)
        assert voices_of(found) == ["voice_1", "voice_2"]
    assert [(len(each.references), each.seconds) for each in store.list()] == [(1, 30.0), (1, 20.0)]


def test_little_speech_is_recognised_but_not_learned(store: SqliteStore) -> None:
    identify(recording([("Ada", 30)]), store, source="monday", now=NOW)
    found = identify(recording([("Ada", 4), ("Bob", 4), ("Cleo", 0.9)], 1), store, source="tuesday", now=NOW)
    assert voices_of(found) == ["voice_1", None, None]
    assert found[1] == found[2] == Identity()
    assert [len(each.references) for each in store.list()] == [1]


def test_uncertain_match_is_a_new_voice_with_a_warning(store: SqliteStore) -> None:
    store.put(voice([reference("Ada")], name="Ada"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert voices_of(identify(recording([("Ada", 30)], 1), store, source="a", threshold=0.9)) == ["voice_1"]
    probability = find_voices(recording([("Ada", 30)], 2), store)[0][1].probability
    with pytest.warns(
        OolongWarning, match=r"SPEAKER_00 may be Ada \(probability .* run: oolong speakers merge voice_1"
    ):
        found = identify(recording([("Ada", 30)], 2), store, source="b", threshold=(1 + probability) / 2)
    assert voices_of(found) == ["voice_2"] and found[0].probability == pytest.approx(1 - probability)


def test_find_voices_does_not_change_the_store(store: SqliteStore) -> None:
    found = find_voices(recording([("Ada", 30)]), store)
    assert found[0][1].voice is None and store.count() == 0


def test_voices_of_another_model_are_refused(store: SqliteStore) -> None:
    identify(recording([("Ada", 30)]), store, source="monday")
    other = ModelInfo(bundle="other", hashes={"embedding": "0" * 64}, dimension=DIMENSION)
    with pytest.raises(InputError, match=r"uses the model test .* Use the same model or another library"):
        identify(recording([("Ada", 30)], model=other), store, source="tuesday")
    with pytest.raises(InputError, match="does not report its embedding model"):
        identify(recording([("Ada", 30)], model=None), store, source="tuesday")


def test_recording_without_speech(store: SqliteStore) -> None:
    assert identify(Diarization(segments=(), turns=(), speech=(), duration=3.0), store) == {}


def test_samples_exclude_overlapped_short_and_uncertain_pieces() -> None:
    diarization = recording([("Ada", 10), ("Bob", 10)])
    assert voice_samples(diarization)[0].seconds == pytest.approx(10)
    overlapped = (*diarization.turns, DiarizeSegment(0.0, 3.0, 1))
    assert voice_samples(replace(diarization, turns=overlapped))[0].seconds == pytest.approx(5)
    short = (
        tuple(DiarizeSegment(start, start + 0.5, 0) for start in np.arange(0, 10, 0.5).tolist())
        + diarization.pieces[4:]
    )
    assert set(voice_samples(replace(diarization, pieces=short))) == {1}
    vectors = np.stack(
        [embedding_of("Bob"), *(embedding_of("Ada") for _ in range(3)), *(embedding_of("Bob") for _ in range(4))]
    )
    swapped = StoredEvidence([(each.start, each.end) for each in diarization.pieces], vectors, diarization.embeddings)
    sample = voice_samples(replace(diarization, voice=swapped))[0]
    assert (sample.seconds, sample.start, sample.end) == (7.5, 2.5, 10.0)
    assert sample.embedding == pytest.approx(embedding_of("Ada"), abs=1e-6)


def test_mean_embeddings_are_used_without_frames() -> None:
    sample = voice_samples(replace(recording([("Ada", 10), ("Bob", 10)]), voice=None))[1]
    assert sample.seconds == pytest.approx(10) and sample.embedding.tolist() == embedding_of("Bob").tolist()


def test_transcript_gets_new_names_and_keeps_existing_ones() -> None:
    speakers = {label: Speaker(label=label, name=name) for label, name in (("SPEAKER_00", None), ("SPEAKER_01", "X"))}
    transcript = Transcript("en", 3.0, (), speakers=speakers)
    found = {0: Identity(voice="voice_1", name="Ada", probability=0.97), 1: Identity(voice="voice_2", probability=0.99)}
    named = name_speakers(transcript, found).speakers
    assert [(each.name, each.voice, each.probability) for each in named.values()] == [
        ("Ada", "voice_1", 0.97),
        ("X", "voice_2", 0.99),
    ]
