"""``oolong edit``: corrections of a result, and any format from it, without the recording."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

import click

from oolong_align.builtin.params import LocalFile
from oolong_align.cli.commands import STDOUT, make_command
from oolong_align.cli.libraries import open_library
from oolong_align.cli.terminal import Terminal, counted
from oolong_align.errors import InputError, ModelError, StoreError, UsageError, warn
from oolong_align.plugin.host import Host
from oolong_align.speakers.urls import library_files
from oolong_align.types import Transcript
from oolong_align.util.files import local_path, prepare_folder, write_files

__all__ = ["edit_command"]

_CLOCK: Final = r"(?:(?:\d+:)?\d+:)?(?:\d+(?:\.\d*)?|\.\d+)"
_TIME: Final = re.compile(f"({_CLOCK})-({_CLOCK})")
_FORMS: Final = {
    "rename": "LABEL=NAME, such as SPEAKER_00=Ada",
    "assign": "START-END=LABEL, such as 12.3-15=SPEAKER_01",
    "merge": "LABEL=LABEL, such as SPEAKER_02=SPEAKER_00",
}
_EDITS: Final = ("num_speakers", "rename", "assign", "merge")


def edit_command(host: Host) -> click.Command:
    """``oolong edit``."""

    @click.pass_obj
    def edit(terminal: Terminal, /, **values: Any) -> int:
        return _run(host, terminal, values)

    return make_command(
        "edit",
        edit,
        "Correct a result, and write any format of it, without the recording.\n\nRESULT.json is replaced by the "
        "corrected one and kept as RESULT.json.bak; with -o it stays, and what is asked for is written there, JSON by "
        "default. A label may be a name that one speaker has; --assign also takes the label behind the last, for "
        "somebody new, whom --rename may name. --speakers takes the names that the voices of a library "
        "have now. The order is --speakers, --num_speakers, --rename, --assign, --merge; of each as given, the last "
        "wins.",
        options=host.add_options(),
        own=_parameters(),
        headings={**dict.fromkeys(_EDITS, "Edits"), "audio": "Page"},
    )


def _parameters() -> list[click.Parameter]:
    return [
        click.Argument(["file"], type=LocalFile(), metavar="RESULT.json"),
        click.Option(
            ["--num_speakers"],
            type=click.IntRange(min=1),
            help="Cluster the voices again, to so many speakers. Names stay where most of the speech stays together.",
        ),
        click.Option(["--rename"], multiple=True, metavar="LABEL=NAME", help="Name a speaker: SPEAKER_00=Ada."),
        click.Option(
            ["--assign"],
            multiple=True,
            metavar="START-END=LABEL",
            help="Give a speaker what is said in a time: 12.3-15=SPEAKER_01, 1:02:03-1:02:07.5=Ada. The label behind "
            "the last is somebody new.",
        ),
        click.Option(
            ["--merge"],
            multiple=True,
            metavar="LABEL=LABEL",
            help="The first speaker is the second one: SPEAKER_02=SPEAKER_00.",
        ),
        click.Option(
            ["--audio"],
            type=LocalFile(),
            metavar="FILE",
            help="The recording, for formats that hold it or link to it, such as --html.",
        ),
        click.Option(
            ["--output_dir", "-o"],
            type=local_path,
            metavar="DIR",
            help="Folder for the results, created if needed (RESULT.json's own by default); - is stdout.",
        ),
    ]


def _run(host: Host, terminal: Terminal, values: dict[str, Any]) -> int:
    path, output_dir, audio, quiet = (values.pop(name) for name in ("file", "output_dir", "audio", "quiet"))
    edits = {name: values.pop(name) for name in _EDITS}
    for name in ("p", "no_plugins", "debug"):  # main has read them
        values.pop(name)
    terminal.quiet = quiet
    edits["speakers"] = values.get("speakers")
    asked, edited, to_stdout = host.requested_formats(values), any(edits.values()), output_dir == STDOUT
    if not edited and not asked:
        raise UsageError("nothing to do: give an edit, such as --rename SPEAKER_00=Ada, or a format, such as --srt")
    config = host.resolve("edit", values, formats=["json"] if edited and (output_dir is None or not asked) else [])
    if to_stdout and len(config.formats) > 1:
        raise UsageError(f"-o - takes one format, not {len(config.formats)}; name a folder")
    if audio is not None and not any(each.render_file for each in config.formats):
        raise UsageError("--audio is for formats that hold the recording: ask for one, such as --html, or leave it out")
    try:
        transcript = _read(path)
        if config.store is not None:
            from oolong_align.speakers.naming import names_of_store

            with closing(open_library(host, values["speakers"])) as store:
                transcript = names_of_store(transcript, store)
        transcript = _edit(transcript, edits, values)
        folder = path.parent if output_dir is None else output_dir
        if not to_stdout:
            prepare_folder(folder)
        texts = {}
        for each in config.formats:
            replaces = each.name == "json" and output_dir is None
            # Behind a link is what is corrected; the link stays one.
            own = path.resolve() if path.is_symlink() else path
            if replaces and not own.is_file():
                raise UsageError(f"{path} is no file that could be replaced; write the result elsewhere, with -o DIR")
            target = own if replaces else folder / f"{path.stem}{each.suffix}"
            texts[target] = each.render_for(transcript, audio, target)
            if each.name == "html" and audio is None and values["html_audio"] != "none" and not to_stdout:
                _warn_of_lost_recording(target)
        if not to_stdout:
            write_files(texts, inputs=[*([audio] if audio else []), *library_files(values["speakers"])], backups=[path])
    except (InputError, ModelError, StoreError) as error:
        terminal.error(error, about=str(path))
        return error.exit_code
    if to_stdout:
        click.echo("".join(texts.values()).encode("utf-8", errors="replace"), nl=False)
    else:
        found = f"{counted(len(transcript.speakers), 'speaker')}, {counted(len(transcript.words), 'word')}"
        terminal.info(f"{path}: {found} -> {', '.join(map(str, texts))}")
    return 0


def _warn_of_lost_recording(page: Path) -> None:
    from oolong_align.formats.html import has_audio

    try:
        found = has_audio(page.read_text("utf-8", "replace"))
    except OSError:
        return
    if found:
        warn(f"{page}: the page before had its recording, this one has not; give it with --audio FILE")


def _read(path: Path) -> Transcript:
    from oolong_align.formats import read_json

    try:
        return read_json(path.read_text("utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no UTF-8 text; give a JSON file that this program wrote") from error


def _edit(transcript: Transcript, edits: Mapping[str, Any], values: Mapping[str, Any]) -> Transcript:
    from oolong_align.editing import add_speaker, assign, find_plda, merge, prune, recluster, rename

    if edits["num_speakers"]:
        model = transcript.diarization.model if transcript.diarization else None
        plda = find_plda(model, bundle=values["bundle"], model_dir=values["model_dir"])
        transcript = recluster(transcript, edits["num_speakers"], plda=plda)
    # Who is new is there first, so that --rename can name them.
    names = {speaker.name for speaker in transcript.speakers.values()}
    for label in sorted({value.partition("=")[2] for value in edits["assign"]} - names):
        with suppress(InputError):
            transcript = add_speaker(transcript, label)
    for option in ("rename", "assign", "merge"):
        for value in edits[option]:
            first, separator, second = value.partition("=")
            try:
                if not separator:
                    raise InputError(f"there is no =; write {_FORMS[option]}")
                if option == "rename":
                    transcript = rename(transcript, _label(transcript, first), second)
                elif option == "merge":
                    transcript = merge(transcript, _label(transcript, first), _label(transcript, second))
                else:
                    before, transcript = transcript, assign(transcript, *_parse_time(first), _label(transcript, second))
                    if _said(before) == _said(transcript):
                        warn(f"--assign {value}: nobody else speaks there")
            except InputError as error:
                raise UsageError(f"--{option} {value}: {error}") from error
    if edits["rename"]:
        _warn_of_shared_names(transcript)
    return prune(transcript) if edits["assign"] else transcript


def _said(transcript: Transcript) -> Any:
    old = transcript.diarization
    return transcript.utterances, old and (old.turns, old.segments)


def _warn_of_shared_names(transcript: Transcript) -> None:
    owners: dict[str, list[str]] = {}
    for label, speaker in transcript.speakers.items():
        owners.setdefault(speaker.name or label, []).append(label)
    for name, (first, *others) in owners.items():
        for other in others:
            warn(f"{first} and {other} both have the name {name}; if they are one person, --merge {other}={first}")


def _label(transcript: Transcript, text: str) -> str:
    """Label that is meant: the text itself, or that of the one speaker who has it as a name."""
    if text in transcript.speakers:
        return text
    found = [label for label, speaker in transcript.speakers.items() if speaker.name == text]
    if len(found) > 1:
        raise InputError(f"{' and '.join(found)} have the name {text!r}; give a label")
    return found[0] if found else text


def _parse_time(text: str) -> tuple[float, float]:
    found = _TIME.fullmatch(text)
    if found is None:
        raise InputError(f"{text!r} is no time: give start and end in seconds or m:ss, such as 12.3-15 or 1:02-1:05.5")
    return _seconds(found[1]), _seconds(found[2])


def _seconds(clock: str) -> float:
    return sum(float(part) * 60.0**place for place, part in enumerate(reversed(clock.split(":"))))
