"""Usage errors, which stop a run before any work, and input that is accepted in several spellings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes import REPLAY

Record = Callable[..., Path]
Run = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["transcribe"], 2, "Missing argument 'FILE...'"),
        (["transcribe", "FILE", "--wrong"], 2, "No such option '--wrong'"),
        (["transcribe", "FILE", "--num_speakers", "0"], 2, "'--num_speakers': 0. Use a whole number of at least 1."),
        (
            ["transcribe", "FILE", "--num_speakers", "two"],
            2,
            "'--num_speakers': two. Use a whole number of at least 1.",
        ),
        (["diarize", "FILE", "--min-speakers", "3", "--max_speakers", "2"], 2, "min_speakers 3 exceeds max_speakers 2"),
        (["transcribe", "FILE", "--vad_onset", "1.5"], 2, "1.5 is not in the range"),
        (["transcribe", "FILE", "--max_cue", "0"], 2, "'--max_cue': 0.0 is not in the range"),
        (
            ["transcribe", "FILE", "--min-cue", "8"],
            2,
            "min_cue 8 exceeds max_cue 7. Decrease min_cue or increase max_cue.",
        ),
        (["transcribe", "FILE", "-f", "docx"], 2, "Unknown output format 'docx'. Available: srt, vtt"),
        (["transcribe", "FILE", "--diarizer", "other"], 2, "Unknown diarizer 'other'. Available: vbx, replay"),
        (["transcribe", "FILE", "--speakers", "redis://host/1"], 2, "Unknown speaker store 'redis'"),
        (["transcribe", "FILE", "-o", "-", "--srt", "--vtt"], 2, "Option -o - accepts one recording and one format"),
        (["transcribe", "FILE", "FILE", "-o", "-"], 2, "Option -o - accepts one recording and one format"),
        (["transcribe", "FILE", "FILE"], 2, "2 inputs share the stem 'meeting'"),
        (["vad", "FILE", "FILE"], 2, "Rename one, or run them separately with different --output_dir"),
        (["transcribe", "FILE", "https://a.org/b.mp3"], 2, "https://a.org/b.mp3 is a URL. Download the file first"),
        (["align", "https://a.org/b.json", "FILE"], 2, "https://a.org/b.json is a URL. Download the file first"),
        (["transcribe", "FILE", "-o", "https://a.org/b"], 2, "https://a.org/b: Writing to a URL is not supported"),
        (["vad", "FILE", "-o", "file:///tmp"], 2, "file:///tmp: Writing to a URL"),
        (["edit", "FILE", "--srt", "--output_dir", "s3://b/c"], 2, "s3://b/c: Writing to a URL"),
        (["speakers", "export", "s3://b/c.json", "-s", "FILE"], 2, "s3://b/c.json: Writing to a URL"),
        (["vad", "FILE", "--vad_onset", "0.2"], 2, "(0.2); 0.357 is the default, so set --vad_offset too"),
        (["transcribe", "FILE", "-p", "textgrid"], 2, "'textgrid' is not of the form no:NAME"),
        (["diarize", "FILE", "--srt"], 2, "No such option '--srt'"),
        (["vad", "FILE", "FILE", "-o", "-"], 2, "Option -o - accepts one recording"),
        (["fetch"], 2, "No such command 'fetch'"),
        (
            ["transcribe", "FILE", "--model", "tiny.en", "--language", "de"],
            2,
            "the English-only model tiny.en. Use a model such",
        ),
        (["transcribe", "FILE", "--model", "a/b.en", "--language", "German"], 2, "the English-only model a/b.en"),
        (
            ["transcribe", "FILE", "--model", "tiny.en", "--task", "translate"],
            2,
            "--task translate does not work with the",
        ),
        (["transcribe", "FILE", "--language", "klingon"], 2, "Unknown --language klingon"),
        (["transcribe", "FILE", "--language", "auto"], 2, "or omit the option to detect the language"),
        (["transcribe", "FILE", "--model", "enormous"], 2, "Unknown --model enormous"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    run: Run, replay: object, record: Record, arguments: list[str], code: int, message: str
) -> None:
    given = [str(record()) if each == "FILE" else each for each in arguments]
    if "FILE" in arguments and arguments[0] in ("transcribe", "diarize", "align") and "--diarizer" not in arguments:
        given += ["--diarizer", "replay"]
    found, out, err = run(*given)
    assert (found, out) == (code, "")
    assert err.startswith("oolong: error: ") and message in err
    assert err.count("\n") == 1
    assert replay.calls == []


def test_an_unsupported_compute_type_is_refused_before_any_work(
    run: Run, replay: object, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ctranslate2

    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 0)
    monkeypatch.setattr(ctranslate2, "get_supported_compute_types", lambda device: {"int8", "float32"})
    command = ("transcribe", record(), "--diarizer", "replay")
    for flags in ((), ("--device", "cuda")):
        code, _, err = run(*command, *flags, "--compute_type", "float16")
        assert (code, err.count("\n")) == (2, 1)
        assert "Unsupported compute_type 'float16' on this cpu" in err
    assert replay.calls == []


def test_an_unavailable_model_is_reported_before_any_work(
    run: Run, replay: object, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(name: str) -> str:
        raise ConnectionError("Name or service not known\nmore")

    monkeypatch.setattr("faster_whisper.download_model", unreachable)
    for model, message in (
        (
            "owner/thing",
            "Whisper owner/thing from the Hugging Face Hub: Name or service not known. It is not a folder. Check ",
        ),
        (
            "large-v3",
            "Whisper large-v3 from the Hugging Face Hub: Name or service not known. Check the",
        ),
        ("./nothing", "Folder not found: --model ./nothing"),
        ("../no/thing", "No Whisper model at ../no/thing: no such folder"),
    ):
        code, _, err = run("transcribe", record(), "--diarizer", "replay", "--model", model)
        assert (code, err.count("\n")) == (1, 1)
        assert message in err
        assert (f"run 'oolong models fetch {model}' on another machine, copy the folder" in err) == (
            model in ("owner/thing", "large-v3")
        )
    assert replay.calls == []


@pytest.mark.parametrize("language", ["EN", "en-US", "en_GB", "English", " english "])
def test_languages_are_accepted_in_any_spelling(run: Run, record: Record, tmp_path: Path, language: str) -> None:
    folder = tmp_path / "models" / "whisper" / "tiny.en"
    folder.mkdir(parents=True)
    for name in ("model.bin", "config.json"):
        (folder / name).touch()  # the recording has no speech, so the model is not loaded
    models = ("--model", "tiny.en", "--model_dir", tmp_path / "models")
    flags = ("--diarizer", "replay", *models, "--language", language, "--json", "-o", "-")
    code, out, err = run("transcribe", record(seconds=1), *flags)
    assert (code, err) == (0, "")
    assert json.loads(out)["language"] == "en"


def test_file_names_do_not_control_the_terminal(run: Run, record: Record, tmp_path: Path) -> None:
    if os.name == "nt":
        pytest.skip("Windows does not allow such names")
    files = [record("a\x1b[2J\nb.wav"), record("broken\x1b]0;title\x07.wav")]
    code, _, err = run("diarize", *files, "-o", tmp_path / "out", "--timing", "--diarizer", "replay")
    assert code == 1
    assert not set(err) & set("\x1b\x07")
    assert "a\\x1b[2J\\nb.wav: 2 speakers" in err and "broken\\x1b]0;title\\x07.wav" in err


def test_counts_of_one_are_singular(run: Run, tmp_path: Path) -> None:
    words, rttm = tmp_path / "meeting.json", tmp_path / "one.rttm"
    words.write_text(json.dumps({"segments": [{"start": 0.5, "end": 1, "text": "Yes."}]}))
    rttm.write_text("SPEAKER meeting 1 0.0 2.0 <NA> <NA> A <NA> <NA>\n")
    code, _, err = run("align", words, "--turns", rttm, "--timing", "-o", tmp_path / "out")
    assert code == 0
    assert "1 word from Whisper\n" in err and "1 speaker, 1 word ->" in err and "s, 1 speaker, 1 segment\n" in err
    code, _, err = run("edit", tmp_path / "out" / "meeting.json", "--rename", "SPEAKER_00=Ada")
    assert code == 0
    assert "1 speaker, 1 word ->" in err


def test_vad_has_the_option_precision(run: Run) -> None:
    assert "--precision" in run("vad", "--help-advanced")[1]


def test_models_has_the_options_quiet_and_debug(run: Run) -> None:
    for flags in (("models", "-q", "path", "plda", "--debug"), ("models", "--debug", "path", "plda", "--quiet")):
        code, out, err = run(*flags)
        assert (code, err) == (0, "")
        assert out.endswith(".npz\n")
    code, _, err = run("models", "fetch", "enormous", "--debug")
    assert code == 2
    assert "Traceback" in err


@pytest.mark.parametrize("group", ["models", "speakers"])
def test_a_group_alone_prints_its_help(run: Run, group: str) -> None:
    assert run(group) == run(group, "--help")


def test_the_package_runs_as_a_module() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "oolong_align", "--version"], capture_output=True, text=True, check=True
    )
    assert ran.stdout.startswith("oolong ")


def test_a_recording_without_a_command_is_an_error_with_the_command_to_use(run: Run, record: Record) -> None:
    path = record()
    code, _, err = run(path)
    assert code == 2 and f"Use `oolong transcribe {path}`." in err


def test_suggestions_leave_out_hidden_options(run: Run, record: Record) -> None:
    assert "refine" not in run("transcribe", record(), "--refin_", *REPLAY)[2].replace("--refin_", "")
    assert "--num_speakers" in run("transcribe", record(), "--num_spaekers", 2, *REPLAY)[2]


def test_a_former_option_must_not_contradict_its_successor(run: Run, record: Record) -> None:
    code, _, err = run("diarize", record(), "--method", "windows", "--refine")
    assert code == 2 and "refine=True contradicts method='windows'" in err
