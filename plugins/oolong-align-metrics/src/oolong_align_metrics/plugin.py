"""``oolong eval der`` and ``oolong eval words``."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from oolong_align.errors import InputError
from oolong_align.hookspecs import hookimpl, print_table

if TYPE_CHECKING:
    from oolong_align_metrics.diarization import DiarizationErrors
    from oolong_align_metrics.readers import Turn
    from oolong_align_metrics.words import WordErrors

TOTAL: Final = "TOTAL"
T = TypeVar("T")

_input = click.Path(exists=True, readable=True, path_type=Path)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print counts and rates as JSON.")


@hookimpl
def oolong_commands(cli: click.Group) -> None:
    """Add ``oolong eval``."""
    cli.add_command(_eval)


@click.group("eval")
def _eval() -> None:
    """Measure errors against a reference."""


@_eval.command("der")
@click.argument("reference", metavar="REF.rttm", type=_input)
@click.argument("hypothesis", metavar="HYP.rttm", type=_input)
@click.option("--uem", type=_input, metavar="FILE", help="Score only the ranges in a UEM file.")
@click.option(
    "--collar",
    type=click.FloatRange(min=0, max=60),
    default=0.0,
    show_default=True,
    metavar="SECONDS",
    help="Exclude this time on each side of every reference boundary.",
)
@click.option("--skip_overlap", is_flag=True, help="Exclude ranges where several reference speakers overlap.")
@_json_option
def _der(reference: Path, hypothesis: Path, uem: Path | None, collar: float, skip_overlap: bool, as_json: bool) -> None:
    """Measure who speaks when: DER with its parts, and JER.

    Both arguments can be files with several recordings, or folders of .rttm files.
    """
    from oolong_align_metrics.diarization import DiarizationErrors, diarization_errors
    from oolong_align_metrics.readers import read_rttm, read_uem
    from oolong_align_metrics.recordings import collect, pair

    no_turns: tuple[Turn, ...] = ()
    truth = collect(reference, ".rttm", read_rttm, no_turns)
    pairs = pair(truth, collect(hypothesis, ".rttm", read_rttm, no_turns), no_turns)
    scored = read_uem(uem) if uem is not None else None
    if scored is not None and (unlisted := [name for name in pairs if name not in scored]):
        raise InputError(f"{uem}: No range for recording {unlisted[0]!r}. Add a line for it")
    score = partial(diarization_errors, collar=collar, skip_overlap=skip_overlap)
    errors = {name: score(*both, ranges=scored[name] if scored else None) for name, both in pairs.items()}
    _report(errors, DiarizationErrors.sum, _DER_COLUMNS, _DER_RATES, as_json)


@_eval.command("words")
@click.argument("reference", metavar="REF.stm", type=_input)
@click.argument("hypothesis", metavar="HYP.json", type=_input)
@click.option("--language", metavar="CODE", help="Language of the normaliser (en, de, ...); by default that of HYP.")
@_json_option
def _words(reference: Path, hypothesis: Path, language: str | None, as_json: bool) -> None:
    """Measure who says what: WER, cpWER, and WDER, the share of recognised words with a wrong speaker.

    The arguments can be folders of .stm and of .json files (from oolong, WhisperX or Whisper).
    """
    from oolong_align_metrics.readers import Hypothesis, read_hypothesis, read_stm
    from oolong_align_metrics.recordings import collect, pair
    from oolong_align_metrics.words import WordErrors, word_errors

    no_turns: tuple[Turn, ...] = ()
    no_words = Hypothesis("", ())
    recognised = collect(hypothesis, ".json", lambda path: {path.stem: read_hypothesis(path)}, no_words)
    spoken = collect(reference, ".stm", read_stm, no_turns)
    # A recording without a hypothesis is normalised in the language of the others.
    languages = (each.language for each in recognised.values() if each.language)
    pairs = pair(spoken, recognised, Hypothesis(next(languages, ""), ()))
    errors = {name: word_errors(*both, language=language) for name, both in pairs.items()}
    _report(errors, WordErrors.sum, _WORD_COLUMNS, _WORD_RATES, as_json)


def _report(
    errors: Mapping[str, T],
    add: Callable[[list[T]], T],
    columns: Mapping[str, Callable[[T], str]],
    rates: tuple[str, ...],
    as_json: bool,
) -> None:
    total = add(list(errors.values()))
    if as_json:
        recordings = {name: _record(each, rates) for name, each in errors.items()}
        click.echo(json.dumps({"recordings": recordings, "total": _record(total, rates)}, ensure_ascii=False, indent=1))
        return
    rows = list(errors.items()) + ([(TOTAL, total)] if len(errors) > 1 else [])
    cells = [(name, *(cell(each) for cell in columns.values())) for name, each in rows]
    print_table(("recording", *columns), cells, sys.stdout)


def _record(errors: Any, rates: tuple[str, ...]) -> dict[str, float | None]:
    values = asdict(errors) | {name: getattr(errors, name) for name in rates}
    return {name: None if math.isnan(value) else round(value, 6) for name, value in values.items()}


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f}"


def _share(part: float, whole: float) -> str:
    return _percent(part / whole if whole else math.nan)


_DER_RATES: Final = ("error_rate", "jaccard_error_rate")
_DER_COLUMNS: Final[dict[str, Callable[[DiarizationErrors], str]]] = {
    "DER %": lambda each: _percent(each.error_rate),
    "false alarm %": lambda each: _share(each.false_alarm, each.speech),
    "missed %": lambda each: _share(each.missed, each.speech),
    "confusion %": lambda each: _share(each.confusion, each.speech),
    "JER %": lambda each: _percent(each.jaccard_error_rate),
    "speech s": lambda each: f"{each.speech:.1f}",
    "false alarm s": lambda each: f"{each.false_alarm:.1f}",
    "missed s": lambda each: f"{each.missed:.1f}",
    "confusion s": lambda each: f"{each.confusion:.1f}",
    "REF speakers": lambda each: str(each.reference_speakers),
    "HYP speakers": lambda each: str(each.hypothesis_speakers),
}

_WORD_RATES: Final = (
    "word_error_rate",
    "cp_word_error_rate",
    "speaker_error_rate",
    "no_speaker_rate",
    "short_speaker_error_rate",
    "short_no_speaker_rate",
)
_WORD_COLUMNS: Final[dict[str, Callable[[WordErrors], str]]] = {
    "WER %": lambda each: _percent(each.word_error_rate),
    "cpWER %": lambda each: _percent(each.cp_word_error_rate),
    "WDER %": lambda each: _percent(each.speaker_error_rate),
    "no speaker %": lambda each: _percent(each.no_speaker_rate),
    "short turns WDER %": lambda each: _percent(each.short_speaker_error_rate),
    "no speaker in them %": lambda each: _percent(each.short_no_speaker_rate),
    "words": lambda each: str(each.words),
    "recognised": lambda each: str(each.recognised),
    "in short turns": lambda each: str(each.short_recognised),
}
