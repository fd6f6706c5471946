"""Error rates of a diarizer with predefined results."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import workshop

from oolong_align.errors import InputError
from oolong_align.types import DiarizeSegment


@pytest.fixture(scope="module")
def conversations() -> ModuleType:
    return workshop.scripts("conversations").conversations


def line(name: str, start: float, speaker: str) -> str:
    return f"SPEAKER {name} 1 {start} 10.0 <NA> <NA> {speaker} <NA> <NA>\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        (tmp_path / f"{name}.rttm").write_text(line(name, 0, "anna") + line(name, 10, "bert"))
        (tmp_path / f"{name}.flac").touch()
        (tmp_path / f"{name}.stm").touch()
    return tmp_path


def test_errors_and_counts_are_summed(conversations: ModuleType, folder: Path) -> None:
    found = conversations.find_conversations(folder)
    assert [each.audio.name for each in found] == ["a.flac", "b.flac"]
    said = {
        "a": (DiarizeSegment(0, 20, 0),),  # bert's 10 s of 20 are assigned to anna
        "b": (DiarizeSegment(0, 10, 0), DiarizeSegment(10, 18, 1), DiarizeSegment(18, 20, 2)),  # 2 s of 20
    }
    score = conversations.score_diarizer(lambda audio: SimpleNamespace(turns=said[audio.stem]), found)
    assert score.error_rate == pytest.approx(12 / 40)
    assert score.counts == "+1 -1"


def test_each_plda_is_scored_by_its_own_results(conversations: ModuleType, folder: Path) -> None:
    right = (DiarizeSegment(0, 10, 0), DiarizeSegment(10, 20, 1))

    class Two:
        def diarize_each(self, audio: Path, pldas: list[str]) -> list[SimpleNamespace]:
            return [SimpleNamespace(turns=right if plda == "good" else right[:1]) for plda in pldas]

    scores = conversations.score_pldas(Two(), conversations.find_conversations(folder), ["good", "poor"])
    assert [(score.error_rate, score.counts) for score in scores] == [(0.0, "+0 -0"), (0.5, "+0 -2")]


def test_invalid_folders_are_refused(conversations: ModuleType, folder: Path) -> None:
    (folder / "b.wav").touch()
    with pytest.raises(InputError, match=r"b.rttm: Expected one recording with this stem in the folder, found 2"):
        conversations.find_conversations(folder)
    for name in ("b.wav", "b.flac"):
        (folder / name).unlink()
    with pytest.raises(InputError, match=r"b.rttm: Expected one recording with this stem in the folder, found 0"):
        conversations.find_conversations(folder)
    (folder / "b.rttm").unlink()
    (folder / "a.rttm").write_text(line("a", 0, "anna") + line("c", 0, "bert"))
    with pytest.raises(InputError, match="Expected turns of one recording, found 2"):
        conversations.find_conversations(folder)
    (folder / "a.rttm").unlink()
    with pytest.raises(InputError, match="No conversations found"):
        conversations.find_conversations(folder)
    with pytest.raises(InputError, match="No conversations found"):
        conversations.find_conversations(folder / "nowhere")
