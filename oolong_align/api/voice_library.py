"""Voice library for other programs: match and enrol embeddings from any model. Runs no network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from oolong_align.api.stores import open_store
from oolong_align.errors import InputError
from oolong_align.options import SPEAKER_THRESHOLD
from oolong_align.plugin.entries import SpeakerStore
from oolong_align.plugin.host import Host
from oolong_align.speakers.learning import enroll
from oolong_align.speakers.library import rename_voice
from oolong_align.speakers.matching import Match, match
from oolong_align.speakers.records import Voice, VoiceModel
from oolong_align.speakers.samples import VoiceSample
from oolong_align.types import FloatArray

__all__ = ["VoiceLibrary"]


class VoiceLibrary:
    """Voices of one embedding model in a store. Use it in a ``with`` statement, or close it.

    Embeddings of the default model are compared with a calibrated PLDA, those of other models by cosine with the
    calibration of the default model: measure a suitable threshold for them.

    Parameters
    ----------
    store : SpeakerStore
        Closed together with the library.
    model : VoiceModel, optional
        Model of the embeddings: any name, any text that changes with the weights, and the size of an embedding.
        Defaults to the model of the stored voices.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from oolong_align.hookspecs import VoiceModel
    >>> ada, bob = np.eye(192, dtype=np.float32)[:2]
    >>> folder = tempfile.TemporaryDirectory()
    >>> model = VoiceModel(name="my model", weights="2024-05", dimension=192)
    >>> with folder as path, VoiceLibrary.open(f"{path}/voices.db", model=model) as library:
    ...     voice = library.enroll("Ada", ada, seconds=30)
    ...     found = library.match(np.stack([bob, ada]), seconds=[20, 20])
    ...     print([each.voice.name if each.voice else None for each in found])
    [None, 'Ada']
    """

    def __init__(self, store: SpeakerStore, *, model: VoiceModel | None = None) -> None:
        self.store = store
        self._model = model

    @classmethod
    def open(cls, url: str, *, model: VoiceModel | None = None, host: Host | None = None) -> VoiceLibrary:
        """Open the library at a URL, as ``--speakers`` does; see `oolong_align.open_store`."""
        return cls(open_store(url, host=host), model=model)

    @property
    def model(self) -> VoiceModel:
        """Model of the embeddings.

        Raises
        ------
        InputError
            If the library is empty and no model was given.
        """
        found = self._model or self.store.model()
        if found is None:
            raise InputError(
                "The voice library is empty. Pass the model of the embeddings, VoiceModel(...), when you open it"
            )
        return found

    def voices(self) -> list[Voice]:
        """Return all voices, ordered by number."""
        return list(self.store.list())

    def match(
        self,
        embeddings: FloatArray,
        *,
        seconds: Sequence[float] | None = None,
        threshold: float = SPEAKER_THRESHOLD,
    ) -> list[Match]:
        """Match the speakers of one recording, ``float32[N, D]``; see `oolong_align.speakers.matching.match`."""
        if not len(embeddings):
            return []
        return match(embeddings, self.store, model=self.model, seconds=seconds, threshold=threshold)

    def enroll(
        self,
        name: str,
        embedding: FloatArray,
        *,
        seconds: float,
        source: str = "",
        span: tuple[float, float] | None = None,
    ) -> Voice:
        """Enrol a person with an embedding, ``float32[D]``; see `oolong_align.speakers.learning.enroll`.

        Pass ``source`` and ``span``, the name of the recording and the time range in seconds, so that the same speech
        is not learned twice.
        """
        start, end = span or (0.0, seconds)
        sample = VoiceSample(
            embedding=np.asarray(embedding, dtype=np.float32), seconds=seconds, start=start, end=max(start, end)
        )
        return enroll(self.store, name, sample, model=self.model, source=source, recording=None if span else "")

    def name(self, voice_id: str, name: str | None) -> Voice:
        """Set the name of a voice, or remove it with ``None``."""
        return rename_voice(self.store, voice_id, name)

    def forget(self, voice_id: str) -> bool:
        """Delete a voice and all its data; return whether it existed."""
        return self.store.forget(voice_id)

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    def __enter__(self) -> VoiceLibrary:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
