"""Files with very long names, and pipes instead of files."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]


def test_names_of_maximum_length_work(run: Run, result: Path) -> None:
    long = result.rename(result.with_name("会議" * 41 + ".json"))  # 251 bytes
    code, _, err = run("edit", long, "--rename", "SPEAKER_00=Ada", "--srt", "--rttm", "-o", result.parent / "to")
    assert (code, err.count("\n")) == (0, 1)
    assert sorted(each.name for each in (result.parent / "to").iterdir()) == [f"{long.stem}.rttm", f"{long.stem}.srt"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_result_read_from_a_pipe_needs_an_output_folder(run: Run, result: Path) -> None:
    pipe = result.with_name("pipe.json")
    os.mkfifo(pipe)
    for where, expected in (((), 2), (("-o", result.parent / "to"), 0)):
        writer = threading.Thread(target=pipe.write_bytes, args=(result.read_bytes(),), daemon=True)
        writer.start()
        code, _, err = run("edit", pipe, "--rename", "SPEAKER_00=Ada", *where)
        writer.join(60)
        assert (code, err.count("\n")) == (expected, 1)
        assert (f"{pipe}: Not a regular file, so it cannot be replaced. Give another folder with -o" in err) == (
            not where
        )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_or_device_is_never_replaced(run: Run, result: Path) -> None:
    pipe = result.with_suffix(".srt")
    os.mkfifo(pipe)
    code, _, err = run("edit", result, "--srt")
    assert (code, err) == (
        1,
        f"oolong: error: {pipe}: Is a device or a pipe. Write to a file, or to stdout with -o -\n",
    )
    assert pipe.is_fifo()


def test_the_error_names_a_file_that_is_not_an_exported_library(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text("[]")
    code, _, err = run("speakers", "import", other, "--speakers", tmp_path / "new.db")
    assert code == 1
    assert err.startswith(f"oolong: error: {other}: Not an exported voice library: ")
    assert not (tmp_path / "new.db").exists()
