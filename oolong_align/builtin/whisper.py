"""Whisper as a transcriber: check the options, download the model, load it."""

from __future__ import annotations

from functools import partial

from oolong_align.plugin.entries import Config, TranscribeCall
from oolong_align.transcription.whisper_model import check_choice, fetch_whisper

__all__ = ["build_whisper", "check_whisper", "prepare_whisper"]


def check_whisper(config: Config) -> None:
    """Check the options of Whisper before the diarization, which takes minutes.

    Raises
    ------
    UsageError
        If options contradict each other.
    ModelNotFoundError
        If the model is neither a valid name nor a folder with a model.
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
    """Download the model, so that a failure is reported before the diarization.

    Raises
    ------
    ModelError
        If the model is not available.
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
        If the model is missing or broken.
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
