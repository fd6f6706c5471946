"""``oolong speakers suggest`` and ``recluster``: find voices that probably belong to the same person."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from oolong_align.builtin.params import FiniteRange
from oolong_align.cli.libraries import library_option, masked_url, open_library
from oolong_align.cli.terminal import Terminal
from oolong_align.errors import InputError
from oolong_align.options import SPEAKER_THRESHOLD
from oolong_align.plugin.host import Host
from oolong_align.util.tables import print_table

if TYPE_CHECKING:
    from oolong_align.speakers.deduplicate import MergeCandidate
    from oolong_align.speakers.records import Voice

__all__ = ["review_commands"]

_COLUMNS = ("keep", "name", "merge", "merged name", "probability", "cosine", "seconds", "speak together in")


def review_commands(host: Host) -> Iterator[click.Command]:
    """Create the commands that compare the voices of a library with each other."""

    @click.command("suggest")
    @library_option
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @click.pass_obj
    def suggest(terminal: Terminal, url: str, as_json: bool) -> None:
        """List voices that probably belong to the same person.

        Merge them with `oolong speakers merge`. Recordings in which both voices speak are evidence against a merge.
        """
        from oolong_align.speakers.deduplicate import suggest_merges

        with closing(open_library(host, url)) as store:
            found = suggest_merges(store.list())
        _show(found, as_json=as_json)
        if not found:
            terminal.info("No similar voices found.")

    @click.command("recluster")
    @library_option
    @click.option("--yes", is_flag=True, help="Merge without confirmation.")
    @click.option("--json", "as_json", is_flag=True, help="Print the suggestions as JSON; merge only with --yes.")
    @click.option(
        "--speaker_threshold",
        "threshold",
        type=FiniteRange(0, 1, min_open=True, max_open=True),
        default=SPEAKER_THRESHOLD,
        metavar="P",
        help="Minimum probability that two voices belong to the same person.",
    )
    @click.pass_obj
    def recluster(terminal: Terminal, url: str, yes: bool, as_json: bool, threshold: float) -> None:
        """Cluster all voices again, and merge those of the same person.

        Voices that speak in the same recording or have different names are never merged.
        """
        from oolong_align.speakers.deduplicate import find_duplicates
        from oolong_align.speakers.library import merge_voices

        with closing(open_library(host, url)) as store:
            voices = store.list()
            people = find_duplicates(voices, threshold=threshold)
            _show([each for person in people for each in person], as_json=as_json)
            if not people:
                terminal.info(f"{masked_url(url)}: nothing to merge")
                return
            if not yes and (as_json or not sys.stdin.isatty()):
                terminal.info(f"{masked_url(url)}: not merged; confirm with --yes")
                return
            if not yes and not click.confirm("Merge them?", err=True):
                return
            with store.transaction():
                if _state(store.list()) != _state(voices):
                    raise InputError(f"{masked_url(url)}: The library has changed. Nothing was merged; try again.")
                for person in people:
                    merge_voices(store, person[0].kept.id, *(each.other.id for each in person))
        merged = sum(map(len, people))
        terminal.info(f"{masked_url(url)}: merged {merged + len(people)} voices into {len(people)}")

    yield from (suggest, recluster)


def _state(voices: Sequence[Voice]) -> list[tuple[object, ...]]:
    return [(each.id, each.name, each.seconds, each.centroid.tobytes(), each.aliases) for each in voices]


def _show(found: Sequence[MergeCandidate], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([_fields(each) for each in found], ensure_ascii=False, indent=1))
        return
    if found:
        rows = [
            (
                each.kept.id,
                each.kept.name or "",
                each.other.id,
                each.other.name or "",
                f"{each.probability:.3f}",
                f"{each.cosine:.2f}",
                f"{each.kept.seconds:.0f} + {each.other.seconds:.0f}",
                ", ".join(each.together),
            )
            for each in found
        ]
        print_table(_COLUMNS, rows, sys.stdout)


def _fields(each: MergeCandidate) -> dict[str, Any]:
    return {
        "keep": each.kept.id,
        "keep_name": each.kept.name,
        "merge": each.other.id,
        "merge_name": each.other.name,
        "probability": round(each.probability, 4),
        "cosine": round(each.cosine, 4),
        "seconds": [round(each.kept.seconds, 3), round(each.other.seconds, 3)],
        "together": list(each.together),
    }
