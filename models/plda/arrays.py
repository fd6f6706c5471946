"""Read and write arrays from outside: nothing pickled, every number finite, files whole or not at all."""

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
        If the file cannot be read, holds pickled objects, or lacks one of the names.
    """
    with _loaded(path) as stored:
        if isinstance(stored, np.ndarray):
            raise InputError(f"{path}: one array, where a .npz file with the arrays {', '.join(names)} is needed")
        if missing := [name for name in names if name not in stored]:
            held = ", ".join(stored) or "nothing"
            raise InputError(f"{path}: there is no array {' and no '.join(missing)} (it holds: {held})")
        wanted = [*names, *(name for name in optional if name in stored)]
        try:
            return {name: stored[name] for name in wanted}
        except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, MemoryError) as error:
            raise InputError(f"{path}: an array cannot be read ({error}); nothing pickled is ever loaded") from None


def read_npy(path: Path) -> Array:
    """Read the numbers of one ``.npy`` file.

    Raises
    ------
    InputError
        If the file cannot be read or holds something else than finite numbers.
    """
    with _loaded(path) as stored:
        if not isinstance(stored, np.ndarray):
            raise InputError(f"{path}: several arrays, where a .npy file with one is needed")
        return numbers(stored, f"{path}: the array")


def numbers(values: npt.NDArray[Any], what: str, shape: tuple[int | None, ...] | None = None) -> Array:
    """Give values as ``float64``.

    Parameters
    ----------
    values : ndarray
    what : str
        What a message calls them, with the file's name.
    shape : tuple of int or None, optional
        What they must have; ``None`` in it stands for any size.

    Raises
    ------
    InputError
        If they are not finite real numbers, or have another shape.
    """
    if values.dtype.kind not in "fiu":
        raise InputError(f"{what} has the type {values.dtype}; real numbers are needed")
    if shape is not None and not (
        values.ndim == len(shape) and all(want in (None, have) for have, want in zip(values.shape, shape, strict=True))
    ):
        wanted = " x ".join("any" if size is None else str(size) for size in shape)
        raise InputError(f"{what} has the shape {values.shape}; expected {wanted}")
    converted = values.astype(np.float64)
    finite = np.isfinite(converted)
    if not finite.all():
        row = np.unravel_index(int(np.argmin(finite)), finite.shape)[0] if finite.ndim else 0
        raise InputError(f"{what} holds {int((~finite).sum())} numbers that are not finite, the first in row {row}")
    return converted


def save_plda(path: Path, plda: Plda) -> None:
    """Write a model as float32 arrays without pickle; equal models give equal bytes.

    Raises
    ------
    InputError
        If a number is beyond single precision.
    OutputError
        If the file cannot be written; what was there before stays.
    """
    with np.errstate(over="ignore"):
        arrays: dict[str, Any] = {name: getattr(plda, name).astype(np.float32) for name in PLDA_ARRAYS}
    if beyond := [name for name in PLDA_ARRAYS if not np.isfinite(arrays[name]).all()]:
        raise InputError(
            f"the array {beyond[0]} of the PLDA gets numbers beyond single precision; the input is damaged"
        )
    if plda.threshold is not None:
        arrays["threshold"] = np.float32(plda.threshold)
    save_arrays(path, arrays)


def save_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays by name, under exactly the name that is given.

    Raises
    ------
    OutputError
        If the file cannot be written; what was there before stays.
    """
    try:
        with atomic_path(path) as target, target.open("wb") as file:
            np.savez(file, **arrays)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from None


def _loaded(path: Path) -> AbstractContextManager[Any]:
    """Opened file: a mapping of arrays, closed at the end, or one array."""
    try:
        stored = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except ValueError:  # NumPy's reason advises to load pickles
        raise InputError(f"{path}: no file of NumPy arrays; nothing pickled is ever loaded") from None
    except (OSError, EOFError, zipfile.BadZipFile, MemoryError) as error:
        raise InputError(f"{path}: no file of NumPy arrays ({error}); nothing pickled is ever loaded") from None
    return nullcontext(stored) if isinstance(stored, np.ndarray) else stored
