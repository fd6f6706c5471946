"""Find, fetch and verify the files of models: bundles for diarization, folders for Whisper.

The places, in order: a folder of the user's own (``model_dir``, ``OOLONG_MODELS``), the cache (``OOLONG_CACHE``),
then the sources that the manifest lists for the file. The first that gives the bytes that the manifest names wins;
other bytes are never used. Nothing is loaded here: that is the work of whoever asked for the path.

A folder of the user's own is a bundle itself and is not compared with the manifest::

    segmentation/model.onnx
    embedding/model.onnx
    plda/vbx_model.npz
    whisper/NAME/             optional: CTranslate2 models by name
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from oolong_align.errors import HashMismatchError, ModelError, ModelNotFoundError
from oolong_align.types import Progress
from oolong_align.weights.cache import derive, file_hash
from oolong_align.weights.fetch import ensure
from oolong_align.weights.manifest import PARTS, Manifest, load_manifest

__all__ = [
    "LAYOUT",
    "Bundle",
    "derive",
    "fetch_originals",
    "file_hash",
    "find_bundle",
    "find_whisper",
    "locate_whisper",
    "own_models",
]

LAYOUT: Final = {
    "segmentation": "segmentation/model.onnx",
    "embedding": "embedding/model.onnx",
    "plda": "plda/vbx_model.npz",
}
"""File of each part in a folder of the user's own."""
_ENVIRONMENT: Final = "OOLONG_MODELS"
_HUB_ID: Final = re.compile(r"[\w.-]+(/[\w.-]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Model files that belong together.

    Attributes
    ----------
    name : str
        Name in the manifest, or the folder's name.
    files : mapping of str to Path
        Path of each part that was asked for: ``segmentation``, ``embedding``, ``plda``.
    hashes : mapping of str to str
        SHA-256 of each of these files in hex.
    """

    name: str
    files: Mapping[str, Path]
    hashes: Mapping[str, str]


def find_bundle(
    bundle: str | os.PathLike[str] | None = None,
    *,
    parts: Collection[str] = PARTS,
    model_dir: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    manifest: Manifest | None = None,
) -> Bundle:
    """Give the files of a bundle, fetched if needed.

    Parameters
    ----------
    bundle : str or path, optional
        Name of a bundle of the manifest, or a folder. By default the folder ``model_dir``, if that holds a bundle,
        otherwise the manifest's default bundle.
    parts : collection of str
        Only these parts are looked for and fetched.
    model_dir : str or path, optional
        Folder of the user's own; ``OOLONG_MODELS`` where it is not given. With a bundle's name it is the first place
        to look, and its files must then be the ones that the manifest names.
    progress : callable, optional
        Called as ``progress("fetch NAME", done_bytes, total_bytes)`` while files are fetched.
    manifest : Manifest, optional
        What can be fetched; the program's own where it is not given.

    Raises
    ------
    ModelNotFoundError
        If a part is in no place; the message lists all that were tried.
    HashMismatchError
        If a place has a part with other bytes, and no place has the right ones.
    """
    if unknown := sorted(set(parts) - set(PARTS)):
        raise ValueError(f"unknown parts {unknown}: a bundle has {', '.join(PARTS)}")
    wanted = [part for part in PARTS if part in parts]
    manifest = manifest or load_manifest()
    own = _own_folder(model_dir)
    if bundle is None:
        if own is not None and _has_parts(own):
            return _folder_bundle(own, wanted)
        name = manifest.default_bundle
    elif isinstance(bundle, str) and bundle in manifest.bundles:
        name = bundle
    else:
        folder = Path(bundle).expanduser()
        if not folder.is_dir():
            known = ", ".join(manifest.bundles)
            raise ModelNotFoundError(f"{os.fspath(bundle)!r} is neither a bundle ({known}) nor a folder with models")
        return _folder_bundle(folder, wanted)
    local = own if bundle is not None else None
    files = {part: _part(manifest, name, part, local, progress) for part in wanted}
    return Bundle(name=name, files=files, hashes={part: file_hash(path) for part, path in files.items()})


def find_whisper(
    name: str | os.PathLike[str],
    *,
    model_dir: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    manifest: Manifest | None = None,
) -> Path | str:
    """Give the folder of a Whisper model in CTranslate2's format, fetched if needed.

    Parameters
    ----------
    name : str or path
        Name of a Whisper model, or the path of a folder.
    model_dir : str or path, optional
        Folder that may hold it as ``whisper/NAME``; ``OOLONG_MODELS`` where it is not given.
    progress, manifest : optional
        As in `find_bundle`.

    Returns
    -------
    Path or str
        A folder; or the name itself, if only faster-whisper can resolve it (other sizes, names on the hub).

    Raises
    ------
    ModelNotFoundError
        If it is in no place; the message lists all that were tried.
    HashMismatchError
        If a place has it with other bytes, and no place has the right ones.
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
    """Tell where a Whisper model will come from; nothing is fetched.

    Parameters
    ----------
    name, model_dir, manifest : optional
        As in `find_whisper`.

    Returns
    -------
    Path or str
        A folder of the user's; or the name, if the manifest has it or only faster-whisper can resolve it.

    Raises
    ------
    ModelNotFoundError
        If it can be no name and is no folder with a model, or the user's own folder holds none.
    """
    own = _own_folder(model_dir)
    if isinstance(name, str):
        if own is not None and (folder := own / "whisper" / name).is_dir():
            return _whisper_folder(folder)
        if name in (manifest or load_manifest()).whisper:
            return name
    folder = Path(name).expanduser()
    # Whatever folder is here by chance must not hide a model of that name.
    if folder.is_dir() and (name != folder.name or (folder / "model.bin").is_file()):
        return _whisper_folder(folder)
    if not isinstance(name, str) or not _HUB_ID.fullmatch(name):
        raise ModelNotFoundError(f"{os.fspath(name)}: there is no such folder with a Whisper model")
    return name


def fetch_originals(
    bundle: str, *, progress: Progress | None = None, manifest: Manifest | None = None
) -> dict[str, Path]:
    """Fetch all that a bundle of the manifest is published as, also what must be converted before it runs.

    Parameters
    ----------
    bundle : str
        Name in the manifest.
    progress, manifest : optional
        As in `find_bundle`.

    Returns
    -------
    dict of str to Path
        For each part the file, or the folder with the publisher's files.

    Raises
    ------
    ModelNotFoundError, HashMismatchError
        As in `find_bundle`.
    """
    manifest = manifest or load_manifest()
    if bundle not in manifest.bundles:
        raise ModelNotFoundError(f"there is no bundle {bundle!r}, only {', '.join(manifest.bundles)}")
    parts = manifest.bundles[bundle].parts
    return {part: ensure(manifest, asset, progress=progress) for part, asset in parts.items()}


def own_models(model_dir: str | os.PathLike[str] | None = None) -> dict[str, Path]:
    """List what the user's own folder holds: each part's file, and each Whisper model's folder as ``whisper/NAME``.

    Parameters
    ----------
    model_dir : str or path, optional
        ``OOLONG_MODELS`` where it is not given; without either there is nothing.

    Raises
    ------
    ModelNotFoundError
        If the folder is not there or holds no model.
    """
    own = _own_folder(model_dir)
    if own is None:
        return {}
    found = {part: own / path for part, path in LAYOUT.items() if (own / path).is_file()}
    return found | {f"whisper/{path.parent.name}": path.parent for path in sorted(own.glob("whisper/*/model.bin"))}


def _own_folder(model_dir: str | os.PathLike[str] | None) -> Path | None:
    """Give the user's own folder, which must hold a bundle or Whisper models."""
    given = model_dir or os.environ.get(_ENVIRONMENT)
    if not given:
        return None
    folder = Path(given).expanduser()
    origin = "" if model_dir else f" ({_ENVIRONMENT})"
    if not folder.is_dir():
        raise ModelNotFoundError(f"{folder}{origin}: there is no such folder")
    if not _has_parts(folder) and not (folder / "whisper").is_dir():
        layout = ", ".join([*LAYOUT.values(), "whisper/NAME/"])
        raise ModelNotFoundError(f"{folder}{origin}: holds no model; expected there: {layout}")
    return folder


def _has_parts(folder: Path) -> bool:
    return any((folder / path).is_file() for path in LAYOUT.values())


def _folder_bundle(folder: Path, parts: Collection[str]) -> Bundle:
    files = {part: folder / LAYOUT[part] for part in parts}
    if missing := [LAYOUT[part] for part, path in files.items() if not path.is_file()]:
        raise ModelNotFoundError(f"{folder}: there is no {' and no '.join(missing)}")
    hashes = {part: file_hash(path) for part, path in files.items()}
    return Bundle(name=folder.resolve().name, files=files, hashes=hashes)


def _whisper_folder(folder: Path) -> Path:
    if missing := [name for name in ("model.bin", "config.json") if not (folder / name).is_file()]:
        raise ModelNotFoundError(f"{folder}: not a CTranslate2 Whisper model, there is no {' and no '.join(missing)}")
    return folder


def _part(manifest: Manifest, bundle: str, part: str, own: Path | None, progress: Progress | None) -> Path:
    asset = manifest.assets[manifest.bundles[bundle].parts[part]]
    tried: list[ModelError] = []
    if own is not None and asset.package is None:
        path = own / LAYOUT[part]
        if not path.is_file():
            tried.append(ModelNotFoundError(f"{path}: not there"))
        # What was made of the published file has bytes of its own.
        elif asset.convert or file_hash(path) in {file.sha256 for files in asset.editions for file in files}:
            return path
        else:
            tried.append(HashMismatchError(f"{path}: has other bytes than the {part} of the bundle {bundle}"))
    found = ensure(manifest, asset.name, tried=tried, progress=progress)
    if asset.package is not None:
        return found
    if asset.convert is not None:
        raise ModelError(f"the {part} of the bundle {bundle} was fetched to {found}, but {asset.convert}")
    return found / asset.files[0].name
