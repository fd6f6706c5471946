"""Ctrl-C while the program starts: one line and exit code 130, at any time."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

START = (
    "import signal, sys\n"
    "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # background jobs may ignore SIGINT
    "class Reports:\n"
    "    def find_spec(self, name, *_):\n"
    "        if name == 'oolong_align.cli':\n"
    "            print(flush=True)\n"
    "sys.meta_path.insert(0, Reports())\n"
    "from oolong_align.__main__ import main\n"
    "sys.exit(main())\n"
)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("after_s", [0.0, 0.003, 0.01, 0.03, 0.1])
def test_a_signal_to_a_starting_process_is_no_traceback(after_s: float) -> None:
    command = [sys.executable, "-c", START, "transcribe", "--help"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(after_s)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    # On a fast machine the process may already have finished.
    assert (process.returncode, err.strip()) == (130, "oolong: interrupted") or (out and not err)


def test_interrupts_are_handled_before_any_other_import(repository: Path) -> None:
    program = (
        "import __future__, importlib, os, sys, warnings\n"
        f"sys.path.insert(0, {str(repository)!r})\n"
        "before = {*sys.modules}\n"
        "import oolong_align.__main__\n"
        "print(*sorted({*sys.modules} - before))\n"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True)
    assert (done.stdout.split(), done.stderr) == (["oolong_align", "oolong_align.__main__"], "")
