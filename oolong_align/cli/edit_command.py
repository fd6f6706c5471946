"""``oolong edit``: correct a result and export it to other formats, without the recording."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

import click

from oolong_align.builtin.params import LocalFile, WholeNumber
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
    """Create the command ``oolong edit``."""

    @click.pass_obj
    def edit(terminal: Terminal, /, **values: Any) -> int:
        return _run(host, terminal, values)

    return make_command(
        "edit",
        edit,
        "Correct a result, or export it to other formats. The recording is not needed.\n\nAn edit replaces RESULT.json "
        "and keeps the previous version as RESULT.json.bak. With -o, RESULT.json does not change, and the given "
        "formats (JSON by default) are written to the folder.\n\nA LABEL is a label such as SPEAKER_00, or a name that "
        "only one speaker has. --assign also accepts the next unused label, for a new speaker. --speakers updates the "
        "names from a voice library. Edits apply in this order: --speakers, --num_speakers, --rename, --assign, "
        "--merge; repeated options apply in the given order. Speakers that --assign introduces are created first.",
        options=host.add_options(),
        own=_parameters(),
        headings=dict.fromkeys(_EDITS, "Edits"),
        examples=[
            "meeting.json --rename SPEAKER_00=Ada --srt",
            "meeting.json --assign 12.3-15=SPEAKER_01 --merge SPEAKER_02=SPEAKER_00",
            "meeting.json --html --audio meeting.mp4 -o results",
        ],
    )


def _parameters() -> list[click.Parameter]:
    return [
        click.Argument(["file"], type=LocalFile(), metavar="RESULT.json"),
        click.Option(
            ["--num_speakers"],
            type=WholeNumber(min=1),
            metavar="N",
            help="Cluster the speech again into N speakers. A speaker who keeps most of their speech keeps the name.",
        ),
        click.Option(["--rename"], multiple=True, metavar="LABEL=NAME", help="Name a speaker: SPEAKER_00=Ada."),
        click.Option(
            ["--assign"],
            multiple=True,
            metavar="START-END=LABEL",
            help="Assign a time range to a speaker: 12.3-15=SPEAKER_01 or 1:02:03-1:02:07.5=Ada.",
        ),
        click.Option(
            ["--merge"],
            multiple=True,
            metavar="LABEL=LABEL",
            help="Merge the first speaker into the second: SPEAKER_02=SPEAKER_00.",
        ),
        click.Option(
            ["--audio"],
            type=LocalFile(),
            metavar="FILE",
            help="Recording for formats that embed it or link to it, such as --html.",
        ),
        click.Option(
            ["--output_dir", "-o"],
            type=local_path,
            metavar="DIR",
            show_default="folder of RESULT.json",
            help="Folder for the results, created if needed; use - for stdout.",
        ),
    ]


def _run(host: Host, terminal: Terminal, values: dict[str, Any]) -> int:
    path, output_dir, audio, quiet = (values.pop(name) for name in ("file", "output_dir", "audio", "quiet"))
    edits = {name: values.pop(name) for name in _EDITS}
    for name in ("p", "no_plugins", "debug"):  # read by main before parsing
        values.pop(name)
    terminal.quiet = quiet
    edits["speakers"] = values.get("speakers")
    asked, edited, to_stdout = host.requested_formats(values), any(edits.values()), output_dir == STDOUT
    if not edited and not asked:
        raise UsageError("Nothing to do. Give an edit such as --rename SPEAKER_00=Ada, or a format such as --srt")
    config = host.resolve("edit", values, formats=["json"] if edited and (output_dir is None or not asked) else [])
    if to_stdout and len(config.formats) > 1:
        raise UsageError(f"Option -o - accepts one format, not {len(config.formats)}. Give a folder instead.")
    if audio is not None and not any(each.render_file for each in config.formats):
        raise UsageError(
            f"Option --audio {audio} has no effect: no format uses the recording. Add one such as --html, or remove it."
        )
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
            # A symbolic link stays; the edit replaces the file that it points to.
            own = path.resolve() if path.is_symlink() else path
            if replaces and not own.is_file():
                raise UsageError(f"{path}: Not a regular file, so it cannot be replaced. Give another folder with -o")
            target = own if replaces else folder / f"{path.stem}{each.suffix}"
            texts[target] = each.render_for(transcript, config, audio, target)
            if each.name == "html" and audio is None and values["html_audio"] != "none" and not to_stdout:
                _warn_of_lost_recording(target)
        if not to_stdout:
            write_files(texts, inputs=[*([audio] if audio else []), *library_files(values["speakers"])], backups=[path])
    except (InputError, ModelError, StoreError) as error:
        names_audio = audio is not None and str(error).startswith(f"{audio}:")
        terminal.error(error, about="" if names_audio else str(path))
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
        warn(f"{page}: The previous page had the recording, but the new one does not. Add it with --audio FILE")


def _read(path: Path) -> Transcript:
    from oolong_align.formats import read_json

    try:
        return read_json(path.read_text("utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: Could not read the file ({error.strerror or error}). Check the path.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: Not UTF-8 text. Give a JSON file written by oolong.") from error


def _edit(transcript: Transcript, edits: Mapping[str, Any], values: Mapping[str, Any]) -> Transcript:
    from oolong_align.editing import add_speaker, assign, find_plda, merge, prune, recluster, rename

    if edits["num_speakers"]:
        model = transcript.diarization.model if transcript.diarization else None
        plda = find_plda(model, bundle=values["bundle"], model_dir=values["model_dir"])
        transcript = recluster(transcript, edits["num_speakers"], plda=plda)
    # Add new speakers first, so that --rename can name them.
    names = {speaker.name for speaker in transcript.speakers.values()}
    for label in sorted({value.partition("=")[2] for value in edits["assign"]} - names):
        with suppress(InputError):
            transcript = add_speaker(transcript, label)
    for option in ("rename", "assign", "merge"):
        for value in edits[option]:
            first, separator, second = value.partition("=")
            try:
                if not separator:
                    raise InputError(f"Missing '='. Write {_FORMS[option]}")
                if option == "rename":
                    transcript = rename(transcript, _label(transcript, first), second)
                elif option == "merge":
                    transcript = merge(transcript, _label(transcript, first), _label(transcript, second))
                else:
                    before, transcript = transcript, assign(transcript, *_parse_time(first), _label(transcript, second))
                    if _contents(before) == _contents(transcript):
                        warn(f"--assign {value}: No change. No other speaker speaks in this time range.")
            except InputError as error:
                raise UsageError(f"--{option} {value}: {error}") from error
    if edits["rename"]:
        _warn_of_shared_names(transcript)
    return prune(transcript) if edits["assign"] else transcript


def _contents(transcript: Transcript) -> Any:
    old = transcript.diarization
    return transcript.utterances, old and (old.turns, old.segments)


def _warn_of_shared_names(transcript: Transcript) -> None:
    owners: dict[str, list[str]] = {}
    for label, speaker in transcript.speakers.items():
        owners.setdefault(speaker.name or label, []).append(label)
    for name, (first, *others) in owners.items():
        for other in others:
            warn(
                f"{first} and {other} have the same name {name}. If they are the same person, add --merge "
                f"{other}={first}"
            )


def _label(transcript: Transcript, text: str) -> str:
    """Resolve a label or a unique name to a label; unknown text is returned unchanged."""
    if text in transcript.speakers:
        return text
    found = [label for label, speaker in transcript.speakers.items() if speaker.name == text]
    if len(found) > 1:
        raise InputError(f"Ambiguous name {text!r}: {' and '.join(found)} have it. Use a label.")
    return found[0] if found else text


def _parse_time(text: str) -> tuple[float, float]:
    found = _TIME.fullmatch(text)
    if found is None:
        raise InputError(
            f"Invalid time range {text!r}. Give start and end in seconds or m:ss, such as 12.3-15 or 1:02-1:05.5"
        )
    return _seconds(found[1]), _seconds(found[2])


def _seconds(clock: str) -> float:
    return sum(float(part) * 60.0**place for place, part in enumerate(reversed(clock.split(":"))))
