"""The redaction plugin as users install it: built as a wheel and found by its entry point."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import av
import pytest

Run = Callable[..., object]
MODULES = ("__init__", "audio", "emails", "names", "numbers", "patterns", "rules", "stream")
SPOKEN = "Hello, my name is Ada Lovelace, my number is five five 5. Thank you, Ada. Is it about Project X?"
STEP_S = 0.14
TURNS = "SPEAKER call 1 0 {0} <NA> <NA> a <NA> <NA>\nSPEAKER call 1 {0} {1} <NA> <NA> b <NA> <NA>\n"


@pytest.fixture
def call(install: Run, recording: Path, repository: Path, bare_site: Path) -> Path:
    """A recording with files of turns, words and a word list, and both plugins."""
    for name in ("redact", "replay"):
        install(repository / "plugins" / f"oolong-align-{name}")
    path = recording.with_name("call.wav")
    shutil.copy(recording, path)
    words = [
        {"word": f" {text}", "start": STEP_S * place, "end": STEP_S * (place + 1)}
        for place, text in enumerate(SPOKEN.split())
    ]
    path.with_suffix(".json").write_text(json.dumps({"language": "en", "segments": [{"words": words}]}))
    middle = STEP_S * 12
    path.with_suffix(".rttm").write_text(TURNS.format(middle, 3 - middle))
    path.with_name("people.txt").write_text("# secrets\nproject x\n")
    return path


REPLAY = ("--diarizer=replay", "--transcriber=replay", "--replay_turns=call.rttm", "--replay_words=call.json")


def test_the_output_in_the_readme(call: Path, oolong: Run, repository: Path) -> None:
    readme = (repository / "plugins" / "oolong-align-redact" / "README.md").read_text()
    (command,) = re.findall(r"^oolong (transcribe call.wav .*)$", readme, re.MULTILINE)
    done = oolong(*shlex.split(command), *REPLAY)
    assert done.returncode == 0, done.stderr
    assert "Ada" not in done.stderr + done.stdout
    shown = re.findall(r"^\[SPEAKER_.*$", readme, re.MULTILINE)
    assert (call.parent / "out" / "call.txt").read_text().splitlines() == shown
    with av.open(str(call.parent / "out" / "call.redacted.flac")) as audio:
        (stream,) = audio.streams
        assert (stream.codec_context.name, stream.rate, stream.channels) == ("flac", 16_000, 1)
        assert sum(frame.samples for frame in audio.decode(stream)) == 3 * 16_000


def test_the_wheel_works(call: Path, install: Run, oolong: Run, repository: Path, tmp_path: Path) -> None:
    project = repository / "plugins" / "oolong-align-redact"
    (wheel,) = (tmp_path / "wheels").glob("oolong_align_redact-*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if "dist-info" not in name}
    assert names == {"oolong_align_redact/py.typed", *(f"oolong_align_redact/{name}.py" for name in MODULES)}
    line = "redact\t0.1.0\toolong-align-redact\tadd_options configure finish\talign identify\n"
    assert line in oolong("plugins").stdout

    everything = (
        "--redact=names,numbers,emails,speakers",
        "--redact-pattern",
        "(?i)project",
        "-f",
        "srt,vtt,txt,tsv,json,rttm",
    )
    done = oolong("transcribe", call, *everything, *REPLAY, "-o", "out")
    assert done.returncode == 0, done.stderr
    outputs = {path.suffix: path.read_text() for path in (tmp_path / "out").iterdir()}
    assert set(outputs) == {".srt", ".vtt", ".txt", ".tsv", ".json", ".rttm"}
    for suffix, text in outputs.items():
        assert not re.search("ada|lovelace|five|project", text, re.IGNORECASE), suffix
    document = json.loads(outputs[".json"])
    assert len(document["word_segments"]) == len(SPOKEN.split())
    assert document["segments"][0]["text"].startswith("Hello, my name is [name] [name],")

    assert "Lovelace" in oolong("transcribe", call, *REPLAY, "--txt", "-o", "-").stdout
    for options, message in (
        (("--redact=faces",), "Unknown kind 'faces' in --redact"),
        (("--redact_pattern=(",), "Invalid regular expression"),
        (("--redact_words=gone.txt",), "Could not read --redact_words gone.txt"),
        (("--redact_audio=tone",), "requires --redact, --redact_pattern or"),
        (("--redact=names", "--redact_audio=tone", "-o", "-"), "Give a folder with -o"),
    ):
        refused = oolong("transcribe", call, *REPLAY, *options)
        assert (refused.returncode, refused.stdout) == (2, ""), options
        assert message in refused.stderr
        assert refused.stderr.count("\n") == 1
    assert "No such option '--redact'" in oolong("transcribe", call, "--redact=names", "-p", "no:redact").stderr

    own = oolong("-q", "-p", "no:cacheprovider", project / "tests", code="import pytest; sys.exit(pytest.main())")
    assert own.returncode == 0, own.stdout
