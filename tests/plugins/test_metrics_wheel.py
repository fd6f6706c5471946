"""The metrics plugin as users install it: built as a wheel and found by its entry point."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

from fakes import REPLAY

Run = Callable[..., object]
MODULES = ("__init__", "diarization", "interleaving", "normalisation", "plugin", "readers", "recordings", "words")


def test_the_wheel_works(install: Run, oolong: Run, recording: Path, repository: Path, tmp_path: Path) -> None:
    project = repository / "plugins" / "oolong-align-metrics"
    wheel = install(project)
    names = {name for name in zipfile.ZipFile(wheel).namelist() if "dist-info" not in name}
    assert names == {"oolong_align_metrics/py.typed", *(f"oolong_align_metrics/{name}.py" for name in MODULES)}
    assert "metrics\t0.1.0\toolong-align-metrics\tcommands\t\n" in oolong("plugins").stdout

    done = oolong("transcribe", recording, "--json", "--rttm", "-o", "out", *REPLAY)
    assert done.returncode == 0, done.stderr
    (tmp_path / "meeting.rttm").write_text(
        "SPEAKER meeting 1 0 1 <NA> <NA> Nora <NA> <NA>\nSPEAKER meeting 1 1 1 <NA> <NA> Kai <NA> <NA>\n"
    )
    (tmp_path / "meeting.stm").write_text("meeting 1 Nora 0 1 Hello!\nmeeting 1 Kai 1 2 There?\n")
    turns = oolong("eval", "der", "meeting.rttm", "out/meeting.rttm", "--json")
    assert turns.returncode == 0, turns.stderr
    assert json.loads(turns.stdout)["total"]["error_rate"] == 0
    words = oolong("eval", "words", "meeting.stm", "out", "--json")
    assert words.returncode == 0, words.stderr
    total = json.loads(words.stdout)["total"]
    assert (total["recognised"], total["word_error_rate"], total["speaker_error_rate"]) == (2, 0, 0)

    assert "No such command 'eval'" in oolong("--no-plugins", "eval").stderr

    own = oolong("-q", "-p", "no:cacheprovider", project / "tests", code="import pytest; sys.exit(pytest.main())")
    assert own.returncode == 0, own.stdout


def test_the_readme_has_the_printed_columns(install: Run, oolong: Run, repository: Path, tmp_path: Path) -> None:
    """Only the columns are compared."""
    project = repository / "plugins" / "oolong-align-metrics"
    install(project)
    readme = (project / "README.md").read_text()
    examples = repository / "examples"
    (tmp_path / "nothing.json").write_text('{"segments": []}')
    for kind, *files in (
        ("der", examples / "meeting.rttm", examples / "meeting.rttm"),
        ("words", examples / "meeting.stm", "nothing.json"),
    ):
        done = oolong("eval", kind, *files)
        assert done.returncode == 0, done.stderr
        assert f"| {' | '.join(done.stdout.splitlines()[0].split(chr(9)))} |" in readme
