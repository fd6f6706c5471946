"""``oolong speakers enroll``, ``identify`` and ``threshold``: commands that diarize recordings."""

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
    """Create the commands that diarize recordings."""

    @click.command("enroll")
    @click.argument("name")
    @click.argument("file", type=LocalFile())
    @library_option
    @click.option("--from", "start", type=FiniteRange(min=0), metavar="SECONDS", help="Start of the part to use.")
    @click.option(
        "--to", "end", type=FiniteRange(min=0, min_open=True), metavar="SECONDS", help="End of the part to use."
    )
    @_models
    @click.pass_obj
    def enroll(
        terminal: Terminal, /, name: str, file: Path, url: str, start: float | None, end: float | None, **models: Any
    ) -> None:
        """Enroll the voice of NAME from a recording.

        The person must speak for at least 5 s and 80 % of the speech. If the library has a matching voice without a
        name, that voice gets the name. Print the ID of the voice.
        """
        from oolong_align.speakers.identify import voice_model
        from oolong_align.speakers.learning import check_enough
        from oolong_align.speakers.learning import enroll as teach
        from oolong_align.speakers.records import check_new_name, clean_source

        check_new_name(name)
        if start is not None and end is not None and end <= start:
            raise UsageError(f"Invalid time range --from {start:g} --to {end:g}: end must be after start")
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
        terminal.info(f"{voice.name}: {sample.seconds:.1f} s of speech added, {voice.seconds:.1f} s in total")

    @click.command("identify")
    @click.argument("file", type=LocalFile())
    @library_option
    @click.option(
        "--speaker_threshold",
        "threshold",
        type=FiniteRange(0, 1, min_open=True, max_open=True),
        default=SPEAKER_THRESHOLD,
        metavar="P",
        help="Minimum probability to recognise a voice.",
    )
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @_models
    @click.pass_obj
    def identify(terminal: Terminal, /, file: Path, url: str, threshold: float, as_json: bool, **models: Any) -> None:
        """Identify the voices in a recording. The library does not change."""
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
        """Measure the error rates of thresholds.

        The recordings are FOLDER/PERSON/FILE, with one person per file.
        """
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
            raise InputError(f"{folder}: No usable recordings. Arrange them as FOLDER/PERSON/FILE.")
        errors, same, different = measure_thresholds(samples, VoiceScorer.for_weights(voice_model(model).weights))
        if as_json:
            fields = [
                {name: getattr(each, name) for name in ("threshold", "false_accepts", "false_rejects")}
                for each in errors
            ]
            click.echo(json.dumps({"same": same, "different": different, "thresholds": fields}, indent=1))
            return
        rows = [(each.threshold, _percent(each.false_accepts), _percent(each.false_rejects)) for each in errors]
        title = f"{len(samples)} people, {same} pairs of the same person, {different} pairs of different people"
        print_table(("threshold", "false accepts", "false rejects"), rows, sys.stdout, title)
        if min(same, different) < _FEW_PAIRS:
            terminal.warn(
                f"{title}: The rates are not reliable. Add recordings, to at least {_FEW_PAIRS} pairs of each."
            )

    yield from (enroll, identify, threshold_command)


def _models(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that select the diarizer and its models."""
    bundle = click.option("--bundle", metavar="NAME", help="Diarization models: a bundle name or a folder.")
    folder = click.option("--model_dir", metavar="DIR", help="Folder to search for models first.")
    diarizer = click.option("--diarizer", metavar="NAME", help="Diarizer, as in `oolong diarize`.")
    return diarizer(bundle(folder(command)))


def _diarize(
    host: Host, terminal: Terminal, path: Path, models: dict[str, Any], start: float = 0.0, end: float | None = None
) -> Diarization:
    """Diarize a recording, or a part of it as a recording; times start at 0."""
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
                raise UsageError(f"Invalid --from {start:g}: {path} ends at {audio.duration:.1f} s")
            samples = audio.read(seconds_to_samples(start), seconds_to_samples(end or audio.duration))
            with load_audio(samples) as part:
                return replace(host.diarize(part, config), recording=audio.fingerprint())


def _main_sample(diarization: Diarization, path: Path) -> VoiceSample:
    """Return a sample of the main speaker, who must have at least 80 % of the speech."""
    from oolong_align.speakers.samples import voice_samples

    seconds: dict[int, float] = defaultdict(float)
    for segment in diarization.segments:
        seconds[segment.speaker_id] += segment.end - segment.start
    if not seconds:
        raise InputError(f"{path}: No speech found. Give another recording.")
    main = max(seconds, key=lambda speaker: seconds[speaker])
    if seconds[main] < _MAIN_SHARE * sum(seconds.values()):
        times = ", ".join(f"{each:.0f} s" for each in sorted(seconds.values(), reverse=True))
        raise InputError(
            f"{path}: Found {len(seconds)} speakers ({times}). Select a part with only one of them with --from and --to"
        )
    samples = voice_samples(diarization)
    if main not in samples:
        raise InputError(f"{path}: No second of speech without overlap. Give more speech of one person.")
    return samples[main]


def _labelled(folder: Path) -> list[Path]:
    """Return the files ``FOLDER/PERSON/FILE``, sorted."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: No such folder. Check the path.")
    return sorted(each for each in folder.glob("*/*") if each.is_file() and not each.name.startswith("."))


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.2%}"
