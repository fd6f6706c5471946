"""Read and write NumPy files: pickled data is rejected, numbers are finite, and files are written atomically."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from oolong_align.diarization.plda import Plda
from oolong_align.errors import InputError, OutputError
from oolong_align.util.files import atomic_path

Array: TypeAlias = npt.NDArray[np.float64]

PLDA_ARRAYS = ("mean1", "lda", "mean2", "mu", "tr", "phi")


def read_npz(path: Path, names: Collection[str], optional: Collection[str] = ()) -> dict[str, npt.NDArray[Any]]:
    """Read arrays from an ``.npz`` file.

    Raises
    ------
    InputError
        If the file cannot be read, contains pickled objects, or one of the arrays is missing.
    """
    with _open_arrays(path) as stored:
        if isinstance(stored, np.ndarray):
            raise InputError(f"{path}: Expected a .npz file with the arrays {', '.join(names)}, found a single array")
        if missing := [name for name in names if name not in stored]:
            present = ", ".join(stored) or "none"
            raise InputError(f"{path}: Missing arrays: {', '.join(missing)}. Arrays in the file: {present}")
        wanted = [*names, *(name for name in optional if name in stored)]
        try:
            return {name: stored[name] for name in wanted}
        except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, MemoryError) as error:
            raise InputError(f"{path}: Could not read an array ({error}). Save it without pickled objects") from None


def read_npy(path: Path) -> Array:
    """Read the array of a ``.npy`` file.

    Raises
    ------
    InputError
        If the file cannot be read, or contains anything other than one array of finite numbers.
    """
    with _open_arrays(path) as stored:
        if not isinstance(stored, np.ndarray):
            raise InputError(f"{path}: Expected a .npy file with one array, found several arrays")
        return numbers(stored, f"{path}: Array")


def numbers(values: npt.NDArray[Any], what: str, shape: tuple[int | None, ...] | None = None) -> Array:
    """Convert values to ``float64`` and check them.

    Parameters
    ----------
    values : ndarray
    what : str
        File and array name for error messages.
    shape : tuple of int or None, optional
        Required shape. ``None`` allows any size.

    Raises
    ------
    InputError
        If a value is not a finite real number, or the shape differs.
    """
    if values.dtype.kind not in "fiu":
        raise InputError(f"{what} has the type {values.dtype}. Expected real numbers")
    if shape is not None and not (
        values.ndim == len(shape) and all(want in (None, have) for have, want in zip(values.shape, shape, strict=True))
    ):
        wanted = " x ".join("any" if size is None else str(size) for size in shape)
        raise InputError(f"{what} has the shape {values.shape}. Expected {wanted}")
    converted = values.astype(np.float64)
    finite = np.isfinite(converted)
    if not finite.all():
        row = np.unravel_index(int(np.argmin(finite)), finite.shape)[0] if finite.ndim else 0
        raise InputError(f"{what} contains {int((~finite).sum())} non-finite numbers, the first in row {row}")
    return converted


def save_plda(path: Path, plda: Plda) -> None:
    """Write a model as float32 arrays without pickled objects. Equal models produce equal bytes.

    Raises
    ------
    InputError
        If a number exceeds the range of single precision.
    OutputError
        If the file cannot be written. An existing file stays unchanged.
    """
    with np.errstate(over="ignore"):
        arrays: dict[str, Any] = {name: getattr(plda, name).astype(np.float32) for name in PLDA_ARRAYS}
    if overflowing := [name for name in PLDA_ARRAYS if not np.isfinite(arrays[name]).all()]:
        raise InputError(
            f"Array {overflowing[0]} of the PLDA exceeds the range of single precision. Check the input for damage"
        )
    if plda.threshold is not None:
        arrays["threshold"] = np.float32(plda.threshold)
    save_arrays(path, arrays)


def save_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays by name to exactly this path; no suffix is added.

    Raises
    ------
    OutputError
        If the file cannot be written. An existing file stays unchanged.
    """
    try:
        with atomic_path(path) as target, target.open("wb") as file:
            np.savez(file, **arrays)
    except OSError as error:
        raise OutputError(f"Could not write {path}: {error.strerror or error}") from None


def _open_arrays(path: Path) -> AbstractContextManager[Any]:
    """Open a file as a context manager that yields a mapping of arrays or a single array."""
    try:
        stored = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise InputError(f"{path}: File not found. Check the path") from None
    except ValueError:  # NumPy's message recommends enabling pickle
        raise InputError(f"{path}: Not a NumPy file. Save plain arrays with numpy.save or numpy.savez") from None
    except (OSError, EOFError, zipfile.BadZipFile, MemoryError) as error:
        raise InputError(f"{path}: Could not read NumPy arrays ({error}). Check the file") from None
    return nullcontext(stored) if isinstance(stored, np.ndarray) else stored
