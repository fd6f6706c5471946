"""Folders of Whisper models in CTranslate2 format."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from oolong_align.errors import ModelNotFoundError
from oolong_align.types import Progress
from oolong_align.weights.bundles import find_model_folder
from oolong_align.weights.fetch import ensure
from oolong_align.weights.manifest import Manifest, load_manifest

_HUB_ID: Final = re.compile(r"[\w.-]+(/[\w.-]+)?")


def find_whisper(
    name: str | os.PathLike[str],
    *,
    model_dir: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    manifest: Manifest | None = None,
) -> Path | str:
    """Find the folder of a Whisper model in CTranslate2 format and download it if needed.

    Parameters
    ----------
    name : str or path
        Name of a Whisper model, or the path of a folder.
    model_dir : str or path, optional
        Folder that may contain ``whisper/NAME``; defaults to ``OOLONG_MODELS``.
    progress, manifest : optional
        As in `find_bundle`.

    Returns
    -------
    Path or str
        The folder, or the unchanged name if only faster-whisper can resolve it (other sizes, Hugging Face names).

    Raises
    ------
    ModelNotFoundError
        If the model cannot be found; the message lists every location tried.
    HashMismatchError
        If a location has a file with another hash and no location has the right one.
    """
    manifest = manifest or load_manifest()
    found = locate_whisper(name, model_dir=model_dir, manifest=manifest)
    if isinstance(found, str) and found in manifest.whisper:
        return ensure(manifest, manifest.whisper[found], progress=progress)
    return found


def locate_whisper(
    name: str | os.PathLike[str],
    *,
    model_dir: str | os.PathLike[str] | None = None,
    manifest: Manifest | None = None,
) -> Path | str:
    """Determine where a Whisper model comes from, without downloading it.

    Parameters
    ----------
    name, model_dir, manifest : optional
        As in `find_whisper`.

    Returns
    -------
    Path or str
        A local folder, or the name if the manifest lists it or only faster-whisper can resolve it.

    Raises
    ------
    ModelNotFoundError
        If it is neither a valid name nor a folder with a model, or the model folder contains no models.
    """
    own = find_model_folder(model_dir)
    if isinstance(name, str):
        if own is not None and (folder := own / "whisper" / name).is_dir():
            return _whisper_folder(folder)
        if name in (manifest or load_manifest()).whisper:
            return name
    folder = Path(name).expanduser()
    # An unrelated folder in the current directory must not hide a model of the same name.
    if folder.is_dir() and (name != folder.name or (folder / "model.bin").is_file()):
        return _whisper_folder(folder)
    if not isinstance(name, str) or not _HUB_ID.fullmatch(name):
        raise ModelNotFoundError(f"No Whisper model at {os.fspath(name)}: no such folder. Check the path")
    return name


def _whisper_folder(folder: Path) -> Path:
    if missing := [name for name in ("model.bin", "config.json") if not (folder / name).is_file()]:
        raise ModelNotFoundError(f"{folder} is not a CTranslate2 Whisper model. Missing: {', '.join(missing)}")
    return folder
