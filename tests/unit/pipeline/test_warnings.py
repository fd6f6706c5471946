from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from oolong_align.audio.recording import load_audio
from oolong_align.errors import OolongWarning
from oolong_align.pipeline import Pipeline
from oolong_align.testing import make_host
from oolong_align.types import Diarization, Word, Words

FOUND = Diarization(segments=(), turns=(), speech=(), duration=1.0, embeddings={0: np.ones(3, np.float32)})


def test_warnings_about_a_recording_are_issued_in_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = replace(FOUND, embeddings={}, warnings=("two voices are similar",))
    host = make_host()
    monkeypatch.setattr(host, "diarize", lambda audio, config: found)
    audio = load_audio(np.zeros(16000, np.float32))
    audio.warnings = ("damaged parts were skipped",)
    with pytest.warns(OolongWarning) as messages:
        Pipeline(host, host.resolve("transcribe", {}))(audio)
    assert [str(each.message) for each in messages] == ["damaged parts were skipped"]
    assert messages[0].filename == __file__


def test_warnings_name_the_callers_line_through_hooks() -> None:
    host = make_host()
    spread = Words("en", (Word(0.0, 0.5, "Hello", estimated=True),))
    with pytest.warns(OolongWarning, match="1 of 1 words have no timestamps") as messages:
        host.align(spread, FOUND, host.resolve("transcribe", {}))
    assert messages[0].filename == __file__
