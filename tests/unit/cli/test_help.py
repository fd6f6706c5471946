"""``--help``, ``--help-advanced`` and ``--version``."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
from fakes import REPLAY

from oolong_align.cli.main import transcribe_main
from oolong_align.options import DiarizerOptions

Record = Callable[..., Path]
Run = Callable[..., tuple[int, str, str]]
HELP = ("--help", "--help-advanced")
EXPERT = {
    *("intra_threads", "providers", "exact", "embedding_exclude_overlap", "step", "fa", "fb", "max_iterations"),
    *("clustering_threshold", "align_rule", "method", "refine"),
    *("batch_size", "compute_type", "precision"),
}
HIDDEN_IN_PART = {"bundle", "diarizer", "transcriber", "executor"}
"""Listed by edit, or if there are several entries to choose from."""


def test_advanced_help_lists_every_option_of_the_diarizer(run: Run) -> None:
    for command in ("transcribe", "diarize"):
        code, out, _ = run(command, "--help-advanced")
        assert code == 0
        for field in fields(DiarizerOptions):
            assert f"--{field.name}" in out, field.name


@pytest.mark.parametrize("command", ["transcribe", "diarize", "align", "vad", "edit"])
def test_expert_options_are_listed_by_advanced_help_only(run: Run, command: str) -> None:
    listed = [{*re.findall(r"^  (?:-\w, )?--(\w+)", run(command, flag)[1], re.MULTILINE)} for flag in HELP]
    assert not listed[0] & EXPERT
    assert listed[1] - listed[0] <= EXPERT | HIDDEN_IN_PART and listed[0] <= listed[1]
    assert ("--help-advanced" in run(command, "--help")[1]) == (command != "edit")


def test_expert_options_work(run: Run, record: Record) -> None:
    flags = ("--fa", 0.1, "--step", 1, "--no-exact", "--align-rule", "overlap", "--txt", "-o", "-")
    assert run("transcribe", record(), *flags, *REPLAY)[0] == 0
    assert "'--fa': 0.0 is not in the range" in run("transcribe", record(), "--fa", 0, *REPLAY)[2]


def test_the_help_of_transcribe_fits_two_screens_and_starts_with_common_options(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    lines = run("transcribe", "--help")[1].splitlines()
    assert len(lines) <= 100 and max(map(len, lines)) <= 100
    headings = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert headings[:4] == ["Examples:", "Output:", "Transcription:", "Speakers:"] and headings[-1] == "General:"
    screen = "\n".join(lines[:60])
    for option in ("--output_dir", "--srt", "--model", "--language", "--num_speakers", "--speakers"):
        assert f" {option} " in screen, option


def test_no_engine_is_loaded_for_help() -> None:
    script = (
        "import sys, oolong_align\n"
        "from oolong_align.cli.main import main\n"
        "for command in ([], ['transcribe'], ['diarize'], ['align'], ['vad'], ['edit'], ['models']):\n"
        "    assert main([*command, '--help']) == 0\n"
        "main(['plugins'])\n"
        "heavy = ('onnxruntime', 'ctranslate2', 'faster_whisper', 'av', 'scipy', 'onnx', 'kaldi_native_fbank')\n"
        "sys.exit(' '.join(name for name in heavy if name in sys.modules) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_overview_and_version(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run()
    assert code == 0 and "transcribe" in out and "models" in out
    assert run("--version")[1].startswith("oolong 0.")
    assert (transcribe_main(["--version"]), capsys.readouterr().out) == (0, run("--version")[1])
    assert run("-h")[0] == 0
