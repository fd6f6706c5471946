"""The replay plugin as users install it: built as a wheel and found by its entry point."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes import REPLAY

Run = Callable[..., object]


@pytest.fixture
def wheel(install: Run, bare_site: Path, repository: Path) -> Path:
    return install(repository / "plugins" / "oolong-align-replay")


def test_the_wheel_works(wheel: Path, oolong: Run, recording: Path, repository: Path, tmp_path: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if "dist-info" not in name}
    modules = ("__init__", "files", "turns", "words")
    assert names == {"oolong_align_replay/py.typed", *(f"oolong_align_replay/{name}.py" for name in modules)}
    line = "replay\t0.1.0\toolong-align-replay\tadd_options align configure diarizers transcribers\t\n"
    assert line in oolong("plugins").stdout

    (tmp_path / "theirs.rttm").write_text(
        "SPEAKER meeting 1 0 1 <NA> <NA> Nora <NA> <NA>\nSPEAKER meeting 1 1 1 <NA> <NA> Kai <NA> <NA>\n"
    )
    segments = [{"start": 0.2, "end": 0.8, "text": " Hello!"}, {"start": 1.2, "end": 1.8, "text": " There?"}]
    (tmp_path / "theirs.json").write_text(json.dumps({"language": "en", "segments": segments}))
    theirs = ("--replay-turns", "theirs.rttm", "--replay-words", "theirs.json")
    done = oolong("transcribe", recording, *REPLAY, *theirs, "--json", "--rttm", "--srt", "-o", "first")
    assert done.returncode == 0, done.stderr
    first = {path.name: path.read_bytes() for path in (tmp_path / "first").iterdir()}
    assert b"[SPEAKER_00]: Hello!" in first["meeting.srt"]

    for turns in ("rttm", "json"):
        ours = (f"--replay_turns=first/meeting.{turns}", "--replay_words=first/meeting.json")
        done = oolong("transcribe", recording, *REPLAY, *ours, "--json", "--rttm", "--srt", "-o", f"from_{turns}")
        assert done.returncode == 0, done.stderr
        again = {path.name: path.read_bytes() for path in (tmp_path / f"from_{turns}").iterdir()}
        assert again == first

    folder = ("--replay_turns=first", "--replay_words=first")
    assert oolong("transcribe", recording, *REPLAY, *folder, "--srt", "-o", "-").stdout.encode() == first["meeting.srt"]
    turns_only = oolong("diarize", recording, "--diarizer=replay", "--replay_turns=first/meeting.json", "-o", "-")
    assert turns_only.stdout.encode() == first["meeting.rttm"]

    missing = oolong("transcribe", recording, *REPLAY)
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr.endswith("Give the file to replay, such as --replay_turns meeting.rttm\n")
    (tmp_path / "theirs.rttm").write_text("no turns here\n")
    broken = oolong("transcribe", recording, *REPLAY, *theirs, "-o", "-")
    assert (broken.returncode, broken.stdout) == (1, "")
    assert "theirs.rttm, line 1: 'no turns here'. Expected: SPEAKER" in broken.stderr

    tests = repository / "plugins" / "oolong-align-replay" / "tests"
    own = oolong("-q", "-p", "no:cacheprovider", tests, code="import pytest; sys.exit(pytest.main())")
    assert own.returncode == 0, own.stdout


def test_results_of_models_are_reproduced_without_models(
    wheel: Path, oolong: Run, repository: Path, tmp_path: Path
) -> None:
    """A real recording: first with the diarizer, then from its files only."""
    meeting = repository / "examples" / "meeting.flac"
    words = {"segments": [{"start": 1.0, "end": 50.0, "text": "word " * 100}], "language": "en"}
    (tmp_path / "words.json").write_text(json.dumps(words))
    words = ("--transcriber=replay", "--replay_words=words.json")
    first = oolong("transcribe", meeting, *words, "--json", "--rttm", "--vtt", "-o", "first")
    assert first.returncode == 0, first.stderr
    assert "Dropped" in first.stderr
    block = "import sys; sys.modules['onnxruntime'] = sys.modules['ctranslate2'] = None; "
    for turns in ("json", "rttm"):
        files = (f"--replay_turns=first/meeting.{turns}", "--replay_words=first/meeting.json")
        code = block + "from oolong_align.cli.main import main; sys.exit(main())"
        again = oolong("transcribe", meeting, *REPLAY, *files, "--json", "--vtt", "-o", turns, code=code)
        assert again.returncode == 0, again.stderr
        for name in ("meeting.json", "meeting.vtt"):
            assert (tmp_path / turns / name).read_bytes() == (tmp_path / "first" / name).read_bytes()
