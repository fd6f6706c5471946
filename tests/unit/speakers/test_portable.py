"""Export and import of a library: lossless, and malformed files change nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from voices import MODEL, make_voice

from oolong_align.errors import InputError
from oolong_align.speakers.library import merge_voices, rename_voice
from oolong_align.speakers.portable import export_voices, import_voices
from oolong_align.speakers.records import SpeakerStore
from oolong_align.speakers.sqlite import SqliteStore


@pytest.fixture
def full(tmp_path: Path) -> Iterator[SpeakerStore]:
    """Voices 2, 3 and 5; voice 4 was merged into 3, and voice 1 was forgotten."""
    with closing(SqliteStore(tmp_path / "full.db")) as store:
        ids = [store.put(make_voice(seed, seed + 10, name=f"Ada “{seed}” 🎙")) for seed in range(5)]
        merge_voices(store, ids[2], ids[3])
        store.forget(ids[0])
        yield store


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[SpeakerStore]:
    with closing(SqliteStore(tmp_path / "empty.db")) as store:
        yield store


def test_import_into_an_empty_library_keeps_all_ids(full: SpeakerStore, empty: SpeakerStore) -> None:
    text = export_voices(full)
    ids = import_voices(empty, text)
    assert ids == {each: each for each in ("voice_2", "voice_3", "voice_5")} | {"voice_4": "voice_3"}
    assert export_voices(empty) == text
    for voice, wanted in zip(empty.list(), full.list(), strict=True):
        assert np.array_equal(voice.centroid, wanted.centroid)
        assert [each.enrolled for each in voice.references] == [each.enrolled for each in wanted.references]
    assert empty.put(make_voice(0)) == "voice_6"
    assert text.count("\n") == 5


def test_second_import_adds_nothing(full: SpeakerStore, empty: SpeakerStore) -> None:
    text = export_voices(full)
    assert import_voices(empty, text) == import_voices(empty, text)
    assert export_voices(empty) == text
    assert set(import_voices(full, text).values()) == {"voice_2", "voice_3", "voice_5"}
    assert export_voices(full) == text


def test_existing_voices_with_the_same_ids_are_unchanged(full: SpeakerStore, empty: SpeakerStore) -> None:
    own = [empty.put(make_voice(100 + seed, name="own")) for seed in range(3)]
    ids = import_voices(empty, export_voices(full))
    assert ids == {"voice_2": "voice_6", "voice_3": "voice_7", "voice_4": "voice_7", "voice_5": "voice_5"}
    assert [voice.id for voice in empty.list("own")] == own
    for old, new in ids.items():
        first, second = full.get(old), empty.get(new)
        assert first is not None and second is not None and first.name == second.name


def test_second_import_adds_nothing_if_ids_were_changed(full: SpeakerStore, empty: SpeakerStore) -> None:
    for seed in range(3):
        empty.put(make_voice(100 + seed, name="own"))
    ids = import_voices(empty, export_voices(full))
    assert import_voices(empty, export_voices(full)) == ids
    assert empty.count() == 6


def test_too_large_ids_are_replaced(full: SpeakerStore, empty: SpeakerStore) -> None:
    text = export_voices(full).replace('"voice_5"', f'"voice_{10**15 - 1}"').replace('"voice_4"', f'"voice_{10**14}"')
    ids = import_voices(empty, text)
    assert ids[f"voice_{10**15 - 1}"] == "voice_4" and ids[f"voice_{10**14}"] == "voice_3"
    assert empty.put(make_voice(0)) == "voice_5"


def test_forgotten_ids_are_not_restored(full: SpeakerStore, empty: SpeakerStore) -> None:
    for seed in range(4):
        empty.forget(empty.put(make_voice(100 + seed)))
    ids = import_voices(empty, export_voices(full))
    assert ids == {"voice_2": "voice_6", "voice_3": "voice_7", "voice_4": "voice_7", "voice_5": "voice_5"}
    assert [voice.aliases for voice in empty.list()] == [(), (), ()]
    assert empty.get("voice_4") is None


def test_changes_after_the_export_are_kept(full: SpeakerStore) -> None:
    text = export_voices(full)
    rename_voice(full, "voice_3", "New name")
    import_voices(full, text)
    assert len(full.list("New name")) == 1


def test_empty_library_can_be_imported(empty: SpeakerStore) -> None:
    assert import_voices(empty, export_voices(empty)) == {}


def test_voices_of_another_model_are_refused(full: SpeakerStore, empty: SpeakerStore) -> None:
    other = replace(MODEL, name="mine", weights="cd" * 32)
    empty.put(make_voice(0, model=other))
    with pytest.raises(InputError, match=r"model mine \(16 dim.*cannot be compared with open .* another library"):
        import_voices(empty, export_voices(full))
    assert len(empty.list()) == 1


def put(*path: str | int, value: object) -> Callable[[Any], None]:
    def change(content: Any) -> None:
        for step in path[:-1]:
            content = content[step]
        content[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("format", value="zip"), '"format" is not'),
        (put("version", value=2), r"Unsupported version 2 .* expected 1\. Upgrade"),
        (put("voices", value={}), "'voices' of library must be list, not dict"),
        (put("model", value=None), "'model' of library must be dict"),
        (put("model", "dimension", value=True), "'dimension' of model must be int"),
        (put("model", "dimension", value=10**9), "expected 1 to 16000"),
        (put("model", "dimension", value=8), "float32 of shape"),
        (put("model", "weights", value="a\nb"), "on one line"),
        (put("voices", 2, value=[]), "voice 2 is not an object"),
        (put("voices", 2, "id", value="../x"), "Invalid voice id"),
        (put("voices", 2, "id", value=""), "has no id"),
        (put("voices", 2, "id", value="voice_2"), "the same id"),
        (put("voices", 2, "aliases", value=["voice_2"]), "the same id"),
        (put("voices", 2, "aliases", value=[3]), "must be strings"),
        (put("voices", 2, "name", value="\x1b[2J"), "on one line"),
        (put("voices", 2, "name", value="x" * 201), "1 to 200 characters"),
        (put("voices", 2, "name", value=7), "must be strings"),
        (put("voices", 2, "seconds", value=-1), "Invalid duration -1.0 s of voice_5"),
        (put("voices", 2, "seconds", value=10**400), "must be a number"),
        (put("voices", 2, "seconds", value="1"), "must be a number"),
        (put("voices", 2, "centroid", value="€"), "not base64"),
        (put("voices", 2, "centroid", value="AAA="), "not base64 of float32"),
        (put("voices", 2, "centroid", value="AAAA" * 21 + "AA=="), "float32 of shape|norm 0"),
        (put("voices", 2, "centroid", value=None), "'centroid' of voice 2 must be str"),
        (put("voices", 2, "references", 0, value=1), "a reference of voice 2 is not an object"),
        (put("voices", 2, "references", 0, "enrolled", value="today"), "not in ISO 8601 format"),
        (put("voices", 2, "references", 0, "enrolled", value="2024-01-01"), "has no time zone"),
        (put("voices", 2, "references", 0, "end", value=-1), "Invalid time range"),
        (put("voices", 2, "references", 0, "source", value="a\0b"), "on one line"),
    ],
)
def test_malformed_file_is_refused_and_changes_nothing(
    change: Callable[[Any], None], message: str, full: SpeakerStore, empty: SpeakerStore
) -> None:
    content = json.loads(export_voices(full))
    change(content)
    with pytest.raises(InputError, match=message) as caught:
        import_voices(empty, json.dumps(content))
    assert "\n" not in str(caught.value)
    assert not empty.list()


@pytest.mark.parametrize(
    "text", ["", "voices", "[]", "null", '{"format": NaN}', "[" * 200_000, '{"version": ' + "9" * 5000 + "}"]
)
def test_other_files_are_refused(text: str, empty: SpeakerStore) -> None:
    with pytest.raises(InputError, match="Not an exported voice library"):
        import_voices(empty, text)
