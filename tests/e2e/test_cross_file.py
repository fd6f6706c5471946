"""Ten people in six recordings with different rooms, channels and noise, diarized by this project."""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scoring import read_rttm

from oolong_align import Diarization, Diarizer, OolongWarning
from oolong_align.speakers.deduplicate import find_duplicates
from oolong_align.speakers.identify import find_voices, identify, voice_model
from oolong_align.speakers.learning import enroll
from oolong_align.speakers.samples import voice_samples
from oolong_align.speakers.scoring import VoiceScorer
from oolong_align.speakers.sqlite import SqliteStore
from oolong_align.timing.timeline import Timeline

pytestmark = [pytest.mark.data, pytest.mark.slow]
Recordings = dict[str, tuple[Diarization, dict[int, str]]]


@pytest.fixture(scope="module")
def recordings(data_dir: Path, diarizer: Diarizer) -> Recordings:
    """Diarization of each recording, and the person that each speaker ID refers to."""
    found: Recordings = {}
    for path in sorted((data_dir / "cross_file").glob("*.flac")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OolongWarning)
            diarization = diarizer(path)
        found[path.stem] = diarization, people_of(diarization, path.with_suffix(".rttm"))
    return found


def people_of(diarization: Diarization, reference: Path) -> dict[int, str]:
    """Person with the most speech within each speaker's segments."""
    spans: dict[str, list[tuple[float, float]]] = {}
    for start, end, person in read_rttm(reference):
        spans.setdefault(person, []).append((start, end))
    people = {}
    for speaker in diarization.speaker_ids:
        own = [segment for segment in diarization.segments if segment.speaker_id == speaker]
        starts, ends = np.array([each.start for each in own]), np.array([each.end for each in own])
        people[speaker] = max(spans, key=lambda person: float(Timeline(spans[person]).covered(starts, ends).sum()))
    return people


def count_correct(recordings: Recordings, order: Sequence[str], folder: Path) -> tuple[int, int, int]:
    """Correct identities, false accepts, and the number of voices at the end."""
    store = SqliteStore(folder / f"{'-'.join(order)}.db")
    voices: dict[str, str] = {}
    correct = false_accepts = 0
    for name in order:
        diarization, people = recordings[name]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OolongWarning)
            found = identify(diarization, store, source=name)
        for speaker, person in people.items():
            voice = found[speaker].voice
            others = {known for other, known in voices.items() if other != person}
            false_accepts += voice in others
            if voice is not None and person not in voices and voice not in others:
                voices[person] = voice
            correct += voice is not None and voices.get(person) == voice
    count = store.count()
    store.close()
    return correct, false_accepts, count


def test_voices_are_compared_by_the_plda_of_their_model(diarizer: Diarizer) -> None:
    assert diarizer.model is not None
    scorer = VoiceScorer.for_weights(diarizer.model.hashes["embedding"])
    assert scorer.plda is not None and scorer.plda.dimension == diarizer.model.dimension


def test_all_people_are_recognised_in_order_and_reversed(recordings: Recordings, tmp_path: Path) -> None:
    assert sum(len(people) for _, people in recordings.values()) == 24
    order = sorted(recordings)
    assert count_correct(recordings, order, tmp_path) == (24, 0, 10)
    assert count_correct(recordings, order[::-1], tmp_path)[0] >= 0.96 * 24


@pytest.mark.parametrize("seed", range(5))
def test_all_people_are_recognised_in_any_order(recordings: Recordings, tmp_path: Path, seed: int) -> None:
    order = sorted(recordings)
    random.Random(seed).shuffle(order)
    correct, false_accepts, _ = count_correct(recordings, order, tmp_path)
    assert correct >= 0.96 * 24 and false_accepts == 0


def test_person_enrolled_in_one_room_is_recognised_in_others_and_strangers_are_not(
    recordings: Recordings, tmp_path: Path
) -> None:
    store = SqliteStore(tmp_path / "voices.db")
    first, people = recordings["so_xd1"]
    samples = voice_samples(first)
    for speaker in (0, 1):
        enroll(store, people[speaker], samples[speaker], model=voice_model(first.model), source="so_xd1")
    enrolled = {people[speaker] for speaker in (0, 1)}
    met = 0
    for name, (diarization, persons) in recordings.items():
        if name == "so_xd1":
            continue
        for speaker, (_, found) in find_voices(diarization, store).items():
            named = found.voice.name if found.voice else None
            assert named == (persons[speaker] if persons[speaker] in enrolled else None), (
                name,
                speaker,
                found.probability,
            )
            met += named is not None
    store.close()
    assert met >= 3


def test_ten_people_are_found_among_24_voices(recordings: Recordings, tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "voices.db")
    people: dict[str | None, str] = {}
    for name, (diarization, persons) in recordings.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OolongWarning)
            found = identify(diarization, store, source=name, threshold=1 - 1e-12)  # all voices are new
        people |= {found[speaker].voice: person for speaker, person in persons.items()}
    assert store.count() == len(people) == 24
    merged = [pair for person in find_duplicates(store.list()) for pair in person]
    store.close()
    assert len(merged) == 14
    assert all(people[pair.kept.id] == people[pair.other.id] for pair in merged)


def test_probabilities_are_reproducible(recordings: Recordings, tmp_path: Path) -> None:
    runs = []
    for number in range(2):
        store = SqliteStore(tmp_path / f"{number}.db")
        runs.append([identify(recordings[name][0], store, source=name) for name in sorted(recordings)[:3]])
        store.close()
    assert runs[0] == runs[1]
