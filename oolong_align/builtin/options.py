"""The built-in plugin's command-line options."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from oolong_align.options import ALIGN_RULES, AUDIO_CHOICES, METHODS, PRECISIONS, SPEAKER_THRESHOLD, DiarizerOptions
from oolong_align.plugin.entries import OptionGroup

__all__ = ["COMPUTE_TYPES", "add_options", "diarizer_options"]

# CTranslate2 has this list as well, but reading it there would import the engine.
COMPUTE_TYPES: Final = (
    *("default", "auto", "int8", "int8_float32", "int8_float16", "int8_bfloat16"),
    *("int16", "float16", "bfloat16", "float32"),
)
_WORDS: Final = ("transcribe",)
_DIARIZE: Final = ("transcribe", "align", "diarize")
_ALL: Final = (*_DIARIZE, "vad")
_OTHERS: Final = ("align", "diarize", "vad")
_BUNDLE: Final = (*_ALL, "edit")
_WRITTEN: Final = ("transcribe", "align", "edit")


def add_options(options: OptionGroup) -> None:
    """Add the options of transcription, speakers, subtitles, the page and the models.

    Expert options are ``hidden``: the help lists them only with ``--help-advanced``.
    """
    _add_page_options(partial(options.add, heading="Output"))
    _add_transcriber_options(partial(options.add, heading="Transcription", commands=_WORDS))
    _add_speaker_options(partial(options.add, heading="Speakers"))
    _add_layout_options(partial(options.add, heading="Subtitles"))
    _add_model_options(partial(options.add, heading="Models and hardware"))
    _add_speech_options(partial(options.add, heading="Speech detection", commands=_ALL))
    _add_expert_options(partial(options.add, heading="Advanced", hidden=True))


def diarizer_options(options: Mapping[str, Any]) -> DiarizerOptions:
    """Create the options of the diarizer and the voice activity detector from command-line values.

    ``--threads`` is the default of ``--intra_threads``, and ``--device cuda`` implies ``--providers cuda``.

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
    """Split comma-separated names; a sequence, given from Python, is used unchanged."""
    listed = value.split(",") if isinstance(value, str) else value
    return tuple(name.strip() for name in listed if name.strip())


def _add_transcriber_options(add: Callable[..., None]) -> None:
    import click

    from oolong_align.builtin.params import WholeNumber

    add(
        "--model",
        default="base",
        metavar="NAME",
        help="Whisper model: a size such as tiny.en or large-v3, a Hugging Face name, or a folder.",
    )
    add(
        "--language",
        metavar="CODE",
        show_default="detected",
        help="Spoken language, such as en or English.",
    )
    add(
        "--task",
        type=click.Choice(["transcribe", "translate"]),
        default="transcribe",
        metavar="TASK",
        help="Keep the spoken language (transcribe) or translate to English (translate).",
    )
    add("--initial_prompt", metavar="TEXT", help="Prompt that sets style and spelling.")
    add("--hotwords", metavar="TEXT", help="Words and names to expect.")
    add(
        "--batch_size",
        type=WholeNumber(min=1),
        default=8,
        metavar="N",
        hidden=True,
        help="Number of audio clips that Whisper processes at a time.",
    )
    add(
        "--compute_type",
        type=click.Choice(COMPUTE_TYPES),
        default="default",
        show_default="int8 on CPU, float16 on CUDA",
        hidden=True,
        metavar="TYPE",
        help="Numeric type of Whisper, such as int8 or float32.",
    )


def _add_speaker_options(add: Callable[..., None]) -> None:

    from oolong_align.builtin.params import FiniteRange, WholeNumber

    count = WholeNumber(min=1)
    add("--num_speakers", commands=_DIARIZE, type=count, metavar="N", help="Exact number of speakers, if known.")
    add("--min_speakers", commands=_DIARIZE, type=count, metavar="N", help="Minimum number of speakers.")
    add("--max_speakers", commands=_DIARIZE, type=count, metavar="N", help="Maximum number of speakers.")
    add(
        "--speaker_threshold",
        commands=_DIARIZE,
        type=FiniteRange(0, 1, min_open=True, max_open=True),
        default=SPEAKER_THRESHOLD,
        metavar="P",
        help="Minimum probability to recognise a voice of --speakers; others are stored as new voices.",
    )


def _add_layout_options(add: Callable[..., None]) -> None:
    import click

    from oolong_align.builtin.params import WholeNumber
    from oolong_align.formats.cues import CueLayout

    default = CueLayout()
    count, seconds = WholeNumber(min=1), click.FloatRange(min=0)
    positive = click.FloatRange(min=0, min_open=True)
    limits: dict[str, tuple[Any, str, str]] = {
        "max_line_width": (count, "N", "Maximum line width in columns; wide characters (CJK) take two."),
        "max_line_count": (count, "N", "Maximum number of lines per subtitle."),
        "min_cue": (seconds, "SECONDS", "Minimum subtitle duration in seconds, if the next subtitle allows."),
        "max_cue": (positive, "SECONDS", "Maximum subtitle duration in seconds."),
    }
    for name, (kind, metavar, text) in limits.items():
        add(f"--{name}", commands=_WRITTEN, type=kind, default=getattr(default, name), metavar=metavar, help=text)
    add("--highlight_words", commands=_WRITTEN, is_flag=True, help="Underline each word while it is spoken.")


