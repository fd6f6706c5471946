"""Corpora: embeddings with speakers and weights, read from files or computed from folders of audio.

A folder of audio contains ``utt2spk`` (``UTTERANCE SPEAKER`` lines) and either ``wav.scp`` (``UTTERANCE PATH`` lines as
in Kaldi, but without commands) or files ``SPEAKER/UTTERANCE.*``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from oolong_align.errors import InputError, UsageError
from plda.arrays import numbers, read_npz

Array: TypeAlias = npt.NDArray[np.float64]
Index: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Embeddings of one or more corpora with their speakers.

    Attributes
    ----------
    embedding : ndarray, shape (N, D)
    speaker : ndarray, shape (N,)
        Speakers numbered from 0 without gaps.
    weight : ndarray, shape (N,)
        Weight of each embedding within its speaker; positive.
    origin : ndarray, shape (S,)
        Index of each speaker's corpus.
    speaker_weight : ndarray, shape (S,)
        Weight of each speaker's corpus; positive.
    """

    embedding: Array
    speaker: Index
    weight: Array
    origin: Index
    speaker_weight: Array

    @classmethod
    def of_one(cls, embedding: Array, speaker: npt.NDArray[Any], weight: Array | None = None) -> Corpus:
        """Create a corpus of weight 1 from embeddings and the names or numbers of their speakers."""
        names, numbered = np.unique(speaker, return_inverse=True)
        return cls(
            embedding=embedding,
            speaker=numbered.astype(np.int64),
            weight=np.ones(len(embedding)) if weight is None else weight,
            origin=np.zeros(len(names), dtype=np.int64),
            speaker_weight=np.ones(len(names)),
        )

    @classmethod
    def join(cls, parts: Sequence[Corpus], weights: Sequence[float]) -> Corpus:
        """Join corpora. Speakers of different corpora stay different, even with equal names."""
        first = np.cumsum([0, *(part.num_speakers for part in parts)])
        return cls(
            embedding=np.concatenate([part.embedding for part in parts]),
            speaker=np.concatenate([part.speaker + start for part, start in zip(parts, first[:-1], strict=True)]),
            weight=np.concatenate([part.weight for part in parts]),
            origin=np.repeat(np.arange(len(parts)), [part.num_speakers for part in parts]),
            speaker_weight=np.concatenate(
                [weight * part.speaker_weight for part, weight in zip(parts, weights, strict=True)]
            ),
        )

    @property
    def num_speakers(self) -> int:
        """Number of different speakers."""
        return len(self.origin)

    @property
    def total_weight(self) -> Array:
        """Weight of each embedding in sums over all embeddings, ``(N,)``."""
        return self.weight * self.speaker_weight[self.speaker]

    def select(self, speakers: Index) -> Corpus:
        """Keep only the embeddings of these speakers."""
        rows = np.isin(self.speaker, speakers)
        kept, numbered = np.unique(self.speaker[rows], return_inverse=True)
        return Corpus(
            embedding=self.embedding[rows],
            speaker=numbered.astype(np.int64),
            weight=self.weight[rows],
            origin=self.origin[kept],
            speaker_weight=self.speaker_weight[kept],
        )


def parse_input(text: str) -> tuple[Path, float]:
    """Parse ``PATH`` or ``PATH=WEIGHT``. An existing path may contain ``=``.

    Raises
    ------
    UsageError
        If the weight is not a positive number.
    """
    path, found, number = text.rpartition("=")
    if not found or Path(text).exists():
        return Path(text), 1.0
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not 0 < weight < math.inf:
        raise UsageError(
            f"{text}: Invalid weight {number!r} of {path}. Use a positive number, or omit an input of weight 0"
        )
    return Path(path), weight


def load_corpora(inputs: Sequence[tuple[Path, float]], embedding_model: Path | None) -> Corpus:
    """Read embedding files and embed folders of audio. Each input is a corpus with a weight.

    Raises
    ------
    InputError
        If an input is invalid, or the sizes of the embeddings differ.
    """
    parts = [embed_folder(path, embedding_model) if path.is_dir() else read_embeddings(path) for path, _ in inputs]
    size = parts[0].embedding.shape[1]
    for (path, _), part in zip(inputs, parts, strict=True):
        if part.embedding.shape[1] != size:
            raise InputError(
                f"{path}: Embeddings have {part.embedding.shape[1]} dimensions, but those of {inputs[0][0]} have "
                f"{size}. Use one embedding model for all inputs"
            )
    return Corpus.join(parts, [weight for _, weight in inputs])


