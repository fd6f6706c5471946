"""``oolong speakers enroll``, ``identify`` and ``threshold``: what needs recordings and the diarizer."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from oolong_align.builtin.params import FiniteRange, LocalFile
from oolong_align.cli.libraries import library_option, open_library
from oolong_align.cli.terminal import Terminal
from oolong_align.errors import InputError, UsageError
from oolong_align.options import SPEAKER_THRESHOLD
from oolong_align.plugin.host import Host
from oolong_align.types import Diarization, speaker_label
from oolong_align.util.tables import print_table

if TYPE_CHECKING:
    from oolong_align.speakers.samples import VoiceSample

__all__ = ["audio_commands"]

_MAIN_SHARE: Final = 0.8
_FEW_PAIRS: Final = 100


def audio_commands(host: Host) -> Iterator[click.Command]:
    """Commands that listen to recordings."""

    @click.command("enroll")
    @click.argument("name")
    @click.argument("file", type=LocalFile())
    @library_option
    @click.option("--from", "start", type=FiniteRange(min=0), metavar="S", help="Listen from this second on.")
    @click.option("--to", "end", type=FiniteRange(min=0, min_open=True), metavar="S", help="Until this second.")
    @_models
    @click.pass_obj
    def enroll(
        terminal: Terminal, /, name: str, file: Path, url: str, start: float | None, end: float | None, **models: Any
    ) -> None:
        """Teach the voice of NAME from a recording in which this person speaks, almost alone, for 5 s or more.

        A voice without a name that sounds the same gets the name. Prints the voice's id.
        """
        from oolong_align.speakers.identify import voice_model
        from oolong_align.speakers.learning import check_enough
        from oolong_align.speakers.learning import enroll as teach
        from oolong_align.speakers.records import check_new_name, clean_source

        check_new_name(name)
        if start is not None and end is not None and end <= start:
            raise UsageError(f"--from {start:g} --to {end:g}: the end must be after the start")
        diarization = _diarize(host, terminal, file, models, start or 0.0, end)
        sample = _main_sample(diarization, file)
        sample = replace(sample, start=sample.start + (start or 0.0), end=sample.end + (start or 0.0))
        check_enough(name, sample)
        with closing(open_library(host, url, create=True)) as store:
            voice = teach(
                store,
                name,
                sample,
                model=voice_model(diarization.model),
                source=clean_source(file.stem),
                recording=diarization.recording or None,
            )
        click.echo(voice.id)
        terminal.info(f"{voice.name}: {sample.seconds:.1f} s of speech, {voice.seconds:.1f} s in all")

    @click.command("identify")
    @click.argument("file", type=LocalFile())
    @library_option
    @click.option(
        "--speaker_threshold",
        "threshold",
        type=FiniteRange(0, 1, min_open=True, max_open=True),
        default=SPEAKER_THRESHOLD,
        show_default=True,
        help="Least probability of a known voice.",
    )
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @_models
    @click.pass_obj
    def identify(terminal: Terminal, /, file: Path, url: str, threshold: float, as_json: bool, **models: Any) -> None:
        """Say which known voices speak in a recording. The library learns nothing."""
        from oolong_align.speakers.identify import find_voices

        with closing(open_library(host, url)) as store:
            diarization = _diarize(host, terminal, file, models)
            found = find_voices(diarization, store, threshold=threshold)
        speakers = {}
        for speaker in diarization.speaker_ids:
            sample, result = found.get(speaker, (None, None))
            voice, nearest = (result.voice, result.nearest) if result else (None, None)
            speakers[speaker_label(speaker)] = {
                "voice": voice.id if voice else None,
                "name": voice.name if voice else None,
                "nearest": nearest.id if nearest else None,
                "probability": round(result.probability, 3) if result else None,
                "seconds": round(sample.seconds, 3) if sample else 0.0,
            }
        if as_json:
            click.echo(json.dumps(speakers, ensure_ascii=False, indent=1))
            return
        columns = ("speaker", "voice", "name", "nearest", "probability", "seconds")
        rows = [
            (label, *("" if fields[column] is None else fields[column] for column in columns[1:]))
            for label, fields in speakers.items()
        ]
        print_table(columns, rows, sys.stdout)

    @click.command("threshold")
    @click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @_models
    @click.pass_obj
    def threshold_command(terminal: Terminal, /, folder: Path, as_json: bool, **models: Any) -> None:
        """Measure how often voices are confused, on recordings FOLDER/PERSON/FILE of one person each."""
        from oolong_align.speakers.identify import voice_model
        from oolong_align.speakers.measuring import measure_thresholds
        from oolong_align.speakers.scoring import VoiceScorer

        samples: dict[str, list[VoiceSample]] = defaultdict(list)
        model = None
        for path in _labelled(folder):
            try:
                diarization = _diarize(host, terminal, path, models)
                samples[path.parent.name].append(_main_sample(diarization, path))
                model = diarization.model
            except InputError as error:
                terminal.warn(str(error), about=str(path))
        if model is None:
            raise InputError(f"{folder}: there is no recording of a voice as FOLDER/PERSON/FILE")
        errors, same, different = measure_thresholds(samples, VoiceScorer.for_weights(voice_model(model).weights))
        if as_json:
            fields = [
                {name: getattr(each, name) for name in ("threshold", "false_accepts", "false_rejects")}
                for each in errors
            ]
            click.echo(json.dumps({"same": same, "different": different, "thresholds": fields}, indent=1))
            return
        rows = [(each.threshold, _percent(each.false_accepts), _percent(each.false_rejects)) for each in errors]
        title = f"{len(samples)} people, {same} pairs of one person, {different} of two"
        print_table(("threshold", "false accepts", "false rejects"), rows, sys.stdout, title)
        if min(same, different) < _FEW_PAIRS:
            terminal.warn(f"{title}: with fewer than {_FEW_PAIRS} of each, one pair more or less changes the shares")

    yield from (enroll, identify, threshold_command)


def _models(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose the diarizer and its models."""
    bundle = click.option("--bundle", metavar="NAME", help="Models of the diarizer: a bundle's name or a folder.")
    folder = click.option("--model_dir", metavar="DIR", help="Folder to look for models first.")
    diarizer = click.option("--diarizer", metavar="NAME", help="Diarizer, as of `oolong diarize`.")
    return diarizer(bundle(folder(command)))


