from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from oolong_align.diarization.plda import Plda
from oolong_align.errors import ModelError

SHAPES = {"mean1": (6,), "lda": (6, 3), "mean2": (3,), "mu": (3,), "tr": (3, 3), "phi": (3,)}


def write(path: Path, **changed: np.ndarray) -> Path:
    rng = np.random.default_rng(5)
    np.savez(path, **{**{name: rng.normal(size=shape) for name, shape in SHAPES.items()}, **changed})
    return path


def test_dimensions_come_from_the_file(tmp_path: Path) -> None:
    plda = Plda.load(write(tmp_path / "plda.npz"))
    assert plda.dimension == 6
    assert plda.transform(np.ones((5, 6), dtype=np.float32)).shape == (5, 3)


def test_length_does_not_matter_if_the_mean_is_zero(tmp_path: Path) -> None:
    plda = Plda.load(write(tmp_path / "plda.npz", mean1=np.zeros(6)))
    embeddings = np.random.default_rng(0).normal(size=(4, 6))
    np.testing.assert_allclose(plda.transform(embeddings), plda.transform(3 * embeddings))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"phi": np.ones(4)}, r"array phi has shape \(4,\), expected \(3,\)"),
        ({"lda": np.ones(6)}, "lda has 1 dimensions"),
        ({"mu": np.array([1.0, np.nan, 1.0])}, "not finite"),
    ],
)
def test_arrays_that_do_not_match_are_refused(changed: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=message):
        Plda.load(write(tmp_path / "plda.npz", **changed))


def test_a_file_may_contain_a_threshold(tmp_path: Path) -> None:
    assert Plda.load(write(tmp_path / "plain.npz")).threshold is None
    assert Plda.load(write(tmp_path / "own.npz", threshold=np.float32(0.75))).threshold == 0.75
    for spoilt in (np.float32(0), np.float32(2.5), np.float32(np.nan)):
        with pytest.raises(ModelError, match=r"threshold \S+ must be above 0 and up to 2"):
            Plda.load(write(tmp_path / "spoilt.npz", threshold=spoilt))
    with pytest.raises(ModelError, match="not a PLDA file"):
        Plda.load(write(tmp_path / "spoilt.npz", threshold=np.ones(3)))


@pytest.mark.parametrize("content", [b"", b"not a zip file", b"PK\x03\x04 broken"])
def test_broken_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "plda.npz").write_bytes(content)
    with pytest.raises(ModelError, match="not a PLDA file"):
        Plda.load(tmp_path / "plda.npz")


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    write(tmp_path / "plda.npz", mu=np.array([Path(), None, 1], dtype=object))
    with pytest.raises(ModelError, match="not a PLDA file"):
        Plda.load(tmp_path / "plda.npz")


def test_a_missing_array_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "plda.npz", mean1=np.ones(3))
    with pytest.raises(ModelError, match="lda"):
        Plda.load(tmp_path / "plda.npz")
