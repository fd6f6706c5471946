"""The default plugin: this project's own diarizer, transcriber, formats and stages, with no private door.

It is registered first and its stage hooks are ``trylast``, so every other plugin wins over it. Engines are imported
when they are built: listing what there is loads none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from oolong_align.builtin.identity import add_identity_options, check_library, identify_transcript
from oolong_align.builtin.page import add_page_options, page_format
from oolong_align.builtin.whisper import build_whisper, check_whisper, prepare_whisper
from oolong_align.errors import UsageError
from oolong_align.options import ALIGN_RULES, PRECISIONS, DiarizerOptions, check_speaker_bounds
from oolong_align.plugin.entries import (
    Config,
    DiarizeCall,
    DiarizerEntry,
    ExecutorEntry,
    Item,
    OptionGroup,
    Outcome,
    OutputFormat,
    SpeakerStore,
    SpeakerStoreEntry,
    TranscriberEntry,
)
from oolong_align.plugin.spec import hookimpl
from oolong_align.text.languages import language_code
from oolong_align.types import Diarization, SpeechRange, Transcript, Words

if TYPE_CHECKING:
    from oolong_align.audio.recording import Audio
    from oolong_align.formats.cues import CueLayout

__all__ = ["CorePlugin", "diarizer_options"]

# The engine has this list as well, but asking it would load it.
COMPUTE_TYPES: Final = (
    *("default", "auto", "int8", "int8_float32", "int8_float16", "int8_bfloat16"),
    *("int16", "float16", "bfloat16", "float32"),
)
WHISPER: Final = "whisper"
_LAYOUT: Final = ("max_line_width", "max_line_count", "highlight_words", "min_cue", "max_cue")
_WORDS: Final = ("transcribe",)
_DIARIZE: Final = ("transcribe", "align", "diarize")
_ALL: Final = (*_DIARIZE, "vad")
_BUNDLE: Final = (*_ALL, "edit")
_WRITTEN: Final = ("transcribe", "align", "edit")


class CorePlugin:
    """Implements every hook that something must answer; holds the options of its formats, which a host has once."""

    def __init__(self) -> None:
        self._shape: dict[str, Any] = {}

    @hookimpl
    def oolong_add_options(self, options: OptionGroup) -> None:
        """Add the options of models, diarization, transcription and subtitles."""
        _add_model_options(partial(options.add, heading="Models"))
        _add_diarizer_options(partial(options.add, heading="Diarization"))
        _add_transcriber_options(partial(options.add, heading="Transcription", commands=_WORDS))
        _add_layout_options(partial(options.add, heading="Subtitles"))
        add_identity_options(partial(options.add, heading="Diarization"))
        add_page_options(partial(options.add, heading="Page"))

    @hookimpl
    def oolong_configure(self, config: Config) -> None:
        """Check what the core's stages will use, before any work."""
        self._remember(config.options)
        if config.command in _DIARIZE:
            diarizer_options(config.options)
            check_speaker_bounds(*_speaker_bounds(config).values())
            check_library(config)
        if config.command == "transcribe" and config.transcriber.name == WHISPER:
            check_whisper(config)

    @hookimpl
    def oolong_diarizers(self) -> list[DiarizerEntry]:
        """Offer the diarizer of this project."""
        return [DiarizerEntry("vbx", "segmentation, voice embeddings and VBx clustering", _build_diarizer)]

    @hookimpl
    def oolong_transcribers(self) -> list[TranscriberEntry]:
        """Offer Whisper."""
        return [TranscriberEntry(WHISPER, "Whisper on CTranslate2", build_whisper, prepare_whisper)]

    @hookimpl
    def oolong_formats(self) -> list[OutputFormat]:
        """Offer the formats of the core."""
        return [
            OutputFormat("srt", ".srt", "SubRip subtitles", self._render_srt),
            OutputFormat("vtt", ".vtt", "WebVTT subtitles", self._render_vtt),
            OutputFormat("txt", ".txt", "Text, one utterance a line", _renderer("txt")),
            OutputFormat("tsv", ".tsv", "Tab-separated: start and end in ms, speaker, text", _renderer("tsv")),
            OutputFormat("json", ".json", "Everything, a superset of WhisperX's JSON", _renderer("json"), words=False),
            OutputFormat("rttm", ".rttm", "Turns in the format of NIST", self._render_rttm, words=False),
            OutputFormat("whisperx", ".whisperx.json", "JSON as WhisperX writes it", _renderer("whisperx")),
            OutputFormat("verbose_json", ".verbose.json", "OpenAI's verbose_json", _renderer("verbose_json")),
            OutputFormat("diarized_json", ".diarized.json", "OpenAI's diarized_json", _renderer("diarized_json")),
            page_format(self._shape, _layouts),
        ]

    @hookimpl
    def oolong_speaker_stores(self) -> list[SpeakerStoreEntry]:
        """Offer to keep voices in a file."""
        return [SpeakerStoreEntry("sqlite", "one SQLite file", _open_sqlite)]

    @hookimpl
    def oolong_executors(self) -> list[ExecutorEntry]:
        """Offer to work on one file after another."""
        return [ExecutorEntry("local", "one file after another, in this process", lambda _: LocalExecutor())]

    @hookimpl(trylast=True)
    def oolong_diarize(self, audio: Audio, config: Config) -> Diarization:
        """Run the chosen diarizer."""
        diarization = config.build_diarizer()(audio, **_speaker_bounds(config), progress=config.progress)
        check_library(config, diarization)
        return diarization

    @hookimpl(trylast=True)
    def oolong_transcribe(self, audio: Audio, speech: Sequence[SpeechRange], config: Config) -> Words:
        """Run the chosen transcriber; where nobody speaks no model is loaded."""
        if not speech:
            return Words(language_code(config.options["language"] or ""), ())
        return config.build_transcriber()(audio, speech, progress=config.progress)

    @hookimpl(trylast=True)
    def oolong_align(self, words: Words, diarization: Diarization, config: Config) -> Transcript:
        """Give every word its speaker."""
        from oolong_align.alignment.align import align

        return align(words, diarization, rule=config.options.get("align_rule", ALIGN_RULES[0]))

    @hookimpl(trylast=True)
    def oolong_identify(self, transcript: Transcript, diarization: Diarization, config: Config) -> Transcript:
        """Compare the speakers with the voices of ``--speakers``; without it the labels stay as they are."""
        return identify_transcript(transcript, diarization, config)

    def _render_srt(self, transcript: Transcript) -> str:
        from oolong_align.formats.srt import render_srt

        return render_srt(transcript, *_layouts(self._shape))

    def _render_vtt(self, transcript: Transcript) -> str:
        from oolong_align.formats.vtt import render_vtt

        return render_vtt(transcript, *_layouts(self._shape))

    def _render_rttm(self, transcript: Transcript) -> str:
        from oolong_align.formats.rttm import render_rttm

        return render_rttm(transcript, exclusive=bool(self._shape.get("exclusive")))

    def _remember(self, options: Mapping[str, Any]) -> None:
        """Keep what the formats need to know; refuse what no cue can have, and another shape than other runs have."""
        _layouts(options)
        shape = {name: options[name] for name in (*_LAYOUT, "exclusive", "html_audio") if name in options}
        for name, value in shape.items():
            if self._shape.get(name, value) != value:
                raise UsageError(
                    f"{name}={value}: this host writes its formats with {name}={self._shape[name]}; "
                    "load another host for this run"
                )
        self._shape |= shape


