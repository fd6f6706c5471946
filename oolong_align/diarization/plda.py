"""Probabilistic linear discriminant analysis: transforms embeddings to the space of VBx.

References
----------
Landini et al., "Bayesian HMM clustering of x-vector sequences (VBx) in speaker diarization", 2022, section II;
Ioffe, "Probabilistic linear discriminant analysis", 2006.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from oolong_align.errors import ModelError
from oolong_align.util.vectors import unit_rows

Array = npt.NDArray[np.float64]

_ADVICE: Final = "Use the files of one bundle, or export the PLDA again."
_FIELDS: Final = ("mean1", "lda", "mean2", "mu", "tr", "phi")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plda:
    """A trained PLDA: `transform` makes the within-speaker covariance the identity and the between-speaker diagonal.

    Attributes
    ----------
    mean1 : ndarray, shape (D,)
        Mean of the embeddings.
    lda : ndarray, shape (D, K)
    mean2 : ndarray, shape (K,)
    mu : ndarray, shape (K,)
    tr : ndarray, shape (K, K)
        Diagonalising transform; a row for each dimension.
    phi : ndarray, shape (K,)
        Between-speaker variances, in descending order.
    threshold : float or None
        Clustering threshold for pieces, if it differs from `clustering.PIECE_THRESHOLD` for the model's embeddings.
    """

    mean1: Array
    lda: Array
    mean2: Array
    mu: Array
    tr: Array
    phi: Array
    threshold: float | None = None

    @classmethod
    def load(cls, path: Path) -> Plda:
        """Read a ``vbx_model.npz``; dimensions come from the file.

        Raises
        ------
        ModelError
            If an array is missing, is not finite, or does not match the shape of the others.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                arrays = {name: np.asarray(stored[name], dtype=np.float64) for name in _FIELDS}
                threshold = float(stored["threshold"]) if "threshold" in stored else None
        except (OSError, ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile, NotImplementedError) as error:
            raise ModelError(
                f"{path}: not a PLDA file with the arrays {', '.join(_FIELDS)} ({error}). {_ADVICE}"
            ) from error
        model = cls(**arrays, threshold=threshold)
        model._check(path)
        return model

    def _check(self, path: Path) -> None:
        if self.lda.ndim != 2:
            raise ModelError(f"{path}: the array lda has {self.lda.ndim} dimensions, expected 2. {_ADVICE}")
        d, k = self.lda.shape
        expected = {"mean1": (d,), "mean2": (k,), "mu": (k,), "tr": (k, k), "phi": (k,)}
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ModelError(
                    f"{path}: the array {name} has shape {getattr(self, name).shape}, expected {shape}. {_ADVICE}"
                )
        if not all(np.isfinite(getattr(self, name)).all() for name in _FIELDS):
            raise ModelError(f"{path}: the arrays contain values that are not finite. {_ADVICE}")
        if self.threshold is not None and not 0 < self.threshold <= 2:
            raise ModelError(f"{path}: threshold {self.threshold:g} must be above 0 and up to 2. {_ADVICE}")

    @property
    def dimension(self) -> int:
        """Size D of the embeddings that the model accepts."""
        return len(self.mean1)

    def transform(self, embeddings: npt.NDArray[np.floating]) -> Array:
        """Project embeddings, ``(N, D) -> (N, K)``.

        ``x = sqrt(K) l2(sqrt(D) l2(e - mean1) lda - mean2); (x - mu) tr'``
        """
        d, k = self.lda.shape
        centred = np.sqrt(d) * unit_rows(embeddings.astype(np.float64) - self.mean1)
        projected = np.sqrt(k) * unit_rows(centred @ self.lda - self.mean2)
        features: Array = (projected - self.mu) @ self.tr.T
        return features
