"""The records of the pipeline: frozen, slotted and typed, with no behaviour except small derived values.

Times are seconds from the start of the recording as ``float``; a span's start is inclusive, its end exclusive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from pandas import DataFrame
    from pyannote.core import Annotation

__all__ = [
    "Diarization",
    "DiarizeSegment",
    "DiarizeTiming",
    "ModelInfo",
    "Progress",
    "Speaker",
    "SpeakerEvidence",
    "SpeakerSegment",
    "SpeechRange",
    "Transcript",
    "Utterance",
    "VoiceEvidence",
    "VoiceRange",
    "Word",
    "Words",
    "speaker_label",
    "speaker_number",
]

FloatArray: TypeAlias = npt.NDArray[np.float32]

Progress: TypeAlias = Callable[[str, float, float], None]
"""Called as ``progress(stage, done, total)``. The unit depends on the stage. ``done`` never decreases."""


def speaker_label(speaker_id: int) -> str:
    """Return the label of a speaker id: ``SPEAKER_00`` for 0."""
    return f"SPEAKER_{speaker_id:02d}"


def speaker_number(label: str) -> int | None:
    """Return the speaker id of a label, ``None`` for a string that `speaker_label` cannot return."""
    digits = label.removeprefix("SPEAKER_")
    if digits.isascii() and digits.isdigit() and len(digits) < 10 and speaker_label(int(digits)) == label:
        return int(digits)
    return None


@dataclass(frozen=True, slots=True)
class SpeakerSegment:
    """A segment of the exclusive output, in which at most one speaker is active at any time.

    ``is_overlap`` is set if another speaker is also active somewhere in the segment.
    """

    start: float
    end: float
    speaker_id: int
    is_overlap: bool = False


@dataclass(frozen=True, slots=True)
class DiarizeSegment:
    """A turn of the overlap-aware output. Turns of different speakers can overlap."""

    start: float
    end: float
    speaker_id: int


@dataclass(frozen=True, slots=True)
class SpeechRange:
    """A span of speech by any number of speakers."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class DiarizeTiming:
    """Wall time of each stage in milliseconds. ``clustering_ms`` includes PLDA, VBx and reconstruction."""

    segmentation_ms: float
    embedding_ms: float
    clustering_ms: float
    total_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """The weights of a result: name of the bundle, SHA-256 of each file by part, and size of an embedding."""

    bundle: str
    hashes: Mapping[str, str] = field(hash=False)
    dimension: int