def _diarize(
    host: Host, terminal: Terminal, path: Path, models: dict[str, Any], start: float = 0.0, end: float | None = None
) -> Diarization:
    """Diarize a recording, or a part of it as if it were all."""
    from oolong_align.audio.recording import load_audio
    from oolong_align.timing.grid import seconds_to_samples

    with terminal.progress() as progress:
        terminal.start_file()
        given = {name: value for name, value in models.items() if value is not None}
        config = host.resolve("diarize", given, progress=progress)
        with load_audio(path, progress=progress) as audio:
            if not start and end is None:
                return host.diarize(audio, config)
            if start >= audio.duration:
                raise UsageError(f"--from {start:g}: {path} ends at {audio.duration:.1f} s")
            samples = audio.read(seconds_to_samples(start), seconds_to_samples(end or audio.duration))
            with load_audio(samples) as part:
                return replace(host.diarize(part, config), recording=audio.fingerprint())


def _main_sample(diarization: Diarization, path: Path) -> VoiceSample:
    """Sample of the person who speaks nearly all the time."""
    from oolong_align.speakers.samples import voice_samples

    seconds: dict[int, float] = defaultdict(float)
    for segment in diarization.segments:
        seconds[segment.speaker_id] += segment.end - segment.start
    if not seconds:
        raise InputError(f"{path}: nobody speaks there")
    main = max(seconds, key=lambda speaker: seconds[speaker])
    if seconds[main] < _MAIN_SHARE * sum(seconds.values()):
        times = ", ".join(f"{each:.0f} s" for each in sorted(seconds.values(), reverse=True))
        raise InputError(
            f"{path}: {len(seconds)} people speak there ({times}); name a time in which only one does, "
            "with --from and --to"
        )
    samples = voice_samples(diarization)
    if main not in samples:
        raise InputError(f"{path}: nobody speaks alone for a second; give more speech of one person")
    return samples[main]


def _labelled(folder: Path) -> list[Path]:
    """Files of the folders of people."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such folder")
    return sorted(each for each in folder.glob("*/*") if each.is_file() and not each.name.startswith("."))


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.2%}"
