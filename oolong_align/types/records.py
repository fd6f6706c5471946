"""The records that flow through the pipeline: frozen, slotted, typed. No behaviour beyond small derived values.

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
"""Called as ``progress(stage, done, total)``; the unit is the stage's own and ``done`` never falls."""


def speaker_label(speaker_id: int) -> str:
    """Label of a speaker id: ``SPEAKER_00`` for 0."""
    return f"SPEAKER_{speaker_id:02d}"


def speaker_number(label: str) -> int | None:
    """Speaker id of a label, ``None`` for a text that `speaker_label` never gives."""
    digits = label.removeprefix("SPEAKER_")
    if digits.isascii() and digits.isdigit() and len(digits) < 10 and speaker_label(int(digits)) == label:
        return int(digits)
    return None


@dataclass(frozen=True, slots=True)
class SpeakerSegment:
    """One speaker's stretch of the exclusive output, in which at most one speaker is active at any time.

    ``is_overlap`` tells that somebody else speaks as well somewhere in the segment.
    """

    start: float
    end: float
    speaker_id: int
    is_overlap: bool = False


@dataclass(frozen=True, slots=True)
class DiarizeSegment:
    """One speaker's stretch of the overlap-aware output; several records may share a span."""

    start: float
    end: float
    speaker_id: int


@dataclass(frozen=True, slots=True)
class SpeechRange:
    """A span in which somebody speaks."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class DiarizeTiming:
    """Wall time of each stage in milliseconds; ``clustering_ms`` includes PLDA, VBx and reconstruction."""

    segmentation_ms: float
    embedding_ms: float
    clustering_ms: float
    total_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """Which weights made a result: the bundle's name, the SHA-256 of each file by part, the embedding's size."""

    bundle: str
    hashes: Mapping[str, str] = field(hash=False)
    dimension: int


class SpeakerEvidence(Protocol):
    """Answers about voices from frames that the diarizer has computed already; runs no network."""

    def embed(self, start: float, end: float) -> FloatArray:
        """Embedding of a span as the model makes it, ``(D,)``, of any length; zeros where the span holds no frame."""

    def scores(self, start: float, end: float) -> dict[int, float]:
        """Cosine of a span's embedding to each speaker's mean embedding; empty where the span holds no frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diarization:  # noqa: PLW1641  the decorator makes the hash
    """Who spoke when.

    Attributes
    ----------
    segments : tuple of SpeakerSegment
        Exclusive: sorted, never overlapping.
    turns : tuple of DiarizeSegment
        Overlap-aware, sorted by start.
    speech : tuple of SpeechRange
        Where anybody speaks.
    embeddings : mapping of int to ndarray
        L2-normalised mean embedding of each speaker, ``float32[D]``.
    duration : float
        Length of the recording in seconds.
    pieces : tuple of DiarizeSegment
        The segments, cut where somebody else may begin to speak by the windows or by the voice; what speakers are
        clustered from again. Empty where that is not known: then every segment is one piece.
    warnings : tuple of str
        What the user should know about this result, one sentence each.
    voice : SpeakerEvidence or None
        Answers about voices, as long as the result stays in its process: one that was pickled has ``None``.
    recording : str
        What tells the recording from others: a digest of its samples; empty if not known.
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
        """Whether two results say the same; ``timing`` and ``voice`` do not count."""
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
        """Ids of everybody who has a turn, ascending."""
        return tuple(sorted({turn.speaker_id for turn in self.turns}))

    def to_whisperx(self, *, exclusive: bool = False) -> DataFrame:
        """Turns as ``whisperx.assign_word_speakers`` takes them.

        Parameters
        ----------
        exclusive : bool
            One speaker at a time, instead of turns that may overlap.

        Returns
        -------
        pandas.DataFrame
            One row a turn, in order of time: ``segment`` (an object with ``start`` and ``end``), ``label`` (a name of
            the turn), ``speaker`` (``SPEAKER_00``), ``start`` and ``end`` in seconds as ``float64``.

        Raises
        ------
        OolongError
            If pandas is not installed.
        """
        from oolong_align.types.dataframes import make_frame

        return make_frame(self._labelled(exclusive=exclusive))

    def to_annotation(self, *, uri: str | None = None, exclusive: bool = False) -> Annotation:
        """Turns as pyannote's tools take them.

        Parameters
        ----------
        uri : str, optional
            Name of the recording.
        exclusive : bool
            One speaker at a time, instead of turns that may overlap.

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
    """One recognised token; ``speaker`` is a label, ``None`` where nobody can be named.

    ``text`` has no white space around it, but for languages written without spaces ``text`` is joined without.
    ``leading_space`` tells which. ``estimated`` tells that the recogniser gave it no times: they were worked out from
    its segment or its neighbours.
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
    """What a transcriber heard: words in order of time, and the language as an ISO 639-1 code, empty if not known."""

    language: str
    words: tuple[Word, ...]


def join_words(words: tuple[Word, ...]) -> str:
    """Text of some words as it is written: with a space before each word that has one."""
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
        """The words as they are written."""
        return join_words(self.words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """One speaker of a transcript; ``name``, ``voice`` and ``probability`` come from a voice library.

    ``voice`` is an id of the library, ``None`` where too little was heard; ``probability`` is that of being this voice,
    or, of a voice that was new, of being none that was known.
    """

    label: str
    name: str | None = None
    voice: str | None = None
    probability: float | None = None
    seconds: float = 0.0
    words: int = 0

    @property
    def display_name(self) -> str:
        """The name, or the label where no name is known."""
        return self.name or self.label


@dataclass(frozen=True, slots=True)
class Transcript:
    """Who said what: utterances in order of time, and every speaker by label.

    ``language`` is an ISO 639-1 code, empty where it is not known, as where nobody speaks. ``source`` is the
    recording's stem (its file name without folder and suffix), empty for an array.
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
        """Name to print for a label; ``None`` for nobody."""
        if label is None:
            return None
        speaker = self.speakers.get(label)
        return speaker.display_name if speaker else label


VoiceRange = SpeechRange
VoiceEvidence = SpeakerEvidence
