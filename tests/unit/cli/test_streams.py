"""Runs with a closed stdin, stdout or stderr, or with a full one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


def start(*arguments: object, closed: int, **streams: object) -> subprocess.CompletedProcess[str]:
    close: Callable[[], None] = lambda: os.close(closed)  # noqa: E731
    command = [sys.executable, "-m", "oolong_align", *map(str, arguments)]
    return subprocess.run(command, text=True, preexec_fn=close, **streams)  # type: ignore[call-overload, no-any-return]


def test_without_stdout_files_are_written_and_output_to_stdout_is_an_error(result: Path) -> None:
    done = start("edit", result, "--rename", "SPEAKER_00=Ada", closed=1, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, f"{result}: 2 speakers, 2 words -> {result}\n")
    done = start("edit", result, "--srt", "-o", "-", closed=1, stderr=subprocess.PIPE)
    message = "oolong: error: Could not write to stdout (Bad file descriptor). Write to a file instead.\n"
    assert (done.returncode, done.stderr) == (1, message)


def test_without_stderr_results_contain_no_messages(result: Path) -> None:
    said = start("edit", result, "--srt", "-o", "-", "--assign", "0-1=SPEAKER_00", closed=2, stdout=subprocess.PIPE)
    assert said.returncode == 0
    assert said.stdout.startswith("1\n00:00:00")


def test_a_full_stdout_is_one_line(result: Path) -> None:
    with Path("/dev/full").open("w") as full:
        for command in (["plugins"], ["edit", result, "--srt", "-o", "-"], ["--help"]):
            done = start(*command, closed=0, stdout=full, stderr=subprocess.PIPE)
            message = "oolong: error: Could not write to stdout (No space left on device). Write to a file instead.\n"
            assert (done.returncode, done.stderr) == (1, message)


def test_a_full_log_does_not_lose_results(result: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = start("edit", result, "--rename", "SPEAKER_00=Ada", "--srt", closed=0, stderr=full)
    assert done.returncode == 0
    assert "[Ada]: hello" in result.with_suffix(".srt").read_text()
