"""The default plugin: this project's own diarizer, transcriber, formats and stages, with no private door.

It is registered first and its stage hooks are ``trylast``, so every other plugin wins over it. Engines are imported
when they are built: listing what there is loads none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from oolong_align.builtin.executor import LocalExecutor
from oolong_align.builtin.identity import check_library, identify_transcript
from oolong_align.builtin.options import LAYOUT_OPTIONS, add_options, diarizer_options
from oolong_align.builtin.page import page_format
from oolong_align.builtin.whisper import build_whisper, check_whisper, prepare_whisper
from oolong_align.errors import UsageError
from oolong_align.options import ALIGN_RULES, check_speaker_bounds
from oolong_align.plugin.entries import (
    Config,
    DiarizeCall,
    DiarizerEntry,
    ExecutorEntry,
    OptionGroup,
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

__all__ = ["CorePlugin"]

WHISPER: Final = "whisper"
_DIARIZE: Final = ("transcribe", "align", "diarize")


class CorePlugin:
    """Implements every hook that something must answer; holds the options of its formats, which a host has once."""

    def __init__(self) -> None:
        self._shape: dict[str, Any] = {}

    @hookimpl
    def oolong_add_options(self, options: OptionGroup) -> None:
        """Add the options of models, diarization, transcription, subtitles and the page."""
        add_options(options)

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
            OutputFormat("txt", ".txt", "Plain text, one utterance per line", _renderer("txt")),
            OutputFormat("tsv", ".tsv", "Tab-separated values: start and end in ms, speaker, text", _renderer("tsv")),
            OutputFormat(
                "json", ".json", "Complete result, a superset of WhisperX's JSON", _renderer("json"), words=False
            ),
            OutputFormat("rttm", ".rttm", "Speaker turns in NIST's RTTM format", self._render_rttm, words=False),
            OutputFormat("whisperx", ".whisperx.json", "WhisperX's JSON", _renderer("whisperx")),
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
        shape = {name: options[name] for name in (*LAYOUT_OPTIONS, "exclusive", "html_audio") if name in options}
        for name, value in shape.items():
            if self._shape.get(name, value) != value:
                raise UsageError(
                    f"{name}={value}: this host writes its formats with {name}={self._shape[name]}; "
                    "load another host for this run"
                )
        self._shape |= shape


def _layouts(values: Mapping[str, Any]) -> tuple[CueLayout, ...]:
    """Return the layout that was configured; nothing leaves the renderer its default."""
    given = {name: values[name] for name in LAYOUT_OPTIONS if name in values}
    if not given:
        return ()
    from oolong_align.formats.cues import CueLayout

    return (CueLayout(**given),)


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
