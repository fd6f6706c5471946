from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from known_people import MODEL, heard

from oolong_align import VoiceLibrary
from oolong_align.errors import InputError
from oolong_align.speakers.records import VoiceModel


def test_speech_is_learned_again_only_where_nobody_says_that_it_is_the_same(tmp_path: Path) -> None:
    with VoiceLibrary.open(str(tmp_path / "voices.db"), model=MODEL) as library:
        for session in range(2):
            ada = library.enroll("Ada", heard("Ada", session), seconds=20, source="ep1")
        assert len(ada.references) == 2
        for session in range(2):
            bob = library.enroll("Bob", heard("Bob", session), seconds=20, source="ep1", span=(5, 40))
        assert [each.start for each in bob.references] == [5]


def test_embeddings_of_another_program_are_enrolled_matched_named_and_forgotten(tmp_path: Path) -> None:
    url = str(tmp_path / "voices.db")
    with VoiceLibrary.open(url, model=MODEL) as library:
        assert library.match(np.stack([heard("Ada")])) == library.match(np.stack([heard("Ada")]), seconds=[30])
        ada = library.enroll("Ada", heard("Ada"), seconds=30, source="monday")
        library.enroll("Bob", heard("Bob"), seconds=30)
    with VoiceLibrary.open(url) as library:  # the voices' own model
        found = library.match(np.stack([heard("Cleo", 1), heard("Ada", 1)]), seconds=[20, 20])
        assert [each.voice.name if each.voice else None for each in found] == [None, "Ada"]
        assert library.match(np.empty((0, 64), dtype=np.float32)) == []
        assert library.name(ada.id, "Ada L").name == "Ada L"
        assert library.forget(ada.id) and not library.forget(ada.id)
        assert [voice.name for voice in library.voices()] == ["Bob"]


def test_an_empty_library_asks_for_the_model_and_others_are_refused(tmp_path: Path) -> None:
    url = str(tmp_path / "voices.db")
    with (
        VoiceLibrary.open(url) as library,
        pytest.raises(InputError, match="the library is empty: give the model"),
    ):
        library.enroll("Ada", heard("Ada"), seconds=30)
    with VoiceLibrary.open(url, model=MODEL) as library:
        library.enroll("Ada", heard("Ada"), seconds=30)
    other = VoiceModel(name="other", weights="1", dimension=64)
    with VoiceLibrary.open(url, model=other) as library, pytest.raises(InputError, match="cannot be compared"):
        library.match(np.stack([heard("Ada")]))