def read_embeddings(path: Path) -> Corpus:
    """Read ``embedding (N, D)``, ``speaker (N,)`` and the optional ``weight (N,)``.

    Raises
    ------
    InputError
        If the shapes do not match, a number is not finite, or a weight is not positive.
    """
    stored = read_npz(path, ("embedding", "speaker"), optional=("weight",))
    embedding = numbers(stored["embedding"], f"{path}: Array embedding", (None, None))
    count = len(embedding)
    speaker = stored["speaker"]
    weight = numbers(stored.get("weight", np.ones(count)), f"{path}: Array weight", (count,))
    if not embedding.size:
        raise InputError(f"{path}: No embeddings found. Create the file again")
    if speaker.dtype.kind not in "USiu" or speaker.shape != (count,):
        raise InputError(
            f"{path}: Array speaker has the type {speaker.dtype} and the shape {speaker.shape}. "
            f"Expected {count} names or integers, one per embedding"
        )
    if not (weight > 0).all():
        raise InputError(f"{path}: The weight of row {int(np.argmin(weight > 0))} is not positive. Remove the row")
    return Corpus.of_one(embedding, speaker, weight)


def embed_folder(folder: Path, model_path: Path | None) -> Corpus:
    """Compute one embedding per utterance of a folder, by default with the model of the default bundle."""
    from oolong_align.audio.recording import load_audio
    from oolong_align.diarization.embedding import EmbeddingModel
    from oolong_align.diarization.fbank import compute_fbank
    from oolong_align.diarization.pooling import pool_statistics
    from oolong_align.weights import find_bundle

    utterances = list_utterances(folder)
    model = EmbeddingModel(model_path or find_bundle(parts=("embedding",)).files["embedding"])
    embeddings = []
    for path, _ in utterances:
        with load_audio(path) as audio:
            features = compute_fbank(audio.read(0, audio.num_samples), model.fbank_window)
        if not len(features):
            raise InputError(f"{path}: Too short for an embedding. Remove it from {folder / 'utt2spk'}")
        frames = model.frames((features - features.mean(axis=0))[None])[0]
        statistics = pool_statistics(frames, np.ones((1, len(frames)), dtype=np.bool_))
        embeddings.append(model.project(statistics)[0])
    embedded = numbers(np.stack(embeddings), f"{folder}: Array of embeddings")
    return Corpus.of_one(embedded, np.array([speaker for _, speaker in utterances], dtype=np.str_))


def list_utterances(folder: Path) -> list[tuple[Path, str]]:
    """List the audio file and speaker of each utterance, in the order of ``utt2spk``.

    Raises
    ------
    InputError
        If a table is missing or invalid, lists an utterance twice or a command instead of a file, or if an audio file
        is missing.
    """
    table = folder / "wav.scp"
    speakers = _read_table(folder / "utt2spk", "UTTERANCE SPEAKER")
    paths = _read_table(table, "UTTERANCE PATH") if table.exists() else None
    found: list[tuple[Path, str]] = []
    for utterance, speaker in speakers.items():
        if paths is None:
            found.append((_find_audio(folder, speaker, utterance), speaker))
            continue
        if utterance not in paths:
            raise InputError(f"{table}: No line for the utterance {utterance} of {folder / 'utt2spk'}. Add it")
        value = paths[utterance]
        if value.endswith("|") or value.startswith("|"):
            raise InputError(f"{table}: {utterance} is a command ({value}). Commands are not run; use a file path")
        if not (folder / value).is_file():
            raise InputError(f"{table}: Audio file {folder / value} of {utterance} not found. Correct the path")
        found.append((folder / value, speaker))
    return found


def _find_audio(folder: Path, speaker: str, utterance: str) -> Path:
    if any(name in {".", ".."} or "/" in name or "\\" in name for name in (speaker, utterance)):
        raise InputError(
            f"{folder / 'utt2spk'}: Invalid names {utterance} {speaker}. Use names without path separators"
        )
    inside = folder / speaker
    matches = [path for path in inside.iterdir() if path.stem == utterance] if inside.is_dir() else []
    if not matches:
        raise InputError(f"{inside}: Audio file {utterance}.* not found. Add it, or list it in {folder / 'wav.scp'}")
    return min(matches)


def _read_table(path: Path, form: str) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(f"Could not read {path}: {error.strerror}. A folder of audio needs this file") from None
    except UnicodeDecodeError:
        raise InputError(f"Could not read {path}: not UTF-8. Save it as UTF-8.") from None
    table: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        fields = line.split(maxsplit=1)
        if not fields:
            continue
        if len(fields) < 2:
            raise InputError(f"{path}:{number}: Expected {form}, found one word")
        if fields[0] in table:
            raise InputError(f"{path}:{number}: Duplicate utterance {fields[0]}. Remove one of the lines")
        table[fields[0]] = fields[1].strip()
    if not table:
        raise InputError(f"{path}: No utterances found. Add lines {form}")
    return table
