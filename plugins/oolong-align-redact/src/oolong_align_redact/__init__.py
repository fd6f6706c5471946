"""Masks names, numbers, e-mail addresses and custom patterns in transcripts of oolong-align.

The transcript is masked right after the alignment, before other wrappers and formats, and again after the speakers have
names.
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
        help="Mask the matches of a regular expression; repeatable.",
    )
    options.add(
        "--redact_words",
        commands=commands,
        metavar="FILE",
        multiple=True,
        help="Mask the words and phrases in a file, one per line; repeatable.",
    )
    options.add(
        "--redact_audio",
        commands=("transcribe",),
        type=click.Choice(COVERS),
        help=f"Write a copy of the audio (STEM{SUFFIX}) without the masked words.",
    )


@hookimpl
def oolong_configure(config: Config) -> None:
    """Reject options that would leave something unmasked, before any work."""
    rules = read_rules(config.options)
    if config.options.get("redact_audio") and not rules.mask_words:
        raise UsageError("Option --redact_audio requires --redact, --redact_pattern or --redact_words. Add one of them")
    if rules.mask_words:
        for each in config.formats:
            # Formats with `render_file` contain or link the recording; only the page has an option against it.
            bare = each.name == "html" and config.options.get("html_audio") == "none"
            if each.render_file is not None and not bare:
                raise UsageError(
                    f"--{each.name} contains the recording, in which masked words are audible. Remove the format"
                    f"{', or add --html_audio none' if each.name == 'html' else ''}"
                )


# tryfirst: the outermost wrapper also masks what other wrappers add.
@hookimpl(wrapper=True, tryfirst=True)
def oolong_align(config: Config) -> Generator[None, Transcript, Transcript]:
    """Mask the words."""
    transcript = yield
    return mask_transcript(transcript, read_rules(config.options))


@hookimpl(wrapper=True, tryfirst=True)
def oolong_identify(config: Config) -> Generator[None, Transcript, Transcript]:
    """Mask the names of the speakers, and remove the speakers with ``--redact speakers``."""
    transcript = yield
    rules = read_rules(config.options)
    masked = mask_transcript(transcript, rules)
    return forget_speakers(masked) if "speakers" in rules.kinds else masked


@hookimpl
def oolong_finish(results: Sequence[Result], config: Config) -> None:
    """Write the copies of the audio to the folder of the other outputs."""
    cover = config.options.get("redact_audio")
    if not cover:
        return
    for result in results:
        if result.transcript is None:
            continue
        if not result.outputs:
            raise UsageError("Option --redact_audio writes a file. Give a folder with -o")
        target = result.outputs[0].parent / f"{result.source.stem}{SUFFIX}"
        if any(target.exists() and each.source.exists() and target.samefile(each.source) for each in results):
            raise OutputError(f"{target}: The output would replace an input. Choose another --output_dir")
        spans = masked_spans(word for word in result.transcript.words if is_masked(word))
        write_audio(result.source, target, spans, cover=cover)
