"""Random operations on a voice library, compared with a dictionary."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule
from voices import MODEL, make_voice

from oolong_align.errors import InputError
from oolong_align.speakers.library import merge_voices, rename_voice, split_voice
from oolong_align.speakers.portable import export_voices, import_voices
from oolong_align.speakers.records import Voice, VoiceModel, voice_number
from oolong_align.speakers.sqlite import SqliteStore

NAMES = st.one_of(st.none(), st.sampled_from(["Ada", "ada", "Łukasz", "%", "'"]))
SEEDS = st.lists(st.integers(0, 30), min_size=1, max_size=4, unique=True)


class Library(RuleBasedStateMachine):
    """The expected contents: voices by id, and all ids that were ever used."""

    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store = SqliteStore(self.folder / "voices.db")
        self.voices: dict[str, Voice] = {}
        self.used: set[str] = set()

    def owner(self, voice_id: str) -> Voice | None:
        return next((each for each in self.voices.values() if voice_id in (each.id, *each.aliases)), None)

    @rule(target=ids, seeds=SEEDS, name=NAMES)
    def put(self, seeds: list[int], name: str | None) -> str:
        voice = make_voice(*seeds, name=name)
        voice_id = self.store.put(voice)
        assert voice_id not in self.used
        self.used.add(voice_id)
        self.voices[voice_id] = replace(voice, id=voice_id)
        return voice_id

    @rule(voice_id=ids, seeds=SEEDS, name=NAMES)
    def put_again(self, voice_id: str, seeds: list[int], name: str | None) -> None:
        voice = make_voice(*seeds, id=voice_id, name=name)
        if voice_id in self.voices:
            self.store.put(voice)
            self.voices[voice_id] = voice
        else:
            with pytest.raises(InputError, match="forgotten or merged"):
                self.store.put(voice)

    @rule(voice_id=ids, name=NAMES)
    def rename(self, voice_id: str, name: str | None) -> None:
        voice = self.owner(voice_id)
        if voice is not None:
            rename_voice(self.store, voice_id, name)
            self.voices[voice.id] = replace(voice, name=name)

    @rule(first=ids, second=ids)
    def merge(self, first: str, second: str) -> None:
        kept, other = self.owner(first), self.owner(second)
        if kept is None or other is None or kept.id == other.id:
            with pytest.raises(InputError):
                merge_voices(self.store, first, second)
            return
        merged = merge_voices(self.store, first, second)
        assert len(merged.references) == len(kept.references) + len(other.references)
        assert set(merged.aliases) == {*kept.aliases, other.id, *other.aliases}
        assert merged.name == (other.name if kept.name is None else kept.name)
        del self.voices[other.id]
        self.voices[kept.id] = merged

    @rule(target=ids, voice_id=ids, places=st.sets(st.integers(0, 5), max_size=3))
    def split(self, voice_id: str, places: set[int]) -> object:
        voice = self.owner(voice_id)
        if voice is None or not 0 < len(places) < len(voice.references) or max(places) >= len(voice.references):
            with pytest.raises(InputError):
                split_voice(self.store, voice_id, sorted(places))
            return multiple()
        new, left = split_voice(self.store, voice_id, sorted(places)), self.store.get(voice_id)
        assert left is not None and new.id not in self.used
        assert len(left.references) + len(new.references) == len(voice.references)
        self.used.add(new.id)
        self.voices |= {left.id: left, new.id: new}
        return new.id

    @rule(voice_id=consumes(ids))
    def forget(self, voice_id: str) -> None:
        voice = self.owner(voice_id)
        assert self.store.forget(voice_id) is (voice is not None)
        if voice is not None:
            del self.voices[voice.id]

    @rule(seeds=SEEDS, voice_id=ids)
    def fail(self, seeds: list[int], voice_id: str) -> None:
        with pytest.raises(ZeroDivisionError), self.store.transaction():
            self.store.put(make_voice(*seeds))
            self.store.forget(voice_id)
            raise ZeroDivisionError

    @rule()
    def other_model(self) -> None:
        other = VoiceModel(name="other", weights="cd", dimension=MODEL.dimension)
        if self.voices:
            with pytest.raises(InputError, match="cannot be compared"):
                self.store.put(make_voice(0, model=other))

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = SqliteStore(self.folder / "voices.db")

    @rule()
    def export_and_import(self) -> None:
        copy = SqliteStore(self.folder / "copy.db")
        import_voices(copy, export_voices(self.store))
        assert export_voices(copy) == export_voices(self.store)
        copy.close()
        (self.folder / "copy.db").unlink()

    @rule(seed=st.integers(0, 100), count=st.integers(0, 5))
    def nearest(self, seed: int, count: int) -> None:
        query = np.random.default_rng(seed).normal(size=MODEL.dimension).astype(np.float32)
        found = self.store.nearest(query, count, model=MODEL)
        cosines = sorted(
            (float(each.centroid @ query / np.linalg.norm(each.centroid) / np.linalg.norm(query)))
            for each in self.voices.values()
        )
        assert [cosine for _, cosine in found] == pytest.approx(cosines[::-1][:count], abs=1e-5)

    @invariant()
    def same_contents(self) -> None:
        found = self.store.list()
        assert [each.id for each in found] == sorted(self.voices, key=lambda each: voice_number(each) or 0)
        for each in found:
            wanted = self.voices[each.id]
            assert (each.name, each.seconds, set(each.aliases)) == (wanted.name, wanted.seconds, set(wanted.aliases))
            assert np.array_equal(each.centroid, wanted.centroid)
            for reference, expected in zip(each.references, wanted.references, strict=True):
                assert np.array_equal(reference.embedding, expected.embedding)
                assert replace(reference, embedding=None) == replace(expected, embedding=None)

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)


TestLibrary = Library.TestCase
TestLibrary.settings = settings(max_examples=40, stateful_step_count=30)
