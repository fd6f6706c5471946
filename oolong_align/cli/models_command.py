"""``oolong models``: what can be fetched, what is here, and whether its bytes are right."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

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
    """Add the options that every command has; ``main`` has read ``--debug``."""
    quiet = click.option("--quiet", "-q", is_flag=True, expose_value=False, callback=_set_quiet, help="No progress.")
    debug = click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
    return quiet(debug(command))


@click.group()
@_shared
def models() -> None:
    """List, fetch and check the model files."""


@models.command("list")
@_shared
def list_command() -> None:
    """Show every bundle and Whisper model: its parts, size, licence, and where it is now."""
    from oolong_align.weights import own_models
    from oolong_align.weights.cache import cache_dir
    from oolong_align.weights.manifest import load_manifest

    manifest = load_manifest()
    rows = [("own folder", part, "", "", str(path)) for part, path in own_models().items()]
    for bundle in manifest.bundles.values():
        name = _marked(bundle.name, manifest.default_bundle)
        rows += [_row(name, part, manifest.assets[asset]) for part, asset in bundle.parts.items()]
    for whisper, asset in manifest.whisper.items():
        rows.append(_row(_marked(whisper, manifest.default_whisper), "whisper", manifest.assets[asset]))
    print_table(("name", "part", "size", "licence", "where it is now"), rows, sys.stdout)
    click.echo(f"CACHE is {cache_dir()}")
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
        where = f"damaged: {problems[0]}" if problems else "not fetched yet"
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
    return None, [f"{asset.package}: is missing, install this program anew"]


@models.command("fetch")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@_shared
def fetch_command(names: tuple[str, ...]) -> None:
    """Fetch bundles and Whisper models by NAME; without one, what the default run needs.

    NAME is one of the list, another size of Whisper, or OWNER/NAME on the Hugging Face hub. Prints the path of each.
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
            f"there is no model {', '.join(unknown)} in the manifest, only {known}; a model for faster-whisper on the "
            "Hugging Face hub is OWNER/NAME"
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


@models.command("verify")
@_shared
def verify_command() -> None:
    """Read every file that is here and compare it with the manifest.

    Graphs derived from them are compared with what was written when they were made.
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
        click.echo(f"derived {path.name}\t{'ok' if intact else 'DAMAGED, the next use makes it anew'}\t{path.parent}")
    if problems:
        raise HashMismatchError(f"{len(problems)} damaged: the next use, or 'oolong models fetch', fetches them anew")
    if damaged:
        raise HashMismatchError(f"{damaged} damaged derived files: the next use makes them anew from their models")


@models.command("path")
@click.argument("name", metavar="PART_OR_NAME")
@click.option("--bundle", metavar="NAME_OR_DIR", help="Bundle that the part is of; the default one otherwise.")
@click.option("--model_dir", "--model-dir", metavar="DIR", help="Folder of your own models, looked at first.")
@_shared
def path_command(name: str, bundle: str | None, model_dir: str | None) -> None:
    """Print the path of a part (segmentation, embedding, plda) or of a Whisper model; fetch it if needed."""
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
            f"{name!r} is not one of {known}: faster-whisper keeps it where 'oolong models fetch {name}' says"
        )
    click.echo(path)


def _terminal(context: click.Context) -> Terminal:
    """The terminal of the run; a new one where this group is used on its own."""
    return context.find_object(Terminal) or context.ensure_object(Terminal)
