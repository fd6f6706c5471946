"""Turn the two files of a community-1 style PLDA into the one file that the diarizer reads.

``python models/precompute_plda.py XVEC_TRANSFORM.npz PLDA.npz OUT.npz``
``python models/precompute_plda.py XVEC_TRANSFORM.npz PLDA.npz OUT.npz --check EMBEDDINGS.npy FEATURES.npy PHI.npy``

``XVEC_TRANSFORM.npz`` holds ``mean1 (D,)``, ``lda (D, K)`` and ``mean2 (K,)``; ``PLDA.npz`` holds ``mu (K,)``,
``tr (K, K)`` and ``psi (K,)`` as Kaldi writes them. The output holds the solved model in single precision: see
`oolong_align.diarization.plda.Plda`. Printed are the differences that can be measured without other files, and with
``--check`` those to features and variances that another program has computed. Nothing pickled is ever loaded,
and nothing is trained here; `train_plda.py` does that.
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

WORST_CONDITION = 1e7
"""Of the transform: its covariances have the square."""


def read_originals(xvec_transform: Path, plda: Path) -> dict[str, Array]:
    """Read the arrays of both files, checked against each other.

    Raises
    ------
    InputError
        If a file cannot be read, lacks an array, or has one that is not finite or does not fit the others.
    """
    first, second = read_npz(xvec_transform, ("mean1", "lda", "mean2")), read_npz(plda, ("mu", "tr", "psi"))
    lda = numbers(first["lda"], f"{xvec_transform}: the array lda", (None, None))
    d, k = lda.shape
    shapes = {"mean1": (d,), "mean2": (k,), "mu": (k,), "tr": (k, k), "psi": (k,)}
    files = {"mean1": xvec_transform, "mean2": xvec_transform, "mu": plda, "tr": plda, "psi": plda}
    stored = {**first, **second}
    arrays = {name: numbers(stored[name], f"{files[name]}: the array {name}", shapes[name]) for name in shapes}
    if not (arrays["psi"] > 0).all():
        raise InputError(f"{plda}: the array psi holds variances that are not above 0")
    return {"lda": lda, **arrays}


def within_and_between(arrays: dict[str, Array]) -> tuple[Array, Array]:
    """Covariances of a model as Kaldi stores it, ``(K, K)`` each.

    Raises
    ------
    InputError
        If the transform cannot be inverted.
    """
    tr = arrays["tr"]
    if not tr.size or not np.linalg.cond(tr) < WORST_CONDITION:
        raise InputError("the array tr cannot be inverted; the file is damaged or no PLDA of Kaldi's")
    try:
        with np.errstate(over="ignore", invalid="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error", LinAlgWarning)
            return inv(tr.T @ tr), inv((tr.T / arrays["psi"]) @ tr)
    except (np.linalg.LinAlgError, LinAlgWarning, ValueError) as error:
        raise InputError(f"the arrays tr and psi cannot be inverted ({error}); the file is damaged") from error


def convert(xvec_transform: Path, plda: Path) -> Plda:
    """Read the two files and solve them.

    Raises
    ------
    InputError
        As by `read_originals` and `within_and_between`.
    """
    arrays = read_originals(xvec_transform, plda)
    tr, phi = solve_two_covariance(*within_and_between(arrays))
    return Plda(**{name: arrays[name] for name in ("mean1", "lda", "mean2", "mu")}, tr=tr, phi=phi)


def measure(arrays: dict[str, Array], exact: Plda, stored: Plda) -> dict[str, float]:
    """Largest differences that should be rounding only, by what they are of."""
    within, between = within_and_between(arrays)
    unit = np.eye(exact.dimension) + exact.mean1
    return {
        "tr within tr' to the identity": np.abs(exact.tr @ within @ exact.tr.T - np.eye(len(exact.phi))).max(),
        "tr between tr' to diag(phi)": np.abs(exact.tr @ between @ exact.tr.T - np.diag(exact.phi)).max(),
        "phi to psi in falling order": np.abs(exact.phi - np.sort(arrays["psi"])[::-1]).max(),
        "features of the file to those in double precision": np.abs(
            stored.transform(unit) - exact.transform(unit)
        ).max(),
    }


def compare(plda: Plda, embeddings: Path, features: Path, phi: Path) -> dict[str, float]:
    """Largest differences to features ``(N, K)`` of embeddings ``(N, D)`` and variances ``(K,)`` from elsewhere.

    The sign of a dimension is arbitrary and free here; no score depends on it.

    Raises
    ------
    InputError
        If an array cannot be read or does not fit the model.
    """
    d, k = plda.lda.shape
    rows = numbers(read_npy(embeddings), f"{embeddings}: the array", (None, d))
    expected = numbers(read_npy(features), f"{features}: the array", (len(rows), k))
    variances = numbers(read_npy(phi), f"{phi}: the array", (k,))
    found = plda.transform(rows)
    signs = np.where(np.sum(found * expected, axis=0) < 0, -1.0, 1.0)
    return {
        f"features to {features.name}": np.abs(found * signs - expected).max(initial=0.0),
        f"phi to {phi.name}": np.abs(plda.phi - variances).max(),
        "dimensions of the other sign": float((signs < 0).sum()),
    }


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("xvec_transform", type=Path, metavar="XVEC_TRANSFORM.npz")
    parser.add_argument("plda", type=Path, metavar="PLDA.npz")
    parser.add_argument("out", type=Path, metavar="OUT.npz")
    parser.add_argument("--check", type=Path, nargs=3, metavar=("EMBEDDINGS.npy", "FEATURES.npy", "PHI.npy"))
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
