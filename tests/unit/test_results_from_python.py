from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from oolong_align.audio.recording import load_audio
from oolong_align.diarization.frame_store import FrameStore
from oolong_align.diarization.speaker_evidence import FrameEvidence
from oolong_align.errors import InputError, OolongWarning
from oolong_align.pipeline import Pipeline
from oolong_align.plugin.contract import BrokenRuleError, validate_words
from oolong_align.testing import make_host
from oolong_align.types import Diarization, DiarizeTiming, Word, Words

FOUND = Diarization(segments=(), turns=(), speech=(), duration=1.0, embeddings={0: np.ones(3, np.float32)})


def test_results_are_compared_by_value() -> None:
    same = replace(FOUND, embeddings={0: np.ones(3, np.float32)}, timing=DiarizeTiming(1, 2, 3, 6))
    assert same == FOUND
    assert replace(FOUND, duration=2.0) != FOUND
    assert replace(FOUND, embeddings={0: np.zeros(3, np.float32)}) != FOUND
    assert replace(FOUND, embeddings={1: np.ones(3, np.float32)}) != FOUND
    assert FOUND != "a diarization"


@pytest.mark.parametrize("span", [(float("nan"), 1.0), (0.0, float("inf")), (float("-inf"), 1.0)])
def test_a_span_is_finite(span: tuple[float, float]) -> None:
    voice = FrameEvidence(None, FrameStore(4), {})
    with pytest.raises(InputError, match="finite numbers of seconds"):
        voice.scores(*span)


def test_masked_samples_are_refused() -> None:
    with pytest.raises(InputError, match=r"masked array\. Fill the gaps with samples.filled\(0\)"):
        load_audio(np.ma.masked_array(np.zeros(10, np.float32)))


def test_white_space_around_words_is_stripped() -> None:
    words = validate_words(Words("en", (Word(0.0, 0.5, " Hello \n"), Word(0.5, 1.0, "you"))))
    assert [word.text for word in words.words] == ["Hello", "you"]
    with pytest.raises(BrokenRuleError, match="non-empty"):
        validate_words(Words("en", (Word(0.0, 0.5, " "),)))


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