def _layouts(values: Mapping[str, Any]) -> tuple[CueLayout, ...]:
    """Return the layout that was configured; nothing leaves the renderer its default."""
    given = {name: values[name] for name in _LAYOUT if name in values}
    if not given:
        return ()
    from oolong_align.formats.cues import CueLayout

    return (CueLayout(**given),)


class LocalExecutor:
    """Works on one file after another, in this process."""

    def __enter__(self) -> LocalExecutor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        return None

    def map(self, function: Callable[[Item], Outcome], items: Iterable[Item], /) -> Iterator[Outcome]:
        """Give the function's results, each computed when it is asked for."""
        return map(function, items)


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


def _speaker_bounds(config: Config) -> dict[str, int | None]:
    return {name: config.options[name] for name in ("num_speakers", "min_speakers", "max_speakers")}


def _build_diarizer(config: Config) -> DiarizeCall:
    from oolong_align.diarization.diarizer import Diarizer

    return Diarizer.from_pretrained(
        config.options["bundle"],
        model_dir=config.options["model_dir"],
        options=diarizer_options(config.options),
        progress=config.progress,
    )


def _open_sqlite(url: str) -> SpeakerStore:
    from oolong_align.speakers.sqlite import open_sqlite

    return open_sqlite(url)


def _renderer(name: str) -> Callable[[Transcript], str]:
    """Renderer that is imported when it is used."""

    def render(transcript: Transcript) -> str:
        from oolong_align import formats

        text: str = getattr(formats, f"render_{name}")(transcript)
        return text

    return render


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
