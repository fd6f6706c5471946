"""Whisper as the transcriber of the pipeline: what is refused early, what is fetched early, what is loaded late."""

from __future__ import annotations

from functools import partial

from oolong_align.plugin.entries import Config, TranscribeCall
from oolong_align.transcription.whisper_model import check_choice, fetch_whisper

__all__ = ["build_whisper", "check_whisper", "prepare_whisper"]


def check_whisper(config: Config) -> None:
    """Refuse what Whisper could not do: the diarization before it takes minutes.

    Raises
    ------
    UsageError
        If the options do not fit together.
    ModelNotFoundError
        If the model can be no name and is no folder with a model.
    """
    from oolong_align.weights import locate_whisper
    from oolong_align.weights.manifest import load_manifest

    options = config.options
    check_choice(
        locate_whisper(options["model"], model_dir=options["model_dir"]),
        **{name: options[name] for name in ("language", "task", "device", "compute_type")},
        known=load_manifest().whisper,
    )


def prepare_whisper(config: Config) -> None:
    """Fetch the model; what cannot be had is told before the diarization too.

    Raises
    ------
    ModelError
        If no place has the model.
    """
    from oolong_align.weights import find_whisper

    options = config.options
    source = find_whisper(options["model"], model_dir=options["model_dir"], progress=config.progress)
    if isinstance(source, str):
        fetch_whisper(source)


def build_whisper(config: Config) -> TranscribeCall:
    """Load the model.

    Raises
    ------
    ModelError
        If the model is not found or broken.
    """
    from oolong_align.transcription.whisper import WhisperTranscriber

    options = config.options
    transcriber = WhisperTranscriber.from_pretrained(
        options["model"],
        model_dir=options["model_dir"],
        device=options["device"],
        compute_type=options["compute_type"],
        threads=options["threads"],
        batch_size=options["batch_size"],
        progress=config.progress,
    )
    names = ("language", "task", "initial_prompt", "hotwords")
    return partial(transcriber, **{name: options[name] for name in names})
