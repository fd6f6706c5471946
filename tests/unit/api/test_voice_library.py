"""The voice library for other programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from known_people import MODEL, embedding_of

from oolong_align import VoiceLibrary
from oolong_align.errors import InputError
from oolong_align.speakers.records import VoiceModel


def test_speech_with_a_time_range_is_learned_once(tmp_path: Path) -> None:
    with VoiceLibrary.open(str(tmp_path / "voices.db"), model=MODEL) as library:
        for session in range(2):
            ada = library.enroll("Ada", embedding_of("Ada", session), seconds=20, source="ep1")
        assert len(ada.references) == 2
        for session in range(2):
            bob = library.enroll("Bob", embedding_of("Bob", session), seconds=20, source="ep1", span=(5, 40))
        assert [each.start for each in bob.references] == [5]


def test_external_embeddings_are_enrolled_matched_named_and_forgotten(tmp_path: Path) -> None:
    url = str(tmp_path / "voices.db")
    with VoiceLibrary.open(url, model=MODEL) as library:
        assert library.match(np.stack([embedding_of("Ada")])) == library.match(
            np.stack([embedding_of("Ada")]), seconds=[30]
        )
        ada = library.enroll("Ada", embedding_of("Ada"), seconds=30, source="monday")
        library.enroll("Bob", embedding_of("Bob"), seconds=30)
    with VoiceLibrary.open(url) as library:  # model of the stored voices
        found = library.match(np.stack([embedding_of("Cleo", 1), embedding_of("Ada", 1)]), seconds=[20, 20])
        assert [each.voice.name if each.voice else None for each in found] == [None, "Ada"]
        assert library.match(np.empty((0, 64), dtype=np.float32)) == []
        assert library.name(ada.id, "Ada L").name == "Ada L"
        assert library.forget(ada.id) and not library.forget(ada.id)
        assert [voice.name for voice in library.voices()] == ["Bob"]


def test_empty_library_requires_a_model_and_other_models_are_refused(tmp_path: Path) -> None:
    url = str(tmp_path / "voices.db")
    with (
        VoiceLibrary.open(url) as library,
        pytest.raises(InputError, match=r"The voice library is empty\. Pass the model"),
    ):
        library.enroll("Ada", embedding_of("Ada"), seconds=30)
    with VoiceLibrary.open(url, model=MODEL) as library:
        library.enroll("Ada", embedding_of("Ada"), seconds=30)
    other = VoiceModel(name="other", weights="1", dimension=64)
    with VoiceLibrary.open(url, model=other) as library, pytest.raises(InputError, match="cannot be compared"):
        library.match(np.stack([embedding_of("Ada")]))
