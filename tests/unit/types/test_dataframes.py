"""Turns in the formats of WhisperX and pyannote.audio."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyannote.core import Annotation, Segment

from oolong_align import DiarizationPipeline, Diarizer
from oolong_align.errors import ModelError, OolongWarning
from oolong_align.options import DiarizerOptions
from oolong_align.types import Diarization, DiarizeSegment, SpeakerSegment

RESULT = Diarization(
    segments=(SpeakerSegment(0.0, 4.0, 0, True), SpeakerSegment(4.0, 6.0, 1)),
    turns=(DiarizeSegment(0.0, 4.0, 0), DiarizeSegment(3.5, 6.0, 1)),
    speech=(),
    duration=6.0,
    embeddings={0: np.array([1.0, 0.0], np.float32), 1: np.array([0.0, 1.0], np.float32)},
)
EMPTY = Diarization(segments=(), turns=(), speech=(), duration=1.0)


def assign_speakers(frame: pd.DataFrame, result: dict[str, Any], *, fill_nearest: bool = False) -> dict[str, Any]:
    """Do the same as ``whisperx.assign_word_speakers``, according to its documentation.

    It computes on the columns ``start`` and ``end``, adds columns, sums the intersections with a segment or a word by
    ``speaker``, and writes the label of the largest sum to the result.
    """
    for record in [each for segment in result["segments"] for each in (segment, *segment.get("words", []))]:
        if "start" not in record:
            continue
        frame["intersection"] = np.minimum(frame["end"], record["end"]) - np.maximum(frame["start"], record["start"])
        met = frame if fill_nearest else frame[frame["intersection"] > 0]
        if len(met):
            sums = met.groupby("speaker")["intersection"].sum().sort_values(ascending=False)
            record["speaker"] = sums.index[0]
    return result


def aligned() -> dict[str, Any]:
    words = [{"word": "a", "start": 1.0, "end": 1.5}, {"word": "b"}, {"word": "c", "start": 5.0, "end": 5.5}]
    return {"segments": [{"start": 1.0, "end": 5.5, "text": "a b c", "words": words}]}


def test_the_frame_has_the_columns_and_types_of_whisperx() -> None:
    frame = RESULT.to_whisperx()
    assert list(frame.columns) == ["segment", "label", "speaker", "start", "end"]
    assert frame[["start", "end"]].dtypes.tolist() == [np.float64, np.float64]
    assert frame["speaker"].tolist() == ["SPEAKER_00", "SPEAKER_01"]
    assert frame["label"].is_unique
    # WhisperX takes the times from the segments.
    assert frame["segment"].apply(lambda segment: segment.start).tolist() == frame["start"].tolist() == [0.0, 3.5]
    assert frame["segment"].apply(lambda segment: segment.end).tolist() == frame["end"].tolist() == [4.0, 6.0]
    assert RESULT.to_whisperx(exclusive=True)["start"].tolist() == [0.0, 4.0]


def test_words_get_their_speakers_from_the_frame() -> None:
    segment = assign_speakers(RESULT.to_whisperx(), aligned())["segments"][0]
    assert segment["speaker"] == "SPEAKER_00"
    assert [word.get("speaker") for word in segment["words"]] == ["SPEAKER_00", None, "SPEAKER_01"]


def test_without_speakers_the_frame_is_empty_with_the_same_columns() -> None:
    frame = EMPTY.to_whisperx()
    assert (list(frame.columns), len(frame)) == (["segment", "label", "speaker", "start", "end"], 0)
    assert assign_speakers(frame, aligned()) == aligned()


@pytest.mark.skipif(importlib.util.find_spec("whisperx") is None, reason="whisperx is not installed")
def test_the_function_of_whisperx_itself() -> None:
    from whisperx.diarize import assign_word_speakers

    segment = assign_word_speakers(RESULT.to_whisperx(), aligned())["segments"][0]
    assert [word.get("speaker") for word in segment["words"]] == ["SPEAKER_00", None, "SPEAKER_01"]


class FakeDiarizer:
    def __init__(self) -> None:
        self.given: dict[str, Any] = {}

    def __call__(self, audio: Any, *, progress: Any = None, **bounds: Any) -> Diarization:
        self.given = {"audio": audio, **bounds}
        if progress:
            for stage in ("segmentation", "embedding", "clustering"):
                for done in (1, 2):
                    progress(stage, done, 2)
        return RESULT


def test_the_pipeline_has_the_call_of_whisperx() -> None:
    diarizer = FakeDiarizer()
    diarize = DiarizationPipeline(diarizer)  # type: ignore[arg-type]
    frame = diarize("meeting.wav", 2, 1, 3)
    assert diarizer.given == {"audio": "meeting.wav", "num_speakers": 2, "min_speakers": 1, "max_speakers": 3}
    assert isinstance(frame, pd.DataFrame)
    percentages: list[float] = []
    frame, embeddings = diarize("meeting.wav", return_embeddings=True, progress_callback=percentages.append)
    assert embeddings == {"SPEAKER_00": [1.0, 0.0], "SPEAKER_01": [0.0, 1.0]}
    assert frame["speaker"].tolist() == list(embeddings)
    assert percentages == [25.0, 50.0, 75.0, 100.0]


@pytest.mark.parametrize(
    ("given", "more", "bundle", "providers"),
    [
        ((), {}, None, ()),
        ((), {"use_auth_token": "hf_x", "device": "cpu"}, None, ()),
        ((), {"token": "hf_x", "device": "cuda", "cache_dir": "models"}, None, ("cuda",)),
        (("open", "hf_x", "cuda:1"), {}, "open", ("cuda",)),
        ((Path("mine"),), {"device": "mps"}, Path("mine"), ()),
    ],
)
def test_the_pipeline_has_the_constructor_of_whisperx(
    given: tuple[Any, ...], more: dict[str, Any], bundle: Any, providers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[Any] = []

    def load(name: Any, *, options: DiarizerOptions) -> FakeDiarizer:
        loaded.append((name, options.providers))
        return FakeDiarizer()

    monkeypatch.setattr(Diarizer, "from_pretrained", load)
    frame = DiarizationPipeline(*given, **more)("meeting.wav")
    assert isinstance(frame, pd.DataFrame) and loaded == [(bundle, providers)]
    mine = FakeDiarizer()
    DiarizationPipeline(diarizer=mine, token="hf_x")("meeting.wav")  # type: ignore[arg-type]
    assert mine.given["audio"] == "meeting.wav" and len(loaded) == 1


def test_a_torch_pipeline_is_replaced_with_a_warning() -> None:
    with pytest.warns(OolongWarning, match="pyannote/speaker-diarization-3.1 requires torch"):
        diarize = DiarizationPipeline("pyannote/speaker-diarization-3.1", use_auth_token="hf_x")
    assert isinstance(diarize._diarizer, Diarizer)
    with pytest.raises(ModelError, match="someone/diarization"):
        DiarizationPipeline("someone/diarization")


def test_the_annotation_has_the_type_of_pyannote() -> None:
    annotation = RESULT.to_annotation(uri="meeting")
    assert isinstance(annotation, Annotation)
    assert annotation.uri == "meeting"
    assert [(segment, label) for segment, _, label in annotation.itertracks(yield_label=True)] == [
        (Segment(0.0, 4.0), "SPEAKER_00"),
        (Segment(3.5, 6.0), "SPEAKER_01"),
    ]
    assert RESULT.to_annotation(exclusive=True).label_duration("SPEAKER_01") == 2.0
    assert not EMPTY.to_annotation()


def test_two_speakers_in_one_span_are_both_kept() -> None:
    both = Diarization(
        segments=(), turns=(DiarizeSegment(0, 1, 0), DiarizeSegment(0, 1, 1)), speech=(), duration=1.0
    ).to_annotation()
    assert both.labels() == ["SPEAKER_00", "SPEAKER_01"]


@pytest.mark.parametrize(
    ("method", "module", "command"),
    [
        ("to_whisperx", "pandas", "pip install pandas"),
        ("to_annotation", "pyannote", "pip install pyannote.core"),
        ("to_annotation", "pyannote.core", "pip install pyannote.core"),
    ],
)
def test_a_missing_library_is_named_with_the_install_command(method: str, module: str, command: str) -> None:
    script = (
        "import sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        "from oolong_align import Diarization, OolongError\n"
        "try:\n"
        f"    Diarization(segments=(), turns=(), speech=(), duration=1.0).{method}()\n"
        "except OolongError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout.strip().endswith(f"is not installed. Install it with: {command}"), done.stderr) == (True, "")


def test_the_libraries_are_only_imported_when_needed() -> None:
    script = (
        "import sys\n"
        "from oolong_align import Diarization, DiarizationPipeline, align\n"
        "align([], Diarization(segments=(), turns=(), speech=(), duration=1.0))\n"
        "sys.exit(' '.join(name for name in ('pandas', 'pyannote') if name in sys.modules) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
