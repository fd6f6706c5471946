"""Convert the two PLDA files of pyannote's community-1 pipeline to the single file that the diarizer reads.

``python models/precompute_plda.py XVEC_TRANSFORM.npz PLDA.npz OUT.npz``
``python models/precompute_plda.py XVEC_TRANSFORM.npz PLDA.npz OUT.npz --check EMBEDDINGS.npy FEATURES.npy PHI.npy``

``XVEC_TRANSFORM.npz`` contains ``mean1 (D,)``, ``lda (D, K)`` and ``mean2 (K,)``. ``PLDA.npz`` contains ``mu (K,)``,
``tr (K, K)`` and ``psi (K,)`` in Kaldi's form. The output contains the solved model in single precision, as described
in `oolong_align.diarization.plda.Plda`. The script prints the rounding errors of the conversion. With ``--check``, it
also prints the differences from features and variances of another program. Pickled data is never loaded. To train a
PLDA, use `train_plda.py`.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from command_line import check_outputs, run
from plda.arrays import numbers, read_npy, read_npz, save_plda
from plda.training import solve_two_covariance
from scipy.linalg import LinAlgWarning, inv

from oolong_align.diarization.plda import Plda
from oolong_align.errors import InputError

Array: TypeAlias = npt.NDArray[np.float64]

MAX_CONDITION = 1e7
"""Largest condition number of the transform. That of the covariances is its square."""


def read_originals(xvec_transform: Path, plda: Path) -> dict[str, Array]:
    """Read the arrays of both files and check that their shapes match.

    Raises
    ------
    InputError
        If a file cannot be read, an array is missing or not finite, or the shapes do not match.
    """
    first, second = read_npz(xvec_transform, ("mean1", "lda", "mean2")), read_npz(plda, ("mu", "tr", "psi"))
    lda = numbers(first["lda"], f"{xvec_transform}: Array lda", (None, None))
    d, k = lda.shape
    shapes = {"mean1": (d,), "mean2": (k,), "mu": (k,), "tr": (k, k), "psi": (k,)}
    files = {"mean1": xvec_transform, "mean2": xvec_transform, "mu": plda, "tr": plda, "psi": plda}
    stored = {**first, **second}
    arrays = {name: numbers(stored[name], f"{files[name]}: Array {name}", shapes[name]) for name in shapes}
    if not (arrays["psi"] > 0).all():
        raise InputError(f"{plda}: Array psi contains variances that are not positive. Check the file for damage")
    return {"lda": lda, **arrays}


def within_and_between(arrays: dict[str, Array]) -> tuple[Array, Array]:
    """Within- and between-speaker covariances ``(K, K)`` of a model in Kaldi's form.

    Raises
    ------
    InputError
        If the transform cannot be inverted.
    """
    tr = arrays["tr"]
    if not tr.size or not np.linalg.cond(tr) < MAX_CONDITION:
        raise InputError("Could not invert array tr. Check that the file is an undamaged Kaldi PLDA")
    try:
        with np.errstate(over="ignore", invalid="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error", LinAlgWarning)
            return inv(tr.T @ tr), inv((tr.T / arrays["psi"]) @ tr)
    except (np.linalg.LinAlgError, LinAlgWarning, ValueError) as error:
        raise InputError(f"Could not invert arrays tr and psi ({error}). Check the file for damage") from error


def convert(xvec_transform: Path, plda: Path) -> Plda:
    """Read both files and solve the model.

    Raises
    ------
    InputError
        If a file is invalid or the transform cannot be inverted.
    """
    arrays = read_originals(xvec_transform, plda)
    tr, phi = solve_two_covariance(*within_and_between(arrays))
    return Plda(**{name: arrays[name] for name in ("mean1", "lda", "mean2", "mu")}, tr=tr, phi=phi)


def measure(arrays: dict[str, Array], exact: Plda, stored: Plda) -> dict[str, float]:
    """Largest rounding errors of the conversion by description."""
    within, between = within_and_between(arrays)
    unit = np.eye(exact.dimension) + exact.mean1
    return {
        "tr within tr' vs. the identity": np.abs(exact.tr @ within @ exact.tr.T - np.eye(len(exact.phi))).max(),
        "tr between tr' vs. diag(phi)": np.abs(exact.tr @ between @ exact.tr.T - np.diag(exact.phi)).max(),
        "phi vs. psi in descending order": np.abs(exact.phi - np.sort(arrays["psi"])[::-1]).max(),
        "features in single vs. double precision": np.abs(stored.transform(unit) - exact.transform(unit)).max(),
    }


def compare(plda: Plda, embeddings: Path, features: Path, phi: Path) -> dict[str, float]:
    """Largest differences from another program's features ``(N, K)`` of embeddings ``(N, D)`` and variances ``(K,)``.

    The sign of each dimension is arbitrary and does not affect scores, so the comparison ignores it.

    Raises
    ------
    InputError
        If an array cannot be read or does not match the model.
    """
    d, k = plda.lda.shape
    rows = numbers(read_npy(embeddings), f"{embeddings}: Array", (None, d))
    expected = numbers(read_npy(features), f"{features}: Array", (len(rows), k))
    variances = numbers(read_npy(phi), f"{phi}: Array", (k,))
    found = plda.transform(rows)
    signs = np.where(np.sum(found * expected, axis=0) < 0, -1.0, 1.0)
    return {
        f"features vs. {features.name}": np.abs(found * signs - expected).max(initial=0.0),
        f"phi vs. {phi.name}": np.abs(plda.phi - variances).max(),
        "dimensions with opposite sign": float((signs < 0).sum()),
    }


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("xvec_transform", type=Path, metavar="XVEC_TRANSFORM.npz", help="means and LDA")
    parser.add_argument("plda", type=Path, metavar="PLDA.npz", help="PLDA in Kaldi's form")
    parser.add_argument("out", type=Path, metavar="OUT.npz", help="output file")
    parser.add_argument(
        "--check",
        type=Path,
        nargs=3,
        metavar=("EMBEDDINGS.npy", "FEATURES.npy", "PHI.npy"),
        help="embeddings, and their features and variances from another program, to compare with",
    )
    arguments = parser.parse_args()
    originals = (arguments.xvec_transform, arguments.plda)
    check_outputs([arguments.out], [*originals, *(arguments.check or ())])
    model = convert(*originals)
    with TemporaryDirectory() as scratch:
        written = Path(scratch, "vbx_model.npz")
        save_plda(written, model)
        stored = Plda.load(written)
        differences = measure(read_originals(*originals), model, stored)
        if arguments.check:
            differences |= compare(stored, *arguments.check)
    save_plda(arguments.out, model)
    print(f"{arguments.out}: {model.lda.shape[0]} -> {model.lda.shape[1]}, {arguments.out.stat().st_size} bytes")
    for name, value in differences.items():
        print(f"  {name}: {value:.2g}")


if __name__ == "__main__":
    run(main)
