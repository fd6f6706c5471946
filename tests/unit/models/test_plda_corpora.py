from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import workshop

from oolong_align.errors import InputError, UsageError


@pytest.fixture(scope="module")
def corpora() -> ModuleType:
    return workshop.scripts("plda.corpora").corpora


def test_a_weight_is_read_after_the_path(corpora: ModuleType, tmp_path: Path) -> None:
    assert corpora.parse_input("a.npz") == (Path("a.npz"), 1.0)
    assert corpora.parse_input("a=b.npz=0.5") == (Path("a=b.npz"), 0.5)
    (tmp_path / "x=2").touch()
    assert corpora.parse_input(f"{tmp_path}/x=2") == (tmp_path / "x=2", 1.0)
    for weight in ("0", "-1", "nan", "inf", "much", ""):
        with pytest.raises(UsageError, match=f"Invalid weight '{weight}' of a.npz"):
            corpora.parse_input(f"a.npz={weight}")


GOOD = {"embedding": np.eye(4), "speaker": np.array(["a", "a", "b", "b"])}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"embedding": np.full((4, 4), np.nan)}, "contains 16 non-finite numbers, the first in row 0"),
        ({"embedding": np.eye(4)[0]}, "Array embedding has the shape"),
        ({"embedding": np.array([["x"] * 4] * 4)}, "Expected real numbers"),
        ({"embedding": np.empty((0, 4)), "speaker": np.empty(0, dtype="<U1")}, "No embeddings found"),
        ({"speaker": np.array(["a", "b"])}, "Expected 4 names or integers, one per embedding"),
        ({"speaker": np.array([0.5, 1, 2, 3])}, "Expected 4 names or integers"),
        ({"speaker": np.array([{}, 1, 2, 3], dtype=object)}, "Save it without pickled objects"),
        ({"weight": np.ones(3)}, "Array weight has the shape"),
        ({"weight": np.array([1, 1, 0, 1])}, "The weight of row 2 is not positive"),
    ],
)
def test_invalid_embeddings_are_rejected(
    corpora: ModuleType, tmp_path: Path, change: dict[str, npt.NDArray[Any]], problem: str
) -> None:
    np.savez(tmp_path / "bad.npz", **{**GOOD, **change}, allow_pickle=True)
    with pytest.raises(InputError, match=problem):
        corpora.read_embeddings(tmp_path / "bad.npz")


def test_files_without_embeddings_are_rejected(corpora: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="File not found"):
        corpora.read_embeddings(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("nonsense")
    with pytest.raises(InputError, match="Not a NumPy file"):
        corpora.read_embeddings(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", vectors=np.eye(4))
    with pytest.raises(InputError, match=r"Missing arrays: embedding, speaker\. Arrays in the file: vectors"):
        corpora.read_embeddings(tmp_path / "other.npz")
    np.savez(tmp_path / "four.npz", **GOOD)
    np.savez(tmp_path / "five.npz", embedding=np.eye(5), speaker=np.arange(5))
    with pytest.raises(InputError, match=r"five.npz: Embeddings have 5 dimensions, but those of .*four.npz have 4"):
        corpora.load_corpora([(tmp_path / "four.npz", 1.0), (tmp_path / "five.npz", 1.0)], None)


def test_utterances_are_found_next_to_utt2spk_or_through_wav_scp(corpora: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "utt2spk").write_text("u1 anna\nu2 bert\n")
    with pytest.raises(InputError, match=r"Audio file u1\.\* not found"):
        corpora.list_utterances(tmp_path)
    for name in ("anna/u1.opus", "bert/u2.flac"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    assert corpora.list_utterances(tmp_path) == [
        (tmp_path / "anna/u1.opus", "anna"),
        (tmp_path / "bert/u2.flac", "bert"),
    ]
    elsewhere = tmp_path / "elsewhere" / "two.wav"
    for path in (tmp_path / "audio" / "one file.wav", elsewhere):
        path.parent.mkdir()
        path.touch()
    (tmp_path / "wav.scp").write_text(f"u1 audio/one file.wav\nu2 {elsewhere}\n")
    assert [path for path, _ in corpora.list_utterances(tmp_path)] == [tmp_path / "audio/one file.wav", elsewhere]


@pytest.mark.parametrize(
    ("utt2spk", "wav_scp", "problem"),
    [
        ("u1 anna\n", "u1 sph2pipe -f wav one.sph |\n", "Commands are not run"),
        ("u1 anna\n", "u1 none.wav\n", "Audio file .*none.wav of u1 not found"),
        ("u1 anna\n", "u2 one.wav\n", "No line for the utterance u1"),
        ("u1\n", None, "utt2spk:1: Expected UTTERANCE SPEAKER, found one word"),
        ("u1 anna\nu1 bert\n", None, "utt2spk:2: Duplicate utterance u1"),
        ("u1 ../anna\n", None, "Invalid names u1 ../anna"),
        ("", None, "No utterances found"),
        (None, None, "Could not read .*utt2spk"),
    ],
)
def test_invalid_tables_are_rejected(
    corpora: ModuleType, tmp_path: Path, utt2spk: str | None, wav_scp: str | None, problem: str
) -> None:
    for name, text in (("utt2spk", utt2spk), ("wav.scp", wav_scp)):
        if text is not None:
            (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=problem):
        corpora.list_utterances(tmp_path)
