"""The stage for ``--speakers``: match the speakers of a recording with the voices of a store."""

from __future__ import annotations

from contextlib import closing

from oolong_align.errors import warn
from oolong_align.plugin.entries import Config
from oolong_align.types import Diarization, Transcript

__all__ = ["check_library", "identify_transcript"]


def check_library(config: Config, diarization: Diarization | None = None) -> None:
    """Check that the store of ``--speakers`` is usable, before work that would be lost.

    Raises
    ------
    InputError
        If its voices belong to another model than the diarization.
    StoreError
        If it cannot be opened or written.
    """
    if config.store is None:
        return
    from oolong_align.speakers.identify import voice_model
    from oolong_align.speakers.records import check_same_model

    url = config.options["speakers"]
    with closing(config.store.open(url)) as store:
        with store.transaction():  # fails if the store is read-only
            pass
        if diarization is not None and diarization.embeddings:
            check_same_model(store.model(), voice_model(diarization.model), url)


def identify_transcript(transcript: Transcript, diarization: Diarization, config: Config) -> Transcript:
    """Name the speakers after the voices in the store of ``--speakers``, and add what was learned to the store.

    Raises
    ------
    InputError
        If the voices of the store belong to another model.
    StoreError
        If the store cannot be opened, read or written.
    """
    if config.store is None:
        return transcript
    from oolong_align.speakers.identify import identify, name_speakers

    if diarization.turns and not diarization.embeddings:
        warn("--speakers: The diarizer returned no embeddings, so no speaker can be compared with the library")
    threshold = config.options["speaker_threshold"]
    with closing(config.store.open(config.options["speakers"])) as store:
        found = identify(diarization, store, source=transcript.source, threshold=threshold)
    return name_speakers(transcript, found)
