"""A program started without a stdin, stdout or stderr, or with one that is full."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")


def start(*arguments: object, closed: int, **streams: object) -> subprocess.CompletedProcess[str]:
    close: Callable[[], None] = lambda: os.close(closed)  # noqa: E731
    command = [sys.executable, "-m", "oolong_align", *map(str, arguments)]
    return subprocess.run(command, text=True, preexec_fn=close, **streams)  # type: ignore[call-overload, no-any-return]


def test_without_a_stdout_results_are_written_and_what_is_for_stdout_is_an_error(result: Path) -> None:
    done = start("edit", result, "--rename", "SPEAKER_00=Ada", closed=1, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, f"{result}: 2 speakers, 2 words -> {result}\n")
    done = start("edit", result, "--srt", "-o", "-", closed=1, stderr=subprocess.PIPE)
    message = "oolong: error: stdout: cannot be written: Bad file descriptor; write to a file with room\n"
    assert (done.returncode, done.stderr) == (1, message)


def test_without_a_stderr_no_message_is_among_the_results(result: Path) -> None:
    said = start("edit", result, "--srt", "-o", "-", "--assign", "0-1=SPEAKER_00", closed=2, stdout=subprocess.PIPE)
    assert said.returncode == 0
    assert said.stdout.startswith("1\n00:00:00")


def test_a_full_stdout_is_one_line(result: Path) -> None:
    with Path("/dev/full").open("w") as full:
        for command in (["plugins"], ["edit", result, "--srt", "-o", "-"], ["--help"]):
            done = start(*command, closed=0, stdout=full, stderr=subprocess.PIPE)
            message = "oolong: error: stdout: cannot be written: No space left on device; write to a file with room\n"
            assert (done.returncode, done.stderr) == (1, message)


def test_a_full_log_loses_no_result(result: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = start("edit", result, "--rename", "SPEAKER_00=Ada", "--srt", closed=0, stderr=full)
    assert done.returncode == 0
    assert "[Ada]: hello" in result.with_suffix(".srt").read_text()
