"""``oolong models``: list, fetch and verify model files."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from oolong_align.cli.commands import SETTINGS
from oolong_align.cli.terminal import Terminal
from oolong_align.errors import HashMismatchError, UsageError
from oolong_align.util.tables import print_table

if TYPE_CHECKING:
    from pathlib import Path

    from oolong_align.weights.manifest import Asset


def _set_quiet(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        _terminal(context).quiet = True


def _shared(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of every command; ``main`` reads ``--debug`` before parsing."""
    quiet = click.option("--quiet", "-q", is_flag=True, expose_value=False, callback=_set_quiet, help="Hide progress.")
    debug = click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
    return quiet(debug(command))


@click.group(context_settings=dict(SETTINGS))
@_shared
def models() -> None:
    """List, fetch and verify model files."""


@models.command("list", short_help="List models.")
@_shared
def list_command() -> None:
    """List bundles and Whisper models with their parts, sizes, licences and locations."""
    from oolong_align.weights import list_model_folder
    from oolong_align.weights.cache import cache_dir
    from oolong_align.weights.manifest import load_manifest

    manifest = load_manifest()
    rows = [("own folder", part, "", "", str(path)) for part, path in list_model_folder().items()]
    for bundle in manifest.bundles.values():
        name = _marked(bundle.name, manifest.default_bundle)
        rows += [_row(name, part, manifest.assets[asset]) for part, asset in bundle.parts.items()]
    for whisper, asset in manifest.whisper.items():
        rows.append(_row(_marked(whisper, manifest.default_whisper), "whisper", manifest.assets[asset]))
    print_table(("name", "part", "size", "licence", "location"), rows, sys.stdout)
    click.echo(f"CACHE: {cache_dir()}")
    for bundle in manifest.bundles.values():
        click.echo(f"{bundle.name}: {bundle.summary}")
    for entry in manifest.assets.values():
        click.echo(f"{entry.name}: {entry.attribution} ({entry.licence}, {entry.homepage})")


def _marked(name: str, default: str) -> str:
    return f"{name} (default)" if name == default else name


def _row(name: str, part: str, asset: Asset) -> tuple[str, str, str, str, str]:
    from oolong_align.weights.cache import cache_dir

    folder, problems = _locate(asset)
    if folder is None:
        where = f"damaged: {problems[0]}" if problems else "not fetched"
    elif asset.package is not None:
        where = "part of the package"
    else:
        where = f"CACHE/{folder.relative_to(cache_dir()).as_posix()}"
    return name, part, f"{asset.size / 1e6:,.1f} MB", asset.licence, where


def _locate(asset: Asset, *, rehash: bool = False) -> tuple[Path | None, list[str]]:
    from oolong_align.weights.cache import find_cached

    if asset.package is None:
        return find_cached(asset, rehash=rehash)
    if asset.package.is_file():
        return asset.package, []
    return None, [f"{asset.package}: File is missing. Reinstall oolong-align."]


@models.command("fetch", short_help="Fetch models.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@_shared
def fetch_command(names: tuple[str, ...]) -> None:
    """Fetch bundles and Whisper models by NAME; without a NAME, the default models.

    NAME is a name in `oolong models list`, another Whisper size, or OWNER/NAME on the Hugging Face Hub. Prints the path
    of each model.
    """
    from oolong_align.transcription.whisper_model import SIZES, fetch_whisper
    from oolong_align.weights import fetch_originals, find_whisper
    from oolong_align.weights.manifest import load_manifest

    manifest = load_manifest()
    names = names or (manifest.default_bundle, manifest.default_whisper)
    fetched = {*manifest.bundles, *manifest.whisper, *SIZES}
    if unknown := [name for name in names if name not in fetched and "/" not in name]:
        known = ", ".join([*manifest.bundles, *manifest.whisper])
        raise UsageError(
            f"Unknown model {', '.join(unknown)}. Available: {known}. For a faster-whisper model on the Hugging Face "
            "Hub, give OWNER/NAME."
        )
    with _terminal(click.get_current_context()).progress() as progress:
        for name in names:
            if name not in manifest.bundles:
                found = find_whisper(name, progress=progress)
                click.echo(f"whisper {name}\t{fetch_whisper(found) if isinstance(found, str) else found}")
                continue
            for part, path in fetch_originals(name, progress=progress).items():
                click.echo(f"{name} {part}\t{path}")
                if convert := manifest.assets[manifest.bundles[name].parts[part]].convert:
                    click.echo(f"{name} {part}: {convert}", err=True)


@models.command("verify", short_help="Verify the hash of every fetched file.")
@_shared
def verify_command() -> None:
    """Verify the SHA-256 hash of every fetched file.

    Derived graphs are compared with the hash recorded when they were built.
    """
    from oolong_align.weights.cache import check_derived, file_hash
    from oolong_align.weights.manifest import load_manifest

    problems = []
    for asset in load_manifest().assets.values():
        folder, found = _locate(asset, rehash=True)
        problems += found
        if found:
            click.echo(f"{asset.name}\tDAMAGED\t{'; '.join(found)}")
        elif folder is None:
            click.echo(f"{asset.name}\tnot fetched")
        elif asset.package is not None:
            click.echo(f"{asset.name}\tpart of the package, sha256 {file_hash(folder)}\t{folder}")
        else:
            click.echo(f"{asset.name}\tok\t{folder}")
    damaged = 0
    for path, intact in check_derived():
        damaged += not intact
        click.echo(f"derived {path.name}\t{'ok' if intact else 'DAMAGED, rebuilt at the next use'}\t{path.parent}")
    if problems:
        raise HashMismatchError(f"Damaged model files: {len(problems)}. Fetch them again with `oolong models fetch`")
    if damaged:
        raise HashMismatchError(f"Damaged derived files: {damaged}. They are rebuilt at the next use.")


@models.command("path", short_help="Print the path of a model.")
@click.argument("name", metavar="PART_OR_NAME")
@click.option("--bundle", metavar="NAME_OR_DIR", help="Bundle of the part; the default bundle if not given.")
@click.option("--model_dir", metavar="DIR", help="Folder to search for models first.")
@_shared
def path_command(name: str, bundle: str | None, model_dir: str | None) -> None:
    """Print the path of a part (segmentation, embedding, plda) or of a Whisper model. Fetch it if needed."""
    from oolong_align.weights import find_bundle, find_whisper
    from oolong_align.weights.manifest import PARTS, load_manifest

    with _terminal(click.get_current_context()).progress() as progress:
        if name in PARTS:
            found = find_bundle(bundle, parts=(name,), model_dir=model_dir, progress=progress)
            path: Path | str = found.files[name]
        else:
            path = find_whisper(name, model_dir=model_dir, progress=progress)
    if isinstance(path, str):
        known = ", ".join([*PARTS, *load_manifest().whisper])
        raise UsageError(
            f"Unknown part or model {name!r}. Available: {known}. For another Whisper model, use `oolong models fetch "
            f"{name}`"
        )
    click.echo(path)


def _terminal(context: click.Context) -> Terminal:
    """Return the terminal of the run, or a new one if the group runs without ``main``."""
    return context.find_object(Terminal) or context.ensure_object(Terminal)
