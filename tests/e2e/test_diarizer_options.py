"""Every option of the diarizer has an effect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from oolong_align import Diarization, Diarizer, DiarizerOptions, OolongWarning, VoiceActivityDetector
from oolong_align.types import SpeechRange
from oolong_align.weights import find_bundle

pytestmark = [pytest.mark.data, pytest.mark.slow]


@pytest.fixture(scope="module")
def clip(data_dir: Path) -> Path:
    return data_dir / "parity" / "test_3speakers.wav"


def diarize(clip: Path, **options: Any) -> Diarization:
    return Diarizer.from_pretrained(options=DiarizerOptions(**{"method": "windows", **options}))(clip)


@pytest.fixture(scope="module")
def default_diarizer() -> Diarizer:
    return Diarizer.from_pretrained()


@pytest.fixture(scope="module")
def plain(clip: Path) -> Diarization:
    return diarize(clip)


@pytest.fixture(scope="module")
def plain_ranges(clip: Path) -> list[SpeechRange]:
    return VoiceActivityDetector.from_pretrained()(clip)


@pytest.mark.filterwarnings("ignore:SPEAKER_:oolong_align.OolongWarning")
@pytest.mark.parametrize(
    "options",
    [
        {"step": 5.0},
        {"clustering_threshold": 0.05, "max_iterations": 1},
        {"fb": 1000.0},
        {"fa": 0.0001},
        {"min_duration_off": 1.0},
        {"exact": True},
        {"precision": "int8"},
        {"method": "pieces"},
        {"embedding_exclude_overlap": False},
    ],
    ids=str,
)
def test_an_option_changes_the_result(clip: Path, plain: Diarization, options: dict[str, Any]) -> None:
    changed = diarize(clip, **options)
    same_turns = changed.turns == plain.turns
    same_voices = all(
        (changed.embeddings[k] == v).all() for k, v in plain.embeddings.items() if k in changed.embeddings
    )
    assert not (same_turns and same_voices)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"exact": True}, "exact=True (--exact)"),
        ({"embedding_exclude_overlap": False}, "embedding_exclude_overlap=False (--no-embedding_exclude_overlap)"),
    ],
)
def test_an_option_without_effect_on_pieces_causes_a_warning(
    default_diarizer: Diarizer, clip: Path, options: dict[str, Any], named: str
) -> None:
    with pytest.warns(OolongWarning, match='no effect with method="pieces"') as messages:
        result = diarize(clip, **options, method="pieces")
    assert named in str(messages[0].message) and named in result.warnings[0]
    assert result.turns == default_diarizer(clip).turns


@pytest.mark.parametrize("options", [{"vad_onset": 0.999}, {"vad_offset": 0.0}, {"min_duration_off": 1.0}], ids=str)
def test_an_option_changes_the_speech_ranges(
    clip: Path, plain: Diarization, plain_ranges: list[SpeechRange], options: dict[str, Any]
) -> None:
    assert diarize(clip, **options).speech != plain.speech
    detector = VoiceActivityDetector.from_pretrained(options=DiarizerOptions(**options))
    assert detector(clip) != plain_ranges


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_int8_finds_the_same_speakers(clip: Path, precision: str) -> None:
    assert len(diarize(clip, precision=precision, method="pieces").speaker_ids) == 3


def test_gaps_are_filled(clip: Path, plain: Diarization) -> None:
    joined = diarize(clip, min_duration_off=1.0)
    assert len(joined.turns) < len(plain.turns)
    assert len(joined.segments) < len(plain.segments)


def test_a_folder_can_be_a_bundle(clip: Path, plain: Diarization, tmp_path: Path) -> None:
    names = {"segmentation": "model.onnx", "embedding": "model.onnx", "plda": "vbx_model.npz"}
    default = find_bundle()
    for part, name in names.items():
        (tmp_path / part).mkdir()
        (tmp_path / part / name).write_bytes(default.files[part].read_bytes())
    own = Diarizer.from_pretrained(tmp_path, options=DiarizerOptions(method="windows"))(clip)
    assert own.turns == plain.turns
    assert own.model is not None
    assert own.model.hashes == default.hashes
    assert own.model.dimension == 256


@pytest.mark.parametrize(
    ("asked", "messages"),
    [({"num_speakers": 40}, "num_speakers requires 40"), ({"min_speakers": 30}, "min_speakers requires 30")],
)
def test_too_many_requested_speakers_cause_a_warning(
    default_diarizer: Diarizer, clip: Path, asked: dict[str, int], messages: str
) -> None:
    with pytest.warns(UserWarning) as caught:
        result = default_diarizer(clip, **asked)
    found = len(result.speaker_ids)
    assert set(result.embeddings) == set(result.speaker_ids)
    assert any(messages in str(w.message) for w in caught)
    assert f"only {found} could be distinguished" in result.warnings[-1]


@pytest.mark.parametrize("wanted", [1, 2, 4, 5])
def test_a_plausible_number_of_speakers_is_found(default_diarizer: Diarizer, clip: Path, wanted: int) -> None:
    with pytest.warns(UserWarning, match=f"requires {wanted}"):
        assert len(default_diarizer(clip, num_speakers=wanted).speaker_ids) == wanted


def test_similar_speakers_cause_a_warning(default_diarizer: Diarizer, clip: Path) -> None:
    with pytest.warns(UserWarning, match=r"SPEAKER_\d\d speaks for only \d+ s and sounds like SPEAKER_\d\d"):
        result = Diarizer.from_pretrained(options=DiarizerOptions(clustering_threshold=0.3, fa=1.0))(clip)
    assert "they may be the same person" in result.warnings[0]
    assert default_diarizer(clip).warnings == ()
