"""Bundles: the segmentation model, the embedding model and the PLDA that work together."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from oolong_align.errors import HashMismatchError, ModelError, ModelNotFoundError
from oolong_align.types import Progress
from oolong_align.weights.cache import file_hash
from oolong_align.weights.fetch import ensure
from oolong_align.weights.manifest import PARTS, Manifest, load_manifest

LAYOUT: Final = {
    "segmentation": "segmentation/model.onnx",
    "embedding": "embedding/model.onnx",
    "plda": "plda/vbx_model.npz",
}
"""Path of each part in a model folder."""
_ENVIRONMENT: Final = "OOLONG_MODELS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Model files that belong together.

    Attributes
    ----------
    name : str
        Name in the manifest, name of the model folder, or ``custom`` if the caller replaced single files.
    files : mapping of str to Path
        Path of each requested part: ``segmentation``, ``embedding``, ``plda``.
    hashes : mapping of str to str
        Hexadecimal SHA-256 of each of these files.
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
    """Find the files of a bundle and download them if needed.

    Parameters
    ----------
    bundle : str or path, optional
        Name of a bundle in the manifest, or a folder. Defaults to the folder ``model_dir`` if it holds a bundle,
        otherwise to the manifest's default bundle.
    parts : collection of str
        Parts to find; others are not downloaded.
    model_dir : str or path, optional
        Model folder; defaults to ``OOLONG_MODELS``. Together with a bundle name, this folder is searched first, and
        its files must have the hashes listed in the manifest.
    progress : callable, optional
        Called as ``progress("fetch NAME", done_bytes, total_bytes)`` during downloads.
    manifest : Manifest, optional
        Downloadable models; defaults to the manifest of this package.

    Raises
    ------
    ModelNotFoundError
        If a part cannot be found; the message lists every location tried.
    HashMismatchError
        If a location has a file with another hash and no location has the right one.
    """
    if unknown := sorted(set(parts) - set(PARTS)):
        raise ValueError(f"Unknown parts {unknown}. Available: {', '.join(PARTS)}")
    wanted = [part for part in PARTS if part in parts]
    manifest = manifest or load_manifest()
    own = find_model_folder(model_dir)
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
            raise ModelNotFoundError(
                f"Unknown bundle {os.fspath(bundle)!r}: no such folder. Available bundles: {known}"
            )
        return _folder_bundle(folder, wanted)
    local = own if bundle is not None else None
    files = {part: _find_part(manifest, name, part, local, progress) for part in wanted}
    return Bundle(name=name, files=files, hashes={part: file_hash(path) for part, path in files.items()})


def find_files(
    bundle: str | os.PathLike[str] | None,
    given: Mapping[str, str | os.PathLike[str] | None],
    *,
    model_dir: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Bundle:
    """Use the given files, and the files of a bundle for each part whose path is ``None``.

    Raises
    ------
    ModelNotFoundError
        If a given file does not exist, or another part cannot be found.
    """
    own = {part: Path(path) for part, path in given.items() if path is not None}
    for part, path in own.items():
        if not path.is_file():
            raise ModelNotFoundError(f"No {part} model at {path}. Check the path")
    missing = tuple(part for part in given if part not in own)
    found = find_bundle(bundle, parts=missing, model_dir=model_dir, progress=progress) if missing else None
    return Bundle(
        name=found.name if found and not own else "custom",
        files={**(found.files if found else {}), **own},
        hashes={**(found.hashes if found else {}), **{part: file_hash(path) for part, path in own.items()}},
    )


def fetch_originals(
    bundle: str, *, progress: Progress | None = None, manifest: Manifest | None = None
) -> dict[str, Path]:
    """Download the published files of a bundle, including files that must be converted before use.

    Parameters
    ----------
    bundle : str
        Name in the manifest.
    progress, manifest : optional
        As in `find_bundle`.

    Returns
    -------
    dict of str to Path
        For each part, the file or the folder with the publisher's files.

    Raises
    ------
    ModelNotFoundError, HashMismatchError
        As in `find_bundle`.
    """
    manifest = manifest or load_manifest()
    if bundle not in manifest.bundles:
        raise ModelNotFoundError(f"Unknown bundle {bundle!r}. Available: {', '.join(manifest.bundles)}")
    parts = manifest.bundles[bundle].parts
    return {part: ensure(manifest, asset, progress=progress) for part, asset in parts.items()}


def list_model_folder(model_dir: str | os.PathLike[str] | None = None) -> dict[str, Path]:
    """List the contents of the model folder: the file of each part, and each Whisper model as ``whisper/NAME``.

    Parameters
    ----------
    model_dir : str or path, optional
        Defaults to ``OOLONG_MODELS``; the result is empty if neither is set.

    Raises
    ------
    ModelNotFoundError
        If the folder does not exist or contains no models.
    """
    own = find_model_folder(model_dir)
    if own is None:
        return {}
    found = {part: own / path for part, path in LAYOUT.items() if (own / path).is_file()}
    return found | {f"whisper/{path.parent.name}": path.parent for path in sorted(own.glob("whisper/*/model.bin"))}


def find_model_folder(model_dir: str | os.PathLike[str] | None) -> Path | None:
    """Return the user's model folder, ``None`` if neither ``model_dir`` nor ``OOLONG_MODELS`` is set.

    Raises
    ------
    ModelNotFoundError
        If the folder does not exist or contains neither a bundle nor Whisper models.
    """
    given = model_dir or os.environ.get(_ENVIRONMENT)
    if not given:
        return None
    folder = Path(given).expanduser()
    origin = "" if model_dir else f" ({_ENVIRONMENT})"
    if not folder.is_dir():
        raise ModelNotFoundError(f"Model folder {folder}{origin} does not exist. Check the path")
    if not _has_parts(folder) and not (folder / "whisper").is_dir():
        layout = ", ".join([*LAYOUT.values(), "whisper/NAME/"])
        raise ModelNotFoundError(f"Model folder {folder}{origin} contains no models. Expected: {layout}")
    return folder


def _has_parts(folder: Path) -> bool:
    return any((folder / path).is_file() for path in LAYOUT.values())


def _folder_bundle(folder: Path, parts: Collection[str]) -> Bundle:
    files = {part: folder / LAYOUT[part] for part in parts}
    if missing := [LAYOUT[part] for part, path in files.items() if not path.is_file()]:
        raise ModelNotFoundError(f"Model folder {folder} is incomplete. Missing: {', '.join(missing)}")
    hashes = {part: file_hash(path) for part, path in files.items()}
    return Bundle(name=folder.resolve().name, files=files, hashes=hashes)


def _find_part(manifest: Manifest, bundle: str, part: str, own: Path | None, progress: Progress | None) -> Path:
    asset = manifest.assets[manifest.bundles[bundle].parts[part]]
    tried: list[ModelError] = []
    if own is not None and asset.package is None:
        path = own / LAYOUT[part]
        if not path.is_file():
            tried.append(ModelNotFoundError(f"{path}: file not found"))
        # The manifest lists the hashes of the published files, not of converted ones.
        elif asset.convert or file_hash(path) in {file.sha256 for files in asset.editions for file in files}:
            return path
        else:
            tried.append(HashMismatchError(f"{path}: SHA-256 does not match the {part} model of bundle {bundle}"))
    found = ensure(manifest, asset.name, tried=tried, progress=progress)
    if asset.package is not None:
        return found
    if asset.convert is not None:
        raise ModelError(f"Downloaded the {part} model of bundle {bundle} to {found}, but {asset.convert}")
    return found / asset.files[0].name
