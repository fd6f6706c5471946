"""The built-in plugin: the diarizer, transcriber, formats and stages of this project.

It uses the same hooks as every other plugin. It is registered first and its stage hooks are ``trylast``, so other
plugins precede it. Engines are imported when they are built, not when they are listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from oolong_align.builtin.executor import LocalExecutor
from oolong_align.builtin.formats import cue_layout, output_formats
from oolong_align.builtin.identity import check_library, identify_transcript
from oolong_align.builtin.options import add_options, diarizer_options
from oolong_align.builtin.whisper import build_whisper, check_whisper, prepare_whisper
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

__all__ = ["CorePlugin"]

WHISPER: Final = "whisper"
_DIARIZE: Final = ("transcribe", "align", "diarize")


class CorePlugin:
    """Implements every hook that must have a result."""

    @hookimpl
    def oolong_add_options(self, options: OptionGroup) -> None:
        """Add the options of models, diarization, transcription, subtitles and the page."""
        add_options(options)

    @hookimpl
    def oolong_configure(self, config: Config) -> None:
        """Check the options of the built-in stages and formats."""
        cue_layout(config.options)
        if config.command in _DIARIZE:
            diarizer_options(config.options)
            check_speaker_bounds(*_speaker_bounds(config).values())
            check_library(config)
        if config.command == "transcribe" and config.transcriber.name == WHISPER:
            check_whisper(config)

    @hookimpl
    def oolong_diarizers(self) -> list[DiarizerEntry]:
        """Offer the diarizer of this project."""
        return [DiarizerEntry("vbx", "segmentation, speaker embeddings and VBx clustering", _build_diarizer)]

    @hookimpl
    def oolong_transcribers(self) -> list[TranscriberEntry]:
        """Offer Whisper."""
        return [TranscriberEntry(WHISPER, "Whisper on CTranslate2", build_whisper, prepare_whisper)]

    @hookimpl
    def oolong_formats(self) -> list[OutputFormat]:
        """Offer the built-in formats."""
        return output_formats()

    @hookimpl
    def oolong_speaker_stores(self) -> list[SpeakerStoreEntry]:
        """Offer an SQLite file as the store of voices."""
        return [SpeakerStoreEntry("sqlite", "one SQLite file", _open_sqlite)]

    @hookimpl
    def oolong_executors(self) -> list[ExecutorEntry]:
        """Offer to process one file after another."""
        return [ExecutorEntry("local", "one file after another, in this process", lambda _: LocalExecutor())]

    @hookimpl(trylast=True)
    def oolong_diarize(self, audio: Audio, config: Config) -> Diarization:
        """Run the selected diarizer."""
        diarization = config.build_diarizer()(audio, **_speaker_bounds(config), progress=config.progress)
        check_library(config, diarization)
        return diarization

    @hookimpl(trylast=True)
    def oolong_transcribe(self, audio: Audio, speech: Sequence[SpeechRange], config: Config) -> Words:
        """Run the selected transcriber. Without speech, no model is loaded."""
        if not speech:
            return Words(language_code(config.options["language"] or ""), ())
        return config.build_transcriber()(audio, speech, progress=config.progress)

    @hookimpl(trylast=True)
    def oolong_align(self, words: Words, diarization: Diarization, config: Config) -> Transcript:
        """Assign a speaker to every word."""
        from oolong_align.alignment.align import align

        return align(words, diarization, rule=config.options.get("align_rule", ALIGN_RULES[0]))

    @hookimpl(trylast=True)
    def oolong_identify(self, transcript: Transcript, diarization: Diarization, config: Config) -> Transcript:
        """Compare the speakers with the voices of ``--speakers``; without the option, labels stay unchanged."""
        return identify_transcript(transcript, diarization, config)


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
