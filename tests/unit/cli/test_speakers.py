"""``--speakers`` and ``oolong speakers`` on recordings whose file names list their speakers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from known_people import Known

from oolong_align import open_store
from oolong_align.cli.libraries import masked_url

Run = Callable[..., tuple[int, str, str]]
Record = Callable[..., Path]
Speakers = dict[str, dict[str, object]]
Transcribed = Callable[..., Speakers]


def test_no_output_replaces_the_library(
    transcribed: Transcribed, oolong: Run, record: Record, library: Path, tmp_path: Path
) -> None:
    transcribed("Ada.0")
    kept = library.rename(tmp_path / "out" / "Ada.0.srt")
    code, _, err = oolong("edit", tmp_path / "out" / "Ada.0.json", "--speakers", kept, "--srt")
    assert code == 1 and "Ada.0.srt: This output would replace an input" in err
    parts = ("--diarizer", "known", "--speakers", kept, "-o", kept.parent)
    code, _, err = oolong("transcribe", record("Ada.0.wav", 20), *parts, "--transcriber", "replay", "--srt")
    assert code == 1 and "Ada.0.srt: This output would replace an input" in err
    assert kept.read_bytes().startswith(b"SQLite")


def test_an_export_is_private_and_an_import_reports_existing_voices(
    transcribed: Transcribed, oolong: Run, library: Path, tmp_path: Path
) -> None:
    transcribed("Ada_Bob.0")
    file = tmp_path / "voices.json"
    code, out, err = oolong("speakers", "export", file, "-s", library)
    assert (code, out, err) == (0, "", f"{file}: exported 2 voices; readable by you only\n")
    assert oolong("speakers", "export", file, "-s", library, "--quiet")[1:] == ("", "")
    assert file.stat().st_mode & 0o777 == 0o600
    assert "added 2 voices" in oolong("speakers", "import", file, "-s", tmp_path / "new.db")[2]
    assert "added 0 voices" in (err := oolong("speakers", "import", file, "-s", library)[2])
    assert "skipped 2 existing voices" in err
    code, _, err = oolong("speakers", "export", tmp_path / "missing" / "voices.json", "-s", library)
    assert code == 1 and f"{tmp_path / 'missing' / 'voices.json'}: Could not write the file (" in err


def test_merging_reports_removed_names(oolong: Run, record: Record, library: Path) -> None:
    parts = ("-s", library)
    for name in ("Ada", "Bob"):
        assert oolong("speakers", "enroll", name, record(f"{name}.0.wav", 20), *parts)[0] == 0
    code, _, err = oolong("speakers", "merge", "voice_1", "voice_2", *parts)
    assert code == 0 and "voice_1 keeps the name Ada. Removed names: Bob" in err


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("voices.db", "voices.db"),
        ("sqlite:///a@b/v:1.db", "sqlite:///a@b/v:1.db"),
        ("postgresql://host/voices", "postgresql://host/voices"),
        ("postgresql://ada:se@cr:et@host:5432/voices", "postgresql://ada:***@host:5432/voices"),
        ("postgresql://host/voices?user=ada&password=secret&a=b", "postgresql://host/voices?user=ada&password=***&a=b"),
    ],
)
def test_no_password_is_shown(url: str, seen: str) -> None:
    assert masked_url(url) == seen


def test_an_id_cannot_be_a_name(oolong: Run, record: Record, library: Path) -> None:
    parts = ("-s", library)
    for name in ("Ada", "Bob"):
        assert oolong("speakers", "enroll", name, record(f"{name}.0.wav", 20), *parts)[0] == 0
    code, _, err = oolong("speakers", "name", "voice_2", "voice_1", *parts)
    assert code == 1 and "Invalid name voice_1: it is a voice id. To combine voices of one person, merge them" in err
    assert oolong("speakers", "forget", "voice_1", *parts)[0] == 0
    assert oolong("speakers", "forget", "voice_1", *parts)[0] != 0
    assert "voice_2" in oolong("speakers", "list", *parts)[1]


def test_a_unique_name_can_replace_an_id(oolong: Run, record: Record, library: Path) -> None:
    parts = ("-s", library)
    for name in ("Ada", "Bob", "Cleo"):
        assert oolong("speakers", "enroll", name, record(f"{name}.0.wav", 20), *parts)[0] == 0
    assert oolong("speakers", "name", "Bob", "Bo", *parts)[2] == "voice_2: named Bo\n"
    code, _, err = oolong("speakers", "name", "Bo", "Ada", *parts)
    assert code == 0
    assert "voice_1 and voice_2 have the same name Ada" in err and "run `oolong speakers merge voice_1 voice_2`" in err
    code, _, err = oolong("speakers", "forget", "Cleo", "Ada", *parts)
    assert code == 1 and "Ambiguous name 'Ada': voice_1 and voice_2 have it. Use an id" in err
    assert oolong("speakers", "forget", "\udcff", *parts)[0] == 1
    assert oolong("speakers", "merge", "Cleo", "voice_1", *parts)[2].startswith("voice_3 (Cleo): merged with voice_1\n")
    assert oolong("speakers", "split", "Cleo", "1", *parts)[1] == "voice_4\n"
    assert oolong("speakers", "forget", "Cleo", "Ada", *parts)[0] == 0
    assert [each["id"] for each in json.loads(oolong("speakers", "list", "--json", *parts)[1])] == ["voice_4"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("identify", "Ada.0.wav", "--speaker_threshold", "nan"), "not a finite number"),
        (("enroll", "Ada", "Ada.0.wav", "--to", "inf"), "not a finite number"),
        (("split", "voice_1", "0"), "Cannot split voice_1: it has only one reference"),
        (("list", "-s", "/dev/null"), "Voice library /dev/null is a device"),
        (("list", "-s", ""), "Missing file name in --speakers"),
        (("list", "-s", "empty.db"), "No such voice library"),
    ],
)
def test_invalid_values_are_refused(
    oolong: Run,
    record: Record,
    library: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    text: str,
) -> None:
    oolong("speakers", "enroll", "Ada", record("Ada.0.wav", 20), "-s", library)
    monkeypatch.chdir(tmp_path / "in")
    Path("empty.db").touch()
    code, _, err = oolong("speakers", *arguments, *(() if "-s" in arguments else ("-s", library)))
    assert code in (1, 2) and text in err, err
    assert not Path("empty.db").stat().st_size


def test_a_failed_import_or_enrolment_creates_no_library(
    oolong: Run, record: Record, library: Path, tmp_path: Path
) -> None:
    (tmp_path / "voices.json").write_text("{}")
    assert oolong("speakers", "import", tmp_path / "voices.json", "-s", library)[0] == 1
    assert oolong("speakers", "enroll", "Ada", record("Ada.0.wav", 3), "-s", library)[0] == 1
    assert not library.exists()


def test_only_enrolled_people_are_identified(oolong: Run, record: Record, library: Path) -> None:
    parts = ("-s", library)
    assert oolong("speakers", "enroll", "Ada", record("Ada.0.wav", 20), *parts)[1] == "voice_1\n"
    assert oolong("speakers", "enroll", "Bob", record("Bob.0.wav", 20), *parts)[1] == "voice_2\n"
    code, out, err = oolong("speakers", "identify", record("Bob_Cleo_Ada.1.wav", 30), *parts, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert [each["name"] for each in found.values()] == ["Bob", None, "Ada"]
    assert [each["seconds"] for each in found.values()] == [10, 10, 10]
    assert found["SPEAKER_01"]["nearest"] in ("voice_1", "voice_2") and found["SPEAKER_01"]["probability"] < 0.1
    code, out, _ = oolong("speakers", "identify", record("Bob.1.wav", 30), *parts)
    columns, row = (line.split("\t") for line in out.splitlines())
    assert columns == ["speaker", "voice", "name", "nearest", "probability", "seconds"]
    assert row[:4] == ["SPEAKER_00", "voice_2", "Bob", "voice_2"]
    listed = json.loads(oolong("speakers", "list", *parts, "--json")[1])
    assert [len(each["references"]) for each in listed] == [1, 1]


def test_a_part_of_a_recording_is_enrolled_with_its_times(oolong: Run, record: Record, library: Path) -> None:
    recording = record("Bob_Bob.0.wav", 60)
    code, _, err = oolong("speakers", "enroll", "Ada", recording, "-s", library, "--from", 12.5, "--to", 30)
    assert code == 0, err
    (voice,) = json.loads(oolong("speakers", "list", "-s", library, "--json")[1])
    (reference,) = voice["references"]
    assert reference["source"] == "Bob_Bob.0" and (reference["start"], reference["end"]) == (12.5, 30.0)
    assert (voice["name"], voice["seconds"]) == ("Ada", 17.5)


def test_export_and_import_copy_a_library(transcribed: Transcribed, oolong: Run, library: Path) -> None:
    transcribed("Ada_Bob.0")
    portable, other = library.with_name("voices.json"), library.with_name("other.db")
    assert oolong("speakers", "export", portable, "-s", library)[0] == 0
    assert oolong("speakers", "import", portable, "-s", other)[0] == 0
    listed = [oolong("speakers", "list", "--json", "-s", each)[1] for each in (library, other)]
    assert listed[0] == listed[1] and listed[0].count("voice_") == 2
    assert oolong("speakers", "export", "-s", library)[1] == portable.read_text("utf-8")
    code, _, err = oolong("speakers", "export", library, "-s", library)
    assert code == 1 and "This output would replace an input" in err
    assert oolong("speakers", "list", "--json", "-s", library)[1] == listed[0]


def test_voices_of_the_same_person_are_suggested_and_merged_on_confirmation(
    transcribed: Transcribed, oolong: Run, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("Ada.0", "Ada.1", "Bob_Cleo.2"):
        transcribed(name, "--json", "--speaker_threshold", "0.9999")
    assert oolong("speakers", "list", "-s", library)[1].count("voice_") == 4
    (found,) = json.loads(oolong("speakers", "suggest", "--json", "-s", library)[1])
    assert (found["keep"], found["merge"], found["together"]) == ("voice_1", "voice_2", [])
    code, out, _ = oolong("speakers", "recluster", "--json", "-s", library)
    assert code == 0 and [each["merge"] for each in json.loads(out)] == ["voice_2"]
    assert oolong("speakers", "list", "-s", library)[1].count("voice_") == 4
    code, out, err = oolong("speakers", "recluster", "-s", library)
    assert code == 0 and out.count("voice_2") == 1 and "not merged; confirm with --yes" in err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    assert oolong("speakers", "recluster", "-s", library)[0] == 0
    assert oolong("speakers", "list", "-s", library)[1].count("voice_") == 4
    monkeypatch.setattr("click.confirm", lambda *_, **__: True)
    assert oolong("speakers", "recluster", "-s", library)[0] == 0
    listed = json.loads(oolong("speakers", "list", "--json", "-s", library)[1])
    assert [(each["id"], each["aliases"]) for each in listed] == [
        ("voice_1", ["voice_2"]),
        ("voice_3", []),
        ("voice_4", []),
    ]
    assert oolong("speakers", "suggest", "-s", library) == (0, "", "No similar voices found.\n")


def test_thresholds_are_measured_on_a_labelled_folder(oolong: Run, record: Record, tmp_path: Path) -> None:
    folder = tmp_path / "people"
    for person, name in (("ada", "Ada.0"), ("ada", "Ada.1"), ("bob", "Bob.0"), ("bob", "Bob_Cleo.1")):
        (folder / person).mkdir(parents=True, exist_ok=True)
        record(f"{name}.wav", 20).rename(folder / person / f"{name}.wav")
    code, out, err = oolong("speakers", "threshold", folder, "--json")
    assert code == 0 and "Bob_Cleo.1.wav: Found 2 speakers" in err
    found = json.loads(out)
    assert (found["same"], found["different"]) == (1, 2)
    assert found["thresholds"][0] == {"threshold": 0.5, "false_accepts": 0.0, "false_rejects": 0.0}


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["list"], 2, "Missing option '--speakers' / '-s'"),
        (["list", "-s", "none.db"], 2, "none.db: No such voice library"),
        (["name", "voice_1", "Ada", "-s", "none.db"], 2, "none.db: No such voice library"),
        (
            ["name", "voice_7", "Ada"],
            2,
            "such as --speakers voices.db, or set the environment variable OOLONG_SPEAKERS",
        ),
        (["list", "-s", "redis://host/1"], 2, "Unknown speaker store 'redis'"),
        (["import", "none.json", "-s", "new.db"], 1, "none.json: Could not read the file"),
        (["enroll", "Ada", "FILE", "-s", "new.db", "--from", "9", "--to", "3"], 2, "end must be after start"),
        (["enroll", "Ada", "FILE", "-s", "new.db", "--from", "90"], 2, "--from 90"),
        (["enroll", "A\nB", "FILE", "-s", "new.db"], 1, "Name must be 1 to 200 characters on one line"),
        (["enroll", "A\nB", "none.wav", "-s", "new.db"], 1, "Name must be 1 to 200 characters on one line"),
        (["enroll", "\udcff", "FILE", "-s", "new.db"], 1, "Name must be 1 to 200 characters on one line"),
        (["enroll", "Ada", "none.wav", "-s", "new.db"], 1, "none.wav"),
        (["threshold", "none"], 2, "none: No such folder"),
    ],
)
def test_every_error_is_one_line(
    oolong: Run,
    record: Record,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    text: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    given = [str(record("Ada.0.wav", 20)) if each == "FILE" else each for each in arguments]
    found, _, err = oolong("speakers", *given)
    assert found == code and text in err and err.count("\n") == 1
    assert not (tmp_path / "none.db").exists()


def test_too_short_speech_is_not_enrolled(oolong: Run, record: Record, library: Path) -> None:
    code, _, err = oolong("speakers", "enroll", "Ada", record("Ada.0.wav", 4), "-s", library)
    assert code == 1 and "Cannot enroll Ada from 4.0 s of speech" in err


def test_a_broken_library_is_reported_before_any_work(
    oolong: Run, replay: object, record: Record, tmp_path: Path
) -> None:
    (tmp_path / "voices.db").write_text("no library")
    code, _, err = oolong("diarize", record(), "--diarizer", "known", "--speakers", tmp_path / "voices.db")
    assert code == 1 and "not a voice library" in err and not list(tmp_path.glob("*.rttm"))
    code, _, err = oolong("diarize", record(), "--diarizer", "known", "--speakers", "", "-o", tmp_path)
    assert code == 2 and "Missing file name in --speakers" in err and not list(tmp_path.glob("*.rttm"))


def test_voices_of_another_model_are_refused_before_the_transcription(
    transcribed: Transcribed, run: Run, replay: object, record: Record, library: Path, tmp_path: Path
) -> None:
    transcribed("Ada.0")
    other = Known()
    other.weights = "0" * 64
    replay.calls.clear()  # type: ignore[attr-defined]
    parts = ("--diarizer", "known", "--transcriber", "replay", "--speakers", library, "-o", tmp_path / "out")
    code, _, err = run("transcribe", record("Ada.1.wav", 20), *parts, "--srt", plugins=(other,))
    assert code == 1 and "uses the model known" in err and "another library" in err
    assert not replay.calls and not (tmp_path / "out" / "Ada.1.srt").exists()  # type: ignore[attr-defined]
    with_url = open_store(str(library))
    assert with_url.count() == 1
    with_url.close()


def test_without_a_library_speakers_have_no_voice(run: Run, record: Record, tmp_path: Path) -> None:
    code, _, err = run("diarize", record(), "--diarizer", "replay", "-o", tmp_path, "-f", "json")
    assert code == 0, err
    assert {each["voice"] for each in json.loads((tmp_path / "meeting.json").read_text())["speakers"].values()} == {
        None
    }


def test_a_warning_if_turns_have_no_embeddings(run: Run, record: Record, library: Path, tmp_path: Path) -> None:
    parts = ("--diarizer", "replay", "-o", tmp_path, "-f", "json", "--speakers", library)
    code, _, err = run("diarize", record(), *parts)
    assert code == 0 and "warning: --speakers: The diarizer returned no embeddings" in err
    assert {each["voice"] for each in json.loads((tmp_path / "meeting.json").read_text())["speakers"].values()} == {
        None
    }
