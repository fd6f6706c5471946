"""Voices and names of a library in new and existing results."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

Run = Callable[..., tuple[int, str, str]]
Record = Callable[..., Path]
Speakers = dict[str, dict[str, object]]
Transcribed = Callable[..., Speakers]


def test_names_are_in_every_format_and_in_older_results(
    transcribed: Transcribed, oolong: Run, library: Path, tmp_path: Path
) -> None:
    first = transcribed("Ada_Bob.0")
    assert [each["voice"] for each in first.values()] == ["voice_1", "voice_2"]
    assert [each["name"] for each in first.values()] == [None, None]
    assert oolong("speakers", "name", "voice_1", "Zoë <b>", "-s", library)[0] == 0
    formats = ("--json", "--srt", "--vtt", "--txt", "--html")
    second = transcribed("Bob_Cleo_Ada.1", *formats, seconds=30)
    assert [each["voice"] for each in second.values()] == ["voice_2", "voice_3", "voice_1"]
    assert [each["name"] for each in second.values()] == [None, None, "Zoë <b>"]
    transcribed("Ada.2", *formats)
    for suffix, written in (("srt", "Zoë"), ("vtt", "Zoë"), ("txt", "Zoë"), ("html", "Zoë")):
        assert written in (tmp_path / "out" / f"Ada.2.{suffix}").read_text("utf-8"), suffix
    old = tmp_path / "out" / "Ada_Bob.0.json"
    code, _, err = oolong("edit", old, "--speakers", library, "--srt")
    assert code == 0, err
    assert "Zoë" in old.with_suffix(".srt").read_text("utf-8")
    assert [each["name"] for each in json.loads(old.read_text())["speakers"].values()] == ["Zoë <b>", None]


def test_merged_and_forgotten_voices_in_older_results(
    transcribed: Transcribed, oolong: Run, library: Path, tmp_path: Path
) -> None:
    transcribed("Ada_Bob.0")
    old = tmp_path / "out" / "Ada_Bob.0.json"
    for command in (("name", "voice_2", "Bob"), ("merge", "voice_2", "voice_1")):
        assert oolong("speakers", *command, "-s", library)[0] == 0
    assert oolong("edit", old, "--speakers", library)[0] == 0
    found = json.loads(old.read_text())["speakers"]
    assert [(each["voice"], each["name"]) for each in found.values()] == [("voice_2", "Bob")] * 2
    assert oolong("speakers", "forget", "voice_2", "-s", library)[0] == 0
    code, _, err = oolong("edit", old, "--speakers", library)
    assert code == 1 and "Voices not found in this library: voice_2 (SPEAKER_00), voice_2 (SPEAKER_01)" in err


def test_a_library_with_the_same_ids_for_other_people_adds_no_names(
    transcribed: Transcribed, oolong: Run, record: Record, tmp_path: Path
) -> None:
    transcribed("Ada_Bob.0")
    old, other = tmp_path / "out" / "Ada_Bob.0.json", tmp_path / "other.db"
    before = old.read_bytes()
    for name in ("Cleo", "Dan"):
        assert oolong("speakers", "enroll", name, record(f"{name}.0.wav", 20), "-s", other)[0] == 0
    code, _, err = oolong("edit", old, "--speakers", other)
    assert code == 1
    assert "Voices with these ids sound different in this library: voice_1 (SPEAKER_00), voice_2 (SPEAKER_01)" in err
    assert old.read_bytes() == before
    assert oolong("speakers", "enroll", "Ada", record("Ada.3.wav", 20), "-s", tmp_path / "third.db")[0] == 0
    assert oolong("speakers", "enroll", "Dan", record("Dan.0.wav", 20), "-s", tmp_path / "third.db")[0] == 0
    code, _, err = oolong("edit", old, "--speakers", tmp_path / "third.db")
    assert code == 0 and "SPEAKER_01 does not sound like voice_2 in this library" in err
    found = json.loads(old.read_text())["speakers"]
    assert [(each["voice"], each["name"]) for each in found.values()] == [("voice_1", "Ada"), ("voice_2", None)]


def test_a_split_voice_keeps_its_recording(
    transcribed: Transcribed, oolong: Run, library: Path, tmp_path: Path
) -> None:
    for name in ("Ada.0", "Ada.1"):
        assert transcribed(name)["SPEAKER_00"]["voice"] == "voice_1"
    for command in (("split", "voice_1", "1"), ("name", "voice_1", "Ada"), ("name", "voice_2", "Eve")):
        assert oolong("speakers", *command, "-s", library)[0] == 0
    for name, wanted in (("Ada.0", ("voice_1", "Ada")), ("Ada.1", ("voice_2", "Eve"))):
        old = tmp_path / "out" / f"{name}.json"
        assert oolong("edit", old, "--speakers", library)[0] == 0
        (found,) = json.loads(old.read_text())["speakers"].values()
        assert (found["voice"], found["name"]) == wanted


def test_recordings_with_the_same_name_in_different_folders(
    transcribed: Transcribed, oolong: Run, library: Path, tmp_path: Path
) -> None:
    for _ in range(2):
        transcribed("Ada_Bob.0")
    (tmp_path / "in" / "Ada_Bob.0.wav").unlink()
    transcribed("Ada_Bob.0", seconds=30)
    found = json.loads(oolong("speakers", "list", "--json", "-s", library)[1])
    assert [[each["source"] for each in voice["references"]] for voice in found] == [["Ada_Bob.0"] * 2] * 2
    assert len({each["recording"] for voice in found for each in voice["references"]}) == 2


def test_a_library_of_another_model_adds_no_names(
    transcribed: Transcribed, oolong: Run, library: Path, tmp_path: Path
) -> None:
    transcribed("Ada_Bob.0")
    old = tmp_path / "out" / "Ada_Bob.0.json"
    document = json.loads(old.read_text())
    document["model"]["hashes"]["embedding"] = "0" * 64
    old.write_text(json.dumps(document))
    code, _, err = oolong("edit", old, "--speakers", library, "--srt")
    assert code == 1 and "cannot be compared" in err
    assert not old.with_suffix(".srt").exists()


def test_a_forgotten_voice_leaves_no_name(transcribed: Transcribed, oolong: Run, library: Path, tmp_path: Path) -> None:
    transcribed("Ada_Bob.0")
    old = tmp_path / "out" / "Ada_Bob.0.json"
    oolong("speakers", "name", "voice_1", "Ada", "-s", library)
    assert oolong("edit", old, "--speakers", library)[0] == 0
    code, out, _ = oolong("speakers", "forget", "voice_1", "-s", library, "-q")
    assert code == 0 and not out
    assert oolong("edit", old, "--speakers", library)[0] == 0
    first, second = json.loads(old.read_text())["speakers"].values()
    assert (first["voice"], first["name"], first["probability"]) == (None, None, None)
    assert second["voice"] == "voice_2"
    assert oolong("speakers", "list", "-s", library, "--json")[1].count('"id"') == 1
