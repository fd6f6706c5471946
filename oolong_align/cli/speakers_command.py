"""``oolong speakers``: list and correct a voice library."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import click

from oolong_align.builtin.params import LocalFile
from oolong_align.cli.commands import SETTINGS, STDOUT
from oolong_align.cli.libraries import library_option, masked_url, open_library, voice_id
from oolong_align.cli.speakers_audio import audio_commands
from oolong_align.cli.speakers_review import review_commands
from oolong_align.cli.terminal import Terminal, counted
from oolong_align.errors import InputError
from oolong_align.plugin.entries import SpeakerStore
from oolong_align.plugin.host import Host
from oolong_align.speakers.urls import library_files
from oolong_align.util.files import local_path, write_files
from oolong_align.util.tables import print_table

__all__ = ["speakers_command"]


def speakers_command(host: Host) -> click.Group:
    """Create the group ``oolong speakers``."""
    group = click.Group(
        "speakers",
        help="Manage a voice library: list, enroll, name, merge and forget voices.\n\nInstead of an ID, you can "
        "give a name that only one voice has.",
    )
    for command in (*_library_commands(host), *audio_commands(host), *review_commands(host)):
        command.context_settings = dict(SETTINGS)
        command.params += [
            click.Option(
                ["--quiet", "-q"], is_flag=True, expose_value=False, callback=_set_quiet, help="Hide progress."
            ),
            click.Option(["--debug"], is_flag=True, expose_value=False, help="Show the traceback of an error."),
        ]
        group.add_command(command)
    return group


def _set_quiet(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Terminal).quiet = True


def _library_commands(host: Host) -> Iterator[click.Command]:
    @contextmanager
    def opened(url: str, *, create: bool = False) -> Iterator[SpeakerStore]:
        with closing(open_library(host, url, create=create)) as store:
            yield store

    @click.command("list")
    @library_option
    @click.option("--json", "as_json", is_flag=True, help="Print JSON, with every reference.")
    def list_command(url: str, as_json: bool) -> None:
        """List voices.

        The columns are id, name, seconds of speech, number of references, date of the last one, and recordings.
        """
        with opened(url) as store:
            voices = store.list()
        if as_json:
            _print_json([_voice_fields(voice) for voice in voices])
            return
        rows = [
            (
                voice.id,
                voice.name or "",
                f"{voice.seconds:.1f}",
                len(voice.references),
                max((f"{each.enrolled:%Y-%m-%d}" for each in voice.references), default=""),
                ", ".join(dict.fromkeys(each.source for each in voice.references)),
            )
            for voice in voices
        ]
        print_table(("voice", "name", "seconds", "references", "last enrolled", "recordings"), rows, sys.stdout)

    @click.command("name")
    @click.argument("voice", metavar="ID")
    @click.argument("name")
    @library_option
    @click.pass_obj
    def name_command(terminal: Terminal, voice: str, name: str, url: str) -> None:
        """Give voice ID a name. An empty NAME removes the name.

        To update existing results, use `oolong edit RESULT.json --speakers URL`.
        """
        from oolong_align.speakers.library import rename_voice

        with opened(url) as store:
            renamed = rename_voice(store, voice_id(store, voice), name or None)
            same = [each.id for each in store.list(renamed.name) if each.id != renamed.id] if renamed.name else []
        terminal.info(f"{renamed.id}: named {renamed.name}" if renamed.name else f"{renamed.id}: name removed")
        if same:
            terminal.warn(
                f"{', '.join(same)} and {renamed.id} have the same name {renamed.name}. If they are the same person, "
                f"run `oolong speakers merge {' '.join(same)} {renamed.id}`"
            )

    @click.command("merge")
    @click.argument("voice", metavar="ID")
    @click.argument("others", metavar="ID...", nargs=-1, required=True)
    @library_option
    @click.pass_obj
    def merge_command(terminal: Terminal, voice: str, others: tuple[str, ...], url: str) -> None:
        """Merge voices of the same person.

        The first voice keeps its ID. The other IDs remain valid and refer to it.
        """
        from oolong_align.speakers.library import find_voice, merge_voices

        with opened(url) as store, store.transaction():
            ids = [voice_id(store, each) for each in (voice, *others)]
            names = dict.fromkeys(find_voice(store, each).name for each in ids[1:])
            merged = merge_voices(store, *ids)
        terminal.info(f"{merged.id} ({merged.name or 'no name'}): merged with {', '.join(merged.aliases)}")
        lost = [name for name in names if name not in (None, merged.name)]
        if lost:
            terminal.warn(f"{merged.id} keeps the name {merged.name}. Removed names: {', '.join(map(str, lost))}")

    @click.command("split")
    @click.argument("voice", metavar="ID")
    @click.argument("references", metavar="NUMBER...", nargs=-1, required=True, type=click.IntRange(min=0))
    @library_option
    def split_command(voice: str, references: tuple[int, ...], url: str) -> None:
        """Move references of the voice ID to a new voice.

        NUMBER is the number of a reference in `oolong speakers list --json`. Print the ID of the new voice.
        """
        from oolong_align.speakers.library import split_voice

        with opened(url) as store:
            click.echo(split_voice(store, voice_id(store, voice), references).id)

    @click.command("forget")
    @click.argument("voices", metavar="ID...", nargs=-1, required=True)
    @library_option
    @click.pass_obj
    def forget_command(terminal: Terminal, voices: tuple[str, ...], url: str) -> None:
        """Delete voices and all their data. If one is unknown, none is deleted."""
        from oolong_align.speakers.library import find_voice

        with opened(url) as store, store.transaction():
            found = list(dict.fromkeys(find_voice(store, voice_id(store, voice)).id for voice in voices))
            for voice in found:
                store.forget(voice)
        terminal.info(f"{masked_url(url)}: deleted {', '.join(found)}")

    @click.command("export")
    @click.argument("file", type=local_path, default=STDOUT)
    @library_option
    @click.pass_obj
    def export_command(terminal: Terminal, file: Path, url: str) -> None:
        """Export all voices to a portable FILE, or to stdout."""
        from oolong_align.speakers.portable import export_voices

        with opened(url) as store:
            text, voices = export_voices(store), store.count()
        if file == STDOUT:
            click.echo(text, nl=False)
        else:
            write_files({file: text}, inputs=library_files(url), private=True)
            terminal.info(f"{file}: exported {counted(voices, 'voice')}; readable by you only")

    @click.command("import")
    @click.argument("file", type=LocalFile())
    @library_option
    @click.pass_obj
    def import_command(terminal: Terminal, file: Path, url: str) -> None:
        """Import voices from an exported FILE. If one is invalid, none is imported.

        The library is created if needed. Voices that it already has do not change.
        """
        from oolong_align.speakers.portable import add_voices, read_voices

        try:
            voices = read_voices(_read(file))
        except InputError as error:
            raise InputError(str(error) if str(file) in str(error) else f"{file}: {error}") from error
        with opened(url, create=True) as store, store.transaction():
            before = store.count()
            found = set(add_voices(store, voices).values())
            added = store.count() - before
        existing = len(found) - added
        kept = f"; skipped {counted(existing, 'existing voice')}" if existing else ""
        terminal.info(f"{masked_url(url)}: added {counted(added, 'voice')} from {file}{kept}")

    yield from (list_command, name_command, merge_command, split_command)
    yield from (forget_command, export_command, import_command)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: Could not read the file ({error.strerror or error}). Check the path.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: Not UTF-8 text. Give a file written by `oolong speakers export`") from error


def _voice_fields(voice: Any) -> dict[str, Any]:
    return {
        "id": voice.id,
        "name": voice.name,
        "seconds": round(voice.seconds, 3),
        "aliases": list(voice.aliases),
        "model": {"name": voice.model.name, "weights": voice.model.weights, "dimension": voice.model.dimension},
        "references": [
            {
                "number": number,
                "source": each.source,
                "recording": each.recording,
                "start": round(each.start, 3),
                "end": round(each.end, 3),
                "seconds": round(each.seconds, 3),
                "enrolled": each.enrolled.isoformat(),
            }
            for number, each in enumerate(voice.references)
        ],
    }


def _print_json(value: Sequence[Any]) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=1))
