from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import workshop

from oolong_align.diarization.plda import Plda
from oolong_align.errors import InputError


@pytest.fixture(scope="module")
def scripts() -> SimpleNamespace:
    return workshop.scripts("precompute_plda")


@pytest.mark.data
def test_conversion_reproduces_the_reference_features(repository: Path, data_dir: Path, tmp_path: Path) -> None:
    names = ("train_embeddings", "plda_features", "plda_phi")
    originals = [data_dir / "plda" / name for name in ("xvec_transform.npz", "plda.npz")]
    command = [sys.executable, repository / "models" / "precompute_plda.py", *originals, tmp_path / "vbx_model.npz"]
    check = [data_dir / "parity" / f"pipeline_{name}.npy" for name in names]
    shown = subprocess.run([*command, "--check", *check], check=True, capture_output=True, text=True).stdout
    differences = {name.strip(): float(value) for name, value in (line.split(": ") for line in shown.splitlines()[1:])}
    assert differences.pop("dimensions with opposite sign") == 0
    assert len(differences) == 6
    assert all(value < 1e-5 for value in differences.values()), differences
    assert (tmp_path / "vbx_model.npz").stat().st_size < 250_000
    plda, names = Plda.load(tmp_path / "vbx_model.npz"), ("pipeline_train_embeddings", "pipeline_plda_features")
    rows, expected = (np.load(data_dir / "parity" / f"{name}.npy") for name in names)
    np.testing.assert_allclose(plda.transform(rows), expected, atol=1e-5)


KALDI = {
    "mean1": np.zeros(4),
    "lda": np.eye(4)[:, :2],
    "mean2": np.zeros(2),
    "mu": np.zeros(2),
    "tr": np.array([[1.0, 0.5], [0.0, 2.0]]),
    "psi": np.array([3.0, 1.0]),
}


def write_originals(folder: Path, **change: Any) -> tuple[Path, Path]:
    arrays = {**KALDI, **change}
    paths = folder / "xvec_transform.npz", folder / "plda.npz"
    for path, names in zip(paths, (("mean1", "lda", "mean2"), ("mu", "tr", "psi")), strict=True):
        np.savez(path, **{name: arrays[name] for name in names if arrays[name] is not None})
    return paths


def test_conversion_diagonalises_both_covariances(scripts: SimpleNamespace, tmp_path: Path) -> None:
    paths = write_originals(tmp_path)
    model = scripts.precompute_plda.convert(*paths)
    np.testing.assert_allclose(model.phi, [3.0, 1.0])
    scripts.precompute_plda.save_plda(tmp_path / "out.npz", model)
    arrays = scripts.precompute_plda.read_originals(*paths)
    differences = scripts.precompute_plda.measure(arrays, model, Plda.load(tmp_path / "out.npz"))
    assert max(differences.values()) < 1e-6
    wrong = replace(model, phi=model.phi * 1.1)
    assert scripts.precompute_plda.measure(arrays, wrong, model)["phi vs. psi in descending order"] > 0.09


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"lda": np.zeros(4)}, "Array lda has the shape"),
        ({"mean1": np.zeros(3)}, "Array mean1 has the shape"),
        ({"tr": np.ones((2, 2))}, "Could not invert array tr."),
        ({"psi": np.array([1.0, 0.0])}, "psi contains variances that are not positive"),
        ({"mu": np.array([0.0, np.inf])}, "Array mu contains 1 non-finite numbers"),
        ({"mu": np.array([0, {}], dtype=object)}, "Save it without pickled objects"),
        ({"psi": None}, "Missing arrays: psi"),
        ({"psi": np.array([1e300, 1.0])}, "Could not invert array"),
        ({"psi": np.array([1e300, 1e300])}, "exceeds the range of single precision"),
        ({"tr": KALDI["tr"] * 1e200}, "Could not invert array"),
    ],
)
def test_invalid_originals_are_reported_in_one_line(
    repository: Path, tmp_path: Path, change: dict[str, Any], problem: str
) -> None:
    command = [sys.executable, repository / "models" / "precompute_plda.py", *write_originals(tmp_path, **change)]
    done = subprocess.run([*command, tmp_path / "out.npz"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert problem in done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert not (tmp_path / "out.npz").exists()


def test_the_error_about_an_invalid_file_does_not_recommend_pickle(scripts: SimpleNamespace, tmp_path: Path) -> None:
    first, second = write_originals(tmp_path)
    second.write_text("nonsense")
    with pytest.raises(InputError) as caught:
        scripts.precompute_plda.convert(first, second)
    assert str(caught.value) == f"{second}: Not a NumPy file. Save plain arrays with numpy.save or numpy.savez"
