"""Download a model bundle into a folder for ``--model_dir``.

``python models/download.py open models/open``
``HF_TOKEN=... python models/download.py community-1 models/community-1``

``oolong_align/models.toml`` lists the bundles and their sources. The files are verified by SHA-256 and kept in the
program's cache. Other formats are converted: a PyTorch checkpoint by `export_onnx.py`, which needs torch
(``pip install '.[models]'``), and a PLDA in two files by `precompute_plda.py`. If a step fails, no folder is written::

    segmentation/model.onnx
    embedding/model.onnx
    plda/vbx_model.npz
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from precompute_plda import convert, save_plda

from oolong_align.errors import OolongError, OutputError, UsageError
from oolong_align.weights import LAYOUT, fetch_originals, file_hash
from oolong_align.weights.manifest import Asset, Manifest, load_manifest

PLDA_PAIR: Final = ("xvec_transform.npz", "plda.npz")


def download(bundle: str, folder: Path, *, manifest: Manifest | None = None) -> dict[str, Path]:
    """Fetch a bundle, convert its files if necessary, and write the folder.

    Parameters
    ----------
    bundle : str
        Name in the manifest.
    folder : Path
        New or empty.
    manifest : Manifest, optional
        Default: the manifest of the package.

    Returns
    -------
    dict of str to Path
        File of each part of the bundle.

    Raises
    ------
    ModelNotFoundError, HashMismatchError
        If the bundle is unknown, or if no source provides one of its files or grants access to it.
    UsageError
        If the folder is not empty or is the current one, or if torch is required and missing.
    OutputError
        If the folder cannot be written.
    """
    manifest = manifest or load_manifest()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder}: Already exists. Choose a new or empty folder")
    final = folder.resolve()  # follows links
    if final == Path.cwd():
        raise UsageError(f"{folder}: This is the current folder, which cannot be replaced. Choose a new folder")
    if bundle in manifest.bundles:
        for part, name in manifest.bundles[bundle].parts.items():
            if part != "plda" and manifest.assets[name].convert is not None:
                _require_torch(bundle, part)
    originals = fetch_originals(bundle, manifest=manifest)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=final.parent, prefix=f".{final.name}.") as scratch:
            work = Path(scratch, "bundle")
            for part, name in manifest.bundles[bundle].parts.items():
                target = work / LAYOUT[part]
                target.parent.mkdir(parents=True)
                _write_part(part, manifest.assets[name], originals[part], target)
            if final.exists():
                final.rmdir()
            work.rename(final)
    except OSError as error:
        raise OutputError(f"{folder}: Could not be written: {error.strerror or error}") from error
    return {part: folder / path for part, path in LAYOUT.items()}


def _write_part(part: str, asset: Asset, original: Path, target: Path) -> None:
    """Write one part. ``original`` is its file, or the folder with the publisher's files."""
    files = [original] if asset.package is not None else [original / file.name for file in asset.files]
    if asset.convert is None:
        shutil.copyfile(files[0], target)
    elif part == "plda":
        save_plda(target, convert(*(original / name for name in PLDA_PAIR)))
    else:
        import export_onnx

        network, difference = export_onnx.export(files[0], target, export_onnx.read_audio(export_onnx.MEETING))
        print(f"{part}: {network.name}, max difference from PyTorch {difference:.1e}")


def _require_torch(bundle: str, part: str) -> None:
    try:
        import torch  # noqa: F401
    except ModuleNotFoundError as error:
        raise UsageError(
            f"The {part} of {bundle} is published as a PyTorch checkpoint, and converting it to ONNX requires torch. "
            "Run pip install '.[models]' in the checkout"
        ) from error


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", metavar="BUNDLE", help=f"one of {', '.join(load_manifest().bundles)}")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="output folder, new or empty")
    given = parser.parse_args(arguments)
    try:
        files = download(given.bundle, given.folder)
    except OolongError as error:
        parser.exit(error.exit_code, f"{parser.prog}: {error}\n")
    for part, path in files.items():
        print(f"{part}: {path} sha256 {file_hash(path)}")


if __name__ == "__main__":
    main()
