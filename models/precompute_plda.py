"""Turn the two files of a community-1 style PLDA into the one file that the diarizer reads.

``python models/precompute_plda.py XVEC_TRANSFORM.npz PLDA.npz vbx_model.npz``

``XVEC_TRANSFORM.npz`` holds ``mean1 (D,)``, ``lda (D, K)`` and ``mean2 (K,)``; ``PLDA.npz`` holds ``mu (K,)``,
``tr (K, K)`` and ``psi (K,)`` as Kaldi writes them. The output holds the solved model in single precision: see
`oolong_align.plda.Plda`. Nothing is trained here; `train_plda.py` does that.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh, inv

from oolong_align.plda import Plda

Array: TypeAlias = npt.NDArray[np.float64]

PLDA_ARRAYS = ("mean1", "lda", "mean2", "mu", "tr", "phi")


def solve_two_covariance(within: Array, between: Array) -> tuple[Array, Array]:
    """Diagonalise both covariances of a two-covariance model at once.

    Parameters
    ----------
    within, between : ndarray, shape (K, K)
        Symmetric; ``within`` positive definite.

    Returns
    -------
    tr : ndarray, shape (K, K)
        ``tr @ within @ tr.T`` is the identity and ``tr @ between @ tr.T`` is ``diag(phi)``. The sign of a row is
        arbitrary: it is the one that LAPACK gives.
    phi : ndarray, shape (K,)
        Between-speaker variances, falling.
    """
    variances, vectors = eigh(between, within)
    return vectors.T[::-1].copy(), variances[::-1].copy()


def save_plda(path: Path, plda: Plda) -> None:
    """Write a model as float32 arrays without pickle; equal models give equal bytes."""
    arrays: dict[str, Any] = {name: getattr(plda, name).astype(np.float32) for name in PLDA_ARRAYS}
    with path.open("wb") as file:
        np.savez(file, **arrays)


def convert(xvec_transform: Path, plda: Path) -> Plda:
    """Read the two files and solve them.

    Raises
    ------
    KeyError
        If a file lacks one of its arrays.
    """
    with np.load(xvec_transform, allow_pickle=False) as stored:
        mean1, lda, mean2 = (np.asarray(stored[name], dtype=np.float64) for name in ("mean1", "lda", "mean2"))
    with np.load(plda, allow_pickle=False) as stored:
        mu, kaldi_tr, psi = (np.asarray(stored[name], dtype=np.float64) for name in ("mu", "tr", "psi"))
    tr, phi = solve_two_covariance(inv(kaldi_tr.T @ kaldi_tr), inv((kaldi_tr.T / psi) @ kaldi_tr))
    return Plda(mean1=mean1, lda=lda, mean2=mean2, mu=mu, tr=tr, phi=phi)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("xvec_transform", type=Path, metavar="XVEC_TRANSFORM.npz")
    parser.add_argument("plda", type=Path, metavar="PLDA.npz")
    parser.add_argument("out", type=Path, metavar="OUT.npz")
    arguments = parser.parse_args()
    model = convert(arguments.xvec_transform, arguments.plda)
    save_plda(arguments.out, model)
    print(f"{arguments.out}: {model.lda.shape[0]} -> {model.lda.shape[1]}, {arguments.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
