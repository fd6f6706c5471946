"""A bundle in which the caller replaced single files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from oolong_align.errors import ModelNotFoundError
from oolong_align.types import Progress
from oolong_align.weights import Bundle, file_hash, find_bundle


def find_files(
    bundle: str | os.PathLike[str] | None,
    given: Mapping[str, str | os.PathLike[str] | None],
    *,
    model_dir: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Bundle:
    """Take the files that are given, and the bundle's for the parts whose path is ``None``.

    Raises
    ------
    ModelNotFoundError
        If a given file is not there, or no source has another one.
    """
    own = {part: Path(path) for part, path in given.items() if path is not None}
    for part, path in own.items():
        if not path.is_file():
            raise ModelNotFoundError(f"no {part} model at {path}; check the path")
    missing = tuple(part for part in given if part not in own)
    found = find_bundle(bundle, parts=missing, model_dir=model_dir, progress=progress) if missing else None
    return Bundle(
        name=found.name if found and not own else "custom",
        files={**(found.files if found else {}), **own},
        hashes={**(found.hashes if found else {}), **{part: file_hash(path) for part, path in own.items()}},
    )
