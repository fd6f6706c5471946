"""``--speakers`` as a stage of the pipeline: the speakers of a recording get the voices of a store."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from oolong_align.entries import Config
from oolong_align.errors import InputError, OolongWarning
from oolong_align.types import Diarization, Transcript

if TYPE_CHECKING:
    from oolong_align.speakers.records import SpeakerStore

__all__ = ["add_identity_options", "check_library", "identify_transcript", "names_of_store"]


def add_identity_options(add: Callable[..., None]) -> None:
    """Add the options of identification."""
    import click

    from oolong_align.options import SPEAKER_THRESHOLD

    add(
        "--speaker_threshold",
        commands=("transcribe", "align", "diarize"),
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        default=SPEAKER_THRESHOLD,
        show_default=True,
        help="--speakers: least probability of a known voice; who is below is a new one.",
    )


def check_library(config: Config, diarization: Diarization | None = None) -> None:
    """Open the store that ``--speakers`` names before work that would be lost; nothing without it.

    Raises
    ------
    InputError
        If its voices are of another model than the diarization's.
    StoreError
        If it cannot be opened or written.
    """
    if config.store is None:
        return
    from oolong_align.speakers.identify import voice_model
    from oolong_align.speakers.records import check_model

    url = config.options["speakers"]
    with closing(config.store.open(url)) as store:
        with store.transaction():  # it can be written
            pass
        if diarization is not None and diarization.embeddings:
            check_model(store.model(), voice_model(diarization.model), url)


def identify_transcript(transcript: Transcript, diarization: Diarization, config: Config) -> Transcript:
    """Give speakers the voices of the store that ``--speakers`` names, which learns from them; nothing without it.

    Raises
    ------
    InputError
        If the store's voices are of another model.
    StoreError
        If the store cannot be opened, read or written.
    """
    if config.store is None:
        return transcript
    from oolong_align.speakers.identify import identify, name_speakers

    if diarization.turns and not diarization.embeddings:
        warnings.warn(
            "--speakers: there are turns without embeddings, so nobody's voice can be compared",
            OolongWarning,
            stacklevel=2,
        )
    threshold = config.options["speaker_threshold"]
    with closing(config.store.open(config.options["speakers"])) as store:
        found = identify(diarization, store, source=transcript.source, threshold=threshold)
    return name_speakers(transcript, found)


def names_of_store(transcript: Transcript, store: SpeakerStore) -> Transcript:
    """Transcript with the names that its voices have in a store now, and the ids of those that were merged.

    A voice that was forgotten leaves no name and no id behind; one without a name leaves the transcript's.

    Raises
    ------
    InputError
        If the transcript has voices and the store none of them, or voices of another model.
    """
    from oolong_align.speakers.identify import voice_model
    from oolong_align.speakers.records import check_model

    speakers = dict(transcript.speakers)
    known = {label: store.get(each.voice) for label, each in speakers.items() if each.voice is not None}
    if known and transcript.diarization is not None and transcript.diarization.model is not None:
        check_model(store.model(), voice_model(transcript.diarization.model), "the library")
    if known and not any(known.values()):
        raise InputError(
            f"none of the transcript's voices ({', '.join(str(speakers[label].voice) for label in known)}) is in "
            "this library; give the one that it was made with"
        )
    for label, voice in known.items():
        if voice is None:
            speakers[label] = replace(speakers[label], voice=None, name=None, probability=None)
        else:
            speakers[label] = replace(speakers[label], voice=voice.id, name=voice.name or speakers[label].name)
    return replace(transcript, speakers=speakers)
