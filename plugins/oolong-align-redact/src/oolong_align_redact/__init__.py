"""Masks what must not be read in transcripts of oolong-align: names, numbers, e-mail addresses, custom patterns.

The transcript is masked right after the alignment, before any other wrapper and any format sees it, and again when
speakers have names.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

import click

from oolong_align.errors import OutputError, UsageError
from oolong_align.hookspecs import Config, OptionGroup, Result, hookimpl
from oolong_align.types import Transcript
from oolong_align_redact.audio import COVERS, masked_spans, write_audio
from oolong_align_redact.rules import KINDS, Rules, forget_speakers, is_masked, mask_transcript, read_rules

__all__ = ["Rules", "mask_transcript", "read_rules"]

SUFFIX = ".redacted.flac"


@hookimpl
def oolong_add_options(options: OptionGroup) -> None:
    """Add ``--redact``, ``--redact_pattern``, ``--redact_words`` and ``--redact_audio``."""
    commands = ("transcribe", "align")
    options.add("--redact", commands=commands, metavar="A,B", default="", help=f"Mask {', '.join(KINDS)}.")
    options.add(
        "--redact_pattern",
        commands=commands,
        metavar="REGEX",
        multiple=True,
        help="Mask what a regular expression matches; may be repeated.",
    )
    options.add(
        "--redact_words",
        commands=commands,
        metavar="FILE",
        multiple=True,
        help="Mask the words and phrases of a file, one a line; may be repeated.",
    )
    options.add(
        "--redact_audio",
        commands=("transcribe",),
        type=click.Choice(COVERS),
        help=f"Write a copy of the audio (STEM{SUFFIX}) without the masked words.",
    )


@hookimpl
def oolong_configure(config: Config) -> None:
    """Refuse what cannot be masked before any work."""
    rules = read_rules(config.options)
    if config.options.get("redact_audio") and not rules.mask_words:
        raise UsageError("--redact_audio: nothing is masked; say what with --redact, --redact_pattern, --redact_words")
    if rules.mask_words and config.options.get("html_audio") != "none":
        for each in config.formats:
            # Formats that are given the recording hold it or link to it.
            if each.render_file is not None:
                raise UsageError(
                    f"--{each.name} holds the recording, in which all that is masked is still heard: leave the format "
                    "out, or its audio with --html_audio none"
                )


# tryfirst: the outermost wrapper, so that nothing that others add is missed.
@hookimpl(wrapper=True, tryfirst=True)
def oolong_align(config: Config) -> Generator[None, Transcript, Transcript]:
    """Mask the words."""
    transcript = yield
    return mask_transcript(transcript, read_rules(config.options))


@hookimpl(wrapper=True, tryfirst=True)
def oolong_identify(config: Config) -> Generator[None, Transcript, Transcript]:
    """Mask the names that the speakers have got, and forget the speakers if that was asked for."""
    transcript = yield
    rules = read_rules(config.options)
    masked = mask_transcript(transcript, rules)
    return forget_speakers(masked) if "speakers" in rules.kinds else masked


@hookimpl
def oolong_finish(results: Sequence[Result], config: Config) -> None:
    """Write the copies of the audio beside the other outputs."""
    cover = config.options.get("redact_audio")
    if not cover:
        return
    for result in results:
        if result.transcript is None:
            continue
        if not result.outputs:
            raise UsageError("--redact_audio writes a file: name a folder with -o")
        target = result.outputs[0].parent / f"{result.source.stem}{SUFFIX}"
        if any(target.exists() and each.source.exists() and target.samefile(each.source) for each in results):
            raise OutputError(f"{target} is an input itself: choose another --output_dir")
        spans = masked_spans(word for word in result.transcript.words if is_masked(word))
        write_audio(result.source, target, spans, cover=cover)
