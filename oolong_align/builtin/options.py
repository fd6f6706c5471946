"""The built-in plugin's command-line options."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from oolong_align.options import ALIGN_RULES, AUDIO_CHOICES, PRECISIONS, SPEAKER_THRESHOLD, DiarizerOptions
from oolong_align.plugin.entries import OptionGroup

__all__ = ["COMPUTE_TYPES", "LAYOUT_OPTIONS", "add_options", "diarizer_options"]

# CTranslate2 has this list as well, but reading it there would import the engine.
COMPUTE_TYPES: Final = (
    *("default", "auto", "int8", "int8_float32", "int8_float16", "int8_bfloat16"),
    *("int16", "float16", "bfloat16", "float32"),
)
LAYOUT_OPTIONS: Final = ("max_line_width", "max_line_count", "highlight_words", "min_cue", "max_cue")
"""Options that make up a :class:`~oolong_align.formats.cues.CueLayout`."""

_WORDS: Final = ("transcribe",)
_DIARIZE: Final = ("transcribe", "align", "diarize")
_ALL: Final = (*_DIARIZE, "vad")
_BUNDLE: Final = (*_ALL, "edit")
_WRITTEN: Final = ("transcribe", "align", "edit")


def add_options(options: OptionGroup) -> None:
    """Add the options of models, diarization, transcription, subtitles and the page."""
    _add_model_options(partial(options.add, heading="Models"))
    _add_diarizer_options(partial(options.add, heading="Diarization"))
    _add_transcriber_options(partial(options.add, heading="Transcription", commands=_WORDS))
    _add_layout_options(partial(options.add, heading="Subtitles"))
    _add_identity_options(partial(options.add, heading="Diarization"))
    _add_page_options(partial(options.add, heading="Page"))


def diarizer_options(options: Mapping[str, Any]) -> DiarizerOptions:
    """Options of the diarizer and the detector from command-line values.

    ``--threads`` stands in for ``--intra_threads`` and ``--device cuda`` for ``--providers cuda``.

    Raises
    ------
    UsageError
        If a value is out of range.
    """
    names = DiarizerOptions.__dataclass_fields__
    given = {name: options[name] for name in names if name in options}
    given["intra_threads"] = given["intra_threads"] or options["threads"]
    given["providers"] = _names(given["providers"]) or (("cuda",) if options["device"] == "cuda" else ())
    return DiarizerOptions(**given)


def _names(value: str | Sequence[str]) -> tuple[str, ...]:
    """Split names with commas; a sequence, from Python, is taken as it is."""
    listed = value.split(",") if isinstance(value, str) else value
    return tuple(name.strip() for name in listed if name.strip())


def _add_model_options(add: Callable[..., None]) -> None:
    import click

    model = "Whisper model: a size, a name on the hub or a folder."
    add("--model", commands=_WORDS, default="base", metavar="NAME", help=model)
    add("--bundle", commands=_BUNDLE, metavar="NAME", help="Models of the diarizer: a bundle's name or a folder.")
    add("--model_dir", commands=_BUNDLE, metavar="DIR", help="Folder to look for models first (OOLONG_MODELS).")
    add("--threads", commands=_ALL, type=click.IntRange(min=1), help="Threads of every network.")
    add(
        "--device",
        commands=_ALL,
        type=click.Choice(["auto", "cpu", "cuda"]),
        default="auto",
        help="Where networks run; cuda asks for it in the diarizer too.",
    )


def _add_diarizer_options(add: Callable[..., None]) -> None:
    import click

    default = DiarizerOptions()
    speakers = click.IntRange(min=1)
    add("--num_speakers", commands=_DIARIZE, type=speakers, help="Exact number of speakers.")
    add("--min_speakers", commands=_DIARIZE, type=speakers, help="At least so many speakers.")
    add("--max_speakers", commands=_DIARIZE, type=speakers, help="At most so many speakers.")
    add("--exclusive", commands=(*_DIARIZE, "edit"), is_flag=True, help="RTTM: one speaker at a time.")
    switches = {
        "embedding_exclude_overlap": "With --no-refine: embed a voice where nobody else speaks.",
        "exact": "With --no-refine: embed every window by itself, ten times slower.",
        "refine": "Speakers from pieces of one voice; --no-refine works as the reference.",
    }
    for name, text in switches.items():
        flags = f"--{name}/--no-{name}"
        add(flags, commands=_DIARIZE, default=getattr(default, name), show_default=True, help=text)
    unit, positive = click.FloatRange(0, 1), click.FloatRange(min=0, min_open=True)
    numbers: dict[str, tuple[Any, Sequence[str], str]] = {
        "vad_onset": (unit, _ALL, "Speech ranges start above this probability; they gate Whisper."),
        "vad_offset": (unit, _ALL, "Speech ranges end below this probability."),
        "min_duration_off": (click.FloatRange(min=0), _ALL, "Shorter gaps are filled, in seconds."),
        "clustering_threshold": (
            click.FloatRange(0, 2, min_open=True),
            _DIARIZE,
            "Distance of the first clustering: 1.05, or 0.6 with --no-refine.",
        ),
        "intra_threads": (click.IntRange(min=1), _ALL, "Threads of the diarizer's networks; --threads by default."),
        "step": (
            click.FloatRange(0.01, 10),
            _DIARIZE,
            "Seconds between two windows: 1.33, or 1 with --no-refine.",
        ),
        "fa": (positive, _DIARIZE, "VBx: acoustic scaling factor."),
        "fb": (positive, _DIARIZE, "VBx: speaker regularisation."),
        "max_iterations": (click.IntRange(min=1), _DIARIZE, "VBx: iterations at most."),
        "precision": (click.Choice(PRECISIONS), _ALL, "Arithmetic of the diarizer's networks."),
    }
    for name, (kind, commands, text) in numbers.items():
        value = getattr(default, name)
        add(f"--{name}", commands=commands, type=kind, default=value, show_default=value is not None, help=text)
    add(
        "--providers",
        commands=_ALL,
        type=click.UNPROCESSED,
        default="",
        metavar="A,B",
        help="ONNX Runtime's execution providers, by preference.",
    )


def _add_transcriber_options(add: Callable[..., None]) -> None:
    import click

    add("--language", metavar="CODE", help="Language spoken, such as en or English; detected by default.")
    add(
        "--task",
        type=click.Choice(["transcribe", "translate"]),
        default="transcribe",
        help="Keep the language, or translate to English.",
    )
    add("--initial_prompt", metavar="TEXT", help="Text that sets style and spelling.")
    add("--hotwords", metavar="TEXT", help="Words to expect.")
    add("--compute_type", type=click.Choice(COMPUTE_TYPES), default="default", help="Arithmetic of Whisper.")
    add("--batch_size", type=click.IntRange(min=1), default=8, show_default=True, help="Clips at a time.")
    add(
        "--align_rule",
        commands=(*_WORDS, "align"),
        type=click.Choice(ALIGN_RULES),
        default=ALIGN_RULES[0],
        show_default=True,
        help="Speakers of words by voices, pauses and turns, or by the turns' overlap only.",
    )


def _add_layout_options(add: Callable[..., None]) -> None:
    import click

    from oolong_align.formats.cues import CueLayout

    default = CueLayout()
    limits: dict[str, tuple[Any, str]] = {
        "max_line_width": (click.IntRange(min=1), "Columns of a line; a wide character (CJK) takes two."),
        "max_line_count": (click.IntRange(min=1), "Lines of a subtitle."),
        "min_cue": (click.FloatRange(min=0), "Seconds a subtitle stays at least, where the next one leaves them."),
        "max_cue": (click.FloatRange(min=0, min_open=True), "Seconds a subtitle stays at most."),
    }
    for name, (kind, text) in limits.items():
        value = getattr(default, name)
        add(f"--{name}", commands=_WRITTEN, type=kind, default=value, show_default=True, help=text)
    add("--highlight_words", commands=_WRITTEN, is_flag=True, help="Mark each word while it is spoken.")


def _add_identity_options(add: Callable[..., None]) -> None:
    """Add the options of identification."""
    from oolong_align.builtin.params import FiniteRange

    add(
        "--speaker_threshold",
        commands=("transcribe", "align", "diarize"),
        type=FiniteRange(0, 1, min_open=True, max_open=True),
        default=SPEAKER_THRESHOLD,
        show_default=True,
        help="--speakers: least probability of a known voice; who is below is a new one.",
    )


def _add_page_options(add: Callable[..., None]) -> None:
    """Add the options of the page."""
    import click

    add(
        "--html_audio",
        commands=("transcribe", "align", "diarize", "edit"),
        type=click.Choice(AUDIO_CHOICES),
        default=AUDIO_CHOICES[0],
        show_default=True,
        help="HTML: recording inside the page or linked; auto embeds up to 16 MB.",
    )