def _add_page_options(add: Callable[..., None]) -> None:
    import click

    add(
        "--html_audio",
        commands=(*_DIARIZE, "edit"),
        type=click.Choice(AUDIO_CHOICES),
        default=AUDIO_CHOICES[0],
        metavar="HOW",
        help="Recording in the HTML page: embed, link, none, or auto (embed up to 16 MB).",
    )
    add("--exclusive", commands=(*_DIARIZE, "edit"), is_flag=True, help="RTTM: one speaker at a time.")


def _add_model_options(add: Callable[..., None]) -> None:
    import click

    from oolong_align.builtin.params import WholeNumber

    for commands, auto in ((_WORDS, "CUDA for Whisper if available, otherwise the CPU"), (_OTHERS, "the CPU")):
        add(
            "--device",
            commands=commands,
            type=click.Choice(["auto", "cpu", "cuda"]),
            default="auto",
            help=f"Device of the models. auto: {auto}.",
        )
    add(
        "--threads",
        commands=_ALL,
        type=WholeNumber(min=1),
        show_default="one per core",
        metavar="N",
        help="Number of CPU threads.",
    )
    add(
        "--precision",
        commands=_ALL,
        type=click.Choice(PRECISIONS),
        default=DiarizerOptions().precision,
        hidden=True,
        help="Numeric type of the diarization models.",
    )
    for users, hidden in ((_ALL, True), (("edit",), False)):
        add(
            "--bundle",
            commands=users,
            metavar="NAME",
            help="Diarization models: a bundle name or a folder.",
            hidden=hidden,
        )
    add(
        "--model_dir",
        commands=_BUNDLE,
        metavar="DIR",
        show_default="$OOLONG_MODELS",
        help="Folder to search for models first.",
    )


def _add_speech_options(add: Callable[..., None]) -> None:
    import click

    default = DiarizerOptions()
    unit = click.FloatRange(0, 1)
    limits: dict[str, tuple[Any, str, str]] = {
        "vad_onset": (unit, "P", "Probability above which a speech range starts."),
        "vad_offset": (unit, "P", "Probability below which a speech range ends."),
        "min_duration_off": (click.FloatRange(min=0), "SECONDS", "Fill shorter pauses in turns and speech ranges."),
    }
    for name, (kind, metavar, text) in limits.items():
        add(f"--{name}", type=kind, default=getattr(default, name), metavar=metavar, help=text)


def _add_expert_options(add: Callable[..., None]) -> None:
    import click

    from oolong_align.builtin.params import WholeNumber

    default = DiarizerOptions()
    positive = click.FloatRange(min=0, min_open=True)
    add(
        "--method",
        commands=_DIARIZE,
        type=click.Choice(METHODS),
        default=default.method,
        help="Cluster single-speaker pieces, or whole windows as pyannote.audio 4 does.",
    )
    # The former name of --method, kept for existing scripts.
    add("--refine/--no-refine", commands=_DIARIZE, default=None, help="Deprecated: use --method.")
    add(
        "--step",
        commands=_DIARIZE,
        type=click.FloatRange(0.01, 10),
        metavar="SECONDS",
        show_default="1.33, or 1 with --method windows",
        help="Step between segmentation windows of 10 s.",
    )
    add(
        "--clustering_threshold",
        commands=_DIARIZE,
        type=click.FloatRange(0, 2, min_open=True),
        metavar="DISTANCE",
        show_default="1.05, or 0.6 with --method windows",
        help="Distance at which the initial clustering stops.",
    )
    add("--fa", commands=_DIARIZE, type=positive, default=default.fa, metavar="X", help="VBx: acoustic scaling factor.")
    add(
        "--fb",
        commands=_DIARIZE,
        type=positive,
        default=default.fb,
        metavar="X",
        help="VBx: speaker regularisation factor.",
    )
    add(
        "--max_iterations",
        commands=_DIARIZE,
        type=WholeNumber(min=1),
        default=default.max_iterations,
        metavar="N",
        help="VBx: maximum number of iterations.",
    )
    add(
        "--embedding_exclude_overlap/--no-embedding_exclude_overlap",
        commands=_DIARIZE,
        default=default.embedding_exclude_overlap,
        show_default="on",
        help="With --method windows: exclude overlapping speech from embeddings.",
    )
    add(
        "--exact/--no-exact",
        commands=_DIARIZE,
        default=default.exact,
        show_default="off",
        help="With --method windows: embed each window separately, ten times slower.",
    )
    add(
        "--align_rule",
        commands=(*_WORDS, "align"),
        type=click.Choice(ALIGN_RULES),
        default=ALIGN_RULES[0],
        help="Choose the speaker of a word by voices, pauses and turns (voice), or by turns only (overlap).",
    )
    add(
        "--intra_threads",
        commands=_ALL,
        type=WholeNumber(min=1),
        metavar="N",
        show_default="--threads",
        help="Number of threads of the diarization models.",
    )
    add(
        "--providers",
        commands=_ALL,
        type=click.UNPROCESSED,
        default="",
        show_default="cpu, or cuda with --device cuda",
        metavar="A,B",
        help="ONNX Runtime execution providers of the diarization models, in order of preference.",
    )
