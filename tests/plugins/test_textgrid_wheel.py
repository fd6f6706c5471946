"""The TextGrid plugin as users install it: built as a wheel and found by its entry point."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

from fakes import REPLAY

Run = Callable[..., object]


def test_the_wheel_works(install: Run, oolong: Run, recording: Path, repository: Path, tmp_path: Path) -> None:
    project = repository / "plugins" / "oolong-align-textgrid"
    wheel = install(project)
    names = {name for name in zipfile.ZipFile(wheel).namelist() if "dist-info" not in name}
    assert names == {f"oolong_align_textgrid/{name}" for name in ("__init__.py", "textgrid.py", "py.typed")}

    listed = oolong("plugins")
    assert "textgrid\t0.1.0\toolong-align-textgrid\tadd_options formats\t\n" in listed.stdout

    done = oolong("transcribe", recording, "--textgrid", "--textgrid-words", "-o", "out", *REPLAY)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "out" / "meeting.TextGrid").read_text()
    assert 'name = "SPEAKER_01 words"' in text
    assert text.count('text = "hello"') == 2

    turns = oolong("diarize", recording, "--textgrid", "-o", "-", "--diarizer", "replay")
    assert turns.stdout.startswith('File type = "ooTextFile"')

    for way_out in (("-p", "no:textgrid"), ("-pno:textgrid",)):
        refused = oolong("transcribe", recording, "--textgrid", *way_out, *REPLAY)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "No such option '--textgrid'" in refused.stderr
    assert "textgrid" not in oolong("--no-plugins", "plugins").stdout

    own = oolong("-q", "-p", "no:cacheprovider", project / "tests", code="import pytest; sys.exit(pytest.main())")
    assert own.returncode == 0, own.stdout


def test_the_error_of_a_broken_plugin_has_advice(site: Path, oolong: Run, recording: Path) -> None:
    (site / "replay_for_tests.py").write_text("import gone")
    done = oolong("transcribe", recording)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "oolong: error: Plugin 'replay' (replay-for-tests 1.0) cannot be imported: ModuleNotFoundError: "
        "No module named 'gone'. Run without it: -p no:replay\n"
    )
    assert oolong("plugins", "-p", "no:replay").returncode == 0
