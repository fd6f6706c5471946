"""Renaming, merging and splitting voices, on a real store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from voices import make_reference, make_voice

from oolong_align.errors import InputError
from oolong_align.speakers.library import merge_voices, reference_centroid, rename_voice, split_voice
from oolong_align.speakers.records import SpeakerStore, clean_source
from oolong_align.speakers.sqlite import SqliteStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SpeakerStore]:
    with closing(SqliteStore(tmp_path / "voices.db")) as opened:
        yield opened


def test_centroid_by_hand() -> None:
    first = make_reference(0, embedding=np.array([3, 0], np.float32), seconds=1.0)
    second = make_reference(0, embedding=np.array([0, 0.5], np.float32), seconds=3.0)
    assert reference_centroid([first, second]) == pytest.approx(np.array([1, 3]) / 10**0.5)
    opposite = make_reference(0, embedding=np.array([-1, 0], np.float32), seconds=1.0)
    with pytest.raises(InputError, match="cancel out"):
        reference_centroid([first, opposite])
    with pytest.raises(InputError, match="without references"):
        reference_centroid([])


def test_name_can_be_set_changed_and_removed(store: SpeakerStore) -> None:
    voice = store.put(make_voice(0))
    for name in ("Ada", "Ada Lovelace", None):
        assert rename_voice(store, voice, name).name == name
        found = store.get(voice)
        assert found is not None and found.name == name
        assert len(found.references) == 1
    with pytest.raises(InputError, match="on one line"):
        rename_voice(store, voice, "two\nlines")
    with pytest.raises(InputError, match=r"Unknown voice 'voice_9'.*oolong speakers list"):
        rename_voice(store, "voice_9", "Ada")


def test_merged_voice_is_found_by_all_ids(store: SpeakerStore) -> None:
    ids = [store.put(make_voice(*seeds, name=name)) for seeds, name in (((0,), None), ((1, 2), "Ada"), ((3,), "Bob"))]
    merge_voices(store, ids[1], ids[2])
    merged = merge_voices(store, ids[0], ids[1], ids[0])
    assert (merged.id, merged.name, merged.seconds) == (ids[0], "Ada", 16.0)
    assert [each.source for each in merged.references] == [f"talk {seed}.wav" for seed in range(4)]
    assert np.array_equal(merged.centroid, reference_centroid([make_reference(seed) for seed in range(4)]))
    assert len(store.list()) == 1
    for each in ids:
        found = store.get(each)
        assert found is not None and found.id == ids[0]
    with pytest.raises(InputError, match=f"Cannot merge {ids[0]} with itself"):
        merge_voices(store, ids[0], ids[2])
    with pytest.raises(InputError, match="Unknown voice 'voice_77'"):
        merge_voices(store, ids[0], "voice_77")


def test_voices_without_references_are_merged_by_their_centroids(store: SpeakerStore) -> None:
    centroids = np.eye(2, 16, dtype=np.float32)
    ids = [
        store.put(make_voice(0, references=(), centroid=centroid, seconds=seconds))
        for centroid, seconds in zip(centroids, (1.0, 3.0), strict=True)
    ]
    assert merge_voices(store, *ids).centroid[:2] == pytest.approx(np.array([1, 3]) / 10**0.5)


def test_split_moves_references_to_a_new_voice(store: SpeakerStore) -> None:
    voice = store.put(make_voice(0, 1, 2, 3, name="Ada"))
    new = split_voice(store, voice, [1, 3])
    left = store.get(voice)
    assert left is not None
    assert (left.name, left.seconds) == ("Ada", 8.0)
    assert (new.name, new.seconds, new.id) == (None, 8.0, "voice_2")
    assert [each.source for each in left.references] == ["talk 0.wav", "talk 2.wav"]
    assert [each.source for each in new.references] == ["talk 1.wav", "talk 3.wav"]
    for each in (left, new):
        assert np.array_equal(each.centroid, reference_centroid(each.references))
    select = "select 1 to 1 of its 2 references"
    for places, message in (([], select), ([0, 1], select), ([2], "Unknown reference 2 of"), ([-1], "reference -1 of")):
        with pytest.raises(InputError, match=message):
            split_voice(store, voice, places)
    assert len(store.list()) == 2


def test_recording_name_is_cleaned() -> None:
    assert clean_source(Path("a\nb\x1b[2J\udcff.wav")) == "a b[2J\ufffd.wav"
    assert clean_source("x" * 2000 + ".wav").endswith(".wav")
    assert len(clean_source("x" * 2000 + ".wav")) == 1000