class SpeakerEvidence(Protocol):
    """Compares spans with speakers, from embedding frames that the diarizer has computed. Runs no network."""

    def embed(self, start: float, end: float) -> FloatArray:
        """Return the embedding of a span, ``float32[D]``, not normalised; zeros if the span contains no frame."""

    def scores(self, start: float, end: float) -> dict[int, float]:
        """Return the cosine similarity of a span to each speaker's mean embedding; empty if it contains no frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diarization:  # noqa: PLW1641  the decorator makes the hash
    """The result of a diarizer: who spoke when.

    Attributes
    ----------
    segments : tuple of SpeakerSegment
        Exclusive segments: sorted, without overlap.
    turns : tuple of DiarizeSegment
        Overlap-aware turns, sorted by start.
    speech : tuple of SpeechRange
        Speech of any speaker.
    embeddings : mapping of int to ndarray
        L2-normalised mean embedding of each speaker, ``float32[D]``.
    duration : float
        Length of the recording in seconds.
    pieces : tuple of DiarizeSegment
        Single-speaker spans: the segments, cut at possible speaker changes. Reclustering starts from them. If empty,
        each segment is one piece.
    warnings : tuple of str
        Warnings for the user about this result, one sentence each.
    voice : SpeakerEvidence or None
        Compares spans with speakers. Only available in the process that made the result; ``None`` after pickling.
    recording : str
        Digest of the samples, which identifies the recording; empty if unknown.
    """

    segments: tuple[SpeakerSegment, ...]
    turns: tuple[DiarizeSegment, ...]
    speech: tuple[SpeechRange, ...]
    duration: float
    embeddings: Mapping[int, FloatArray] = field(default_factory=dict, compare=False)
    pieces: tuple[DiarizeSegment, ...] = ()
    timing: DiarizeTiming | None = field(default=None, compare=False)
    model: ModelInfo | None = None
    voice: SpeakerEvidence | None = field(default=None, compare=False)
    warnings: tuple[str, ...] = ()
    recording: str = ""

    def __eq__(self, other: object) -> bool:
        """Return whether two results are equal, except for ``timing`` and ``voice``."""
        if not isinstance(other, Diarization):
            return NotImplemented
        mine, theirs = self.embeddings, other.embeddings
        return (
            all(getattr(self, each.name) == getattr(other, each.name) for each in fields(self) if each.compare)
            and mine.keys() == theirs.keys()
            and all(np.array_equal(mine[speaker], theirs[speaker]) for speaker in mine)
        )

    @property
    def speaker_ids(self) -> tuple[int, ...]:
        """Ids of all speakers with a turn, ascending."""
        return tuple(sorted({turn.speaker_id for turn in self.turns}))

    def to_whisperx(self, *, exclusive: bool = False) -> DataFrame:
        """Convert the turns to the input of ``whisperx.assign_word_speakers``.

        Parameters
        ----------
        exclusive : bool
            Use the exclusive segments instead of the turns, which can overlap.

        Returns
        -------
        pandas.DataFrame
            One row per turn, in order of time: ``segment`` (an object with ``start`` and ``end``), ``label`` (name of
            the turn), ``speaker`` (``SPEAKER_00``), ``start`` and ``end`` in seconds as ``float64``.

        Raises
        ------
        OolongError
            If pandas is not installed.
        """
        from oolong_align.types.dataframes import make_frame

        return make_frame(self._labelled(exclusive=exclusive))

    def to_annotation(self, *, uri: str | None = None, exclusive: bool = False) -> Annotation:
        """Convert the turns to an annotation for pyannote.core and pyannote.metrics.

        Parameters
        ----------
        uri : str, optional
            Name of the recording.
        exclusive : bool
            Use the exclusive segments instead of the turns, which can overlap.

        Returns
        -------
        pyannote.core.Annotation
            Labels are ``SPEAKER_00`` and so on.

        Raises
        ------
        OolongError
            If pyannote.core is not installed.
        """
        from oolong_align.types.dataframes import make_annotation

        return make_annotation(self._labelled(exclusive=exclusive), uri=uri)

    def _labelled(self, *, exclusive: bool) -> list[tuple[SpeakerSegment | DiarizeSegment, str]]:
        turns = self.segments if exclusive else self.turns
        return [(turn, speaker_label(turn.speaker_id)) for turn in turns]


@dataclass(frozen=True, slots=True)
class Word:
    """A recognised word or token. ``speaker`` is a label, ``None`` if no speaker is near.

    ``text`` has no white space around it. ``leading_space`` is whether a space precedes the word, which is not the case
    in languages without spaces. ``estimated`` is whether the times come from the segment or the neighbours, because the
    recogniser returned none for this word.
    """

    start: float
    end: float
    text: str
    probability: float | None = None
    speaker: str | None = None
    speaker_confidence: float | None = None
    overlap: bool = False
    leading_space: bool = True
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """The output of a transcriber: words in order of time, and the language as an ISO 639-1 code, empty if unknown."""

    language: str
    words: tuple[Word, ...]


def join_words(words: tuple[Word, ...]) -> str:
    """Join words to a text, with a space before each word that has one."""
    return "".join((" " if word.leading_space else "") + word.text for word in words).strip()


@dataclass(frozen=True, slots=True)
class Utterance:
    """Consecutive words of one speaker."""

    start: float
    end: float
    speaker: str | None
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The joined text of the words."""
        return join_words(self.words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """A speaker of a transcript. ``name``, ``voice`` and ``probability`` come from a voice library.

    ``voice`` is the id of a voice in the library, ``None`` if the speech was too short. ``probability`` is that of a
    match with this voice, or, for a new voice, that of not matching any known voice.
    """

    label: str
    name: str | None = None
    voice: str | None = None
    probability: float | None = None
    seconds: float = 0.0
    words: int = 0

    @property
    def display_name(self) -> str:
        """The name, or the label if the name is unknown."""
        return self.name or self.label


@dataclass(frozen=True, slots=True)
class Transcript:
    """Who said what: utterances in order of time, and all speakers by label.

    ``language`` is an ISO 639-1 code, empty if it is unknown, for example without speech. ``source`` is the recording's
    stem (its file name without folder and suffix), empty for an array.
    """

    language: str
    duration: float
    utterances: tuple[Utterance, ...]
    diarization: Diarization | None = None
    speakers: Mapping[str, Speaker] = field(default_factory=dict)
    source: str = ""

    @property
    def words(self) -> tuple[Word, ...]:
        """All words in order of time."""
        return tuple(word for utterance in self.utterances for word in utterance.words)

    def display_name(self, label: str | None) -> str | None:
        """Return the name to print for a label, ``None`` for ``None``."""
        if label is None:
            return None
        speaker = self.speakers.get(label)
        return speaker.display_name if speaker else label


# Former public names, kept so that existing imports continue to work.
VoiceRange = SpeechRange
VoiceEvidence = SpeakerEvidence
