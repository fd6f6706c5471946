"""``oolong speakers``: what is in a library of voices, and corrections of it."""

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
from oolong_align.cli.libraries import library_option, open_library, shown, voice_id
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
    """``oolong speakers``."""
    group = click.Group(
        "speakers",
        help="A library of voices: list, teach, name, compare and forget them.\n\nWhere a command takes the ID of a "
        "voice, the name does that one voice has.",
    )
    for command in (*_library_commands(host), *audio_commands(host), *review_commands(host)):
        command.context_settings = dict(SETTINGS)
        command.params += [
            click.Option(["--quiet", "-q"], is_flag=True, expose_value=False, callback=_set_quiet, help="No progress."),
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
        """Show every voice: its id, name, seconds of speech, and the recordings it was learned from."""
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
        print_table(("voice", "name", "seconds", "references", "heard", "recordings"), rows, sys.stdout)

    @click.command("name")
    @click.argument("voice", metavar="ID")
    @click.argument("name")
    @library_option
    @click.pass_obj
    def name_command(terminal: Terminal, voice: str, name: str, url: str) -> None:
        """Give the voice ID a NAME; an empty one takes its name away.

        `oolong edit RESULT.json --speakers URL` writes the name into results that are there already.
        """
        from oolong_align.speakers.library import rename_voice

        with opened(url) as store:
            renamed = rename_voice(store, voice_id(store, voice), name or None)
            same = [each.id for each in store.list(renamed.name) if each.id != renamed.id] if renamed.name else []
        terminal.info(f"{renamed.id} is {renamed.name or 'nameless'}")
        if same:
            terminal.warn(
                f"{renamed.name} is the name of {', '.join(same)} too; if they are one person, "
                f"`oolong speakers merge {' '.join(same)} {renamed.id}`"
            )

    @click.command("merge")
    @click.argument("voice", metavar="ID")
    @click.argument("others", metavar="ID...", nargs=-1, required=True)
    @library_option
    @click.pass_obj
    def merge_command(terminal: Terminal, voice: str, others: tuple[str, ...], url: str) -> None:
        """Make one voice of several of one person. The first keeps its id, and is found by the ids of the others."""
        from oolong_align.speakers.library import find_voice, merge_voices

        with opened(url) as store, store.transaction():
            ids = [voice_id(store, each) for each in (voice, *others)]
            names = dict.fromkeys(find_voice(store, each).name for each in ids[1:])
            merged = merge_voices(store, *ids)
        terminal.info(f"{merged.id} ({merged.name or 'no name'}) is {', '.join(merged.aliases)} too")
        lost = [name for name in names if name not in (None, merged.name)]
        if lost:
            terminal.warn(f"{merged.id} is named {merged.name}; the name {', '.join(map(str, lost))} is gone")

    @click.command("split")
    @click.argument("voice", metavar="ID")
    @click.argument("references", metavar="NUMBER...", nargs=-1, required=True, type=click.IntRange(min=0))
    @library_option
    def split_command(voice: str, references: tuple[int, ...], url: str) -> None:
        """Make a new voice of some references of the voice ID, by their NUMBER in `oolong speakers list --json`.

        Prints the id of the new voice.
        """
        from oolong_align.speakers.library import split_voice

        with opened(url) as store:
            click.echo(split_voice(store, voice_id(store, voice), references).id)

    @click.command("forget")
    @click.argument("voices", metavar="ID...", nargs=-1, required=True)
    @library_option
    @click.pass_obj
    def forget_command(terminal: Terminal, voices: tuple[str, ...], url: str) -> None:
        """Remove voices and every trace of them from the library; all or none."""
        from oolong_align.speakers.library import find_voice

        with opened(url) as store, store.transaction():
            found = list(dict.fromkeys(find_voice(store, voice_id(store, voice)).id for voice in voices))
            for voice in found:
                store.forget(voice)
        terminal.info(f"{shown(url)}: {', '.join(found)} {'is' if len(found) == 1 else 'are'} forgotten")

    @click.command("export")
    @click.argument("file", type=local_path, default=STDOUT)
    @library_option
    @click.pass_obj
    def export_command(terminal: Terminal, file: Path, url: str) -> None:
        """Write all voices into a portable FILE, or to stdout."""
        from oolong_align.speakers.portable import export_voices

        with opened(url) as store:
            text, voices = export_voices(store), store.count()
        if file == STDOUT:
            click.echo(text, nl=False)
        else:
            write_files({file: text}, inputs=library_files(url), private=True)
            terminal.info(f"{file}: {counted(voices, 'voice')} written; only you can read it")

    @click.command("import")
    @click.argument("file", type=LocalFile())
    @library_option
    @click.pass_obj
    def import_command(terminal: Terminal, file: Path, url: str) -> None:
        """Add the voices of an exported FILE to a library, which is made if it is not there; all or none."""
        from oolong_align.speakers.portable import add_voices, read_voices

        try:
            voices = read_voices(_read(file))
        except InputError as error:
            raise InputError(str(error) if str(file) in str(error) else f"{file}: {error}") from error
        with opened(url, create=True) as store, store.transaction():
            before = store.count()
            found = set(add_voices(store, voices).values())
            added = store.count() - before
        there = len(found) - added
        kept = f"; {there} are there already and stay as they are, names and references too" if there else ""
        terminal.info(f"{shown(url)}: {counted(added, 'voice')} added from {file}{kept}")

    yield from (list_command, name_command, merge_command, split_command)
    yield from (forget_command, export_command, import_command)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no UTF-8 text; give a file that `oolong speakers export` wrote") from error


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
