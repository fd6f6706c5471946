"""Find another number of speakers from the stored embeddings of the pieces, without audio or networks."""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from oolong_align.alignment.utterances import gather_utterances
from oolong_align.alignment.word_speakers import attribute_words
from oolong_align.diarization.clustering import Clustering, ClusteringOptions, cluster_pieces
from oolong_align.diarization.plda import Plda
from oolong_align.diarization.reassignment import piece_centroids, settle_pieces
from oolong_align.diarization.segmentation import Labels
from oolong_align.diarization.speaker_evidence import StoredEvidence
from oolong_align.editing.spans import Span, join_turns, stored_pieces
from oolong_align.errors import InputError, ModelError, warn
from oolong_align.options import DiarizerOptions, check_speaker_bounds
from oolong_align.timing.timeline import Timeline, mark_overlap
from oolong_align.types import (
    Diarization,
    DiarizeSegment,
    FloatArray,
    ModelInfo,
    Speaker,
    Transcript,
    Word,
    speaker_label,
)
from oolong_align.util.vectors import l2_normalise
from oolong_align.weights import find_bundle
from oolong_align.weights.manifest import load_manifest

__all__ = ["find_plda", "recluster"]

_LONG_S: Final = 1.5
_MAX_ACTIVITY: Final = 1.5  # a piece with more speech than this per second is overlapped, and its embedding mixed


def recluster(transcript: Transcript, num_speakers: int, *, plda: Plda | None = None) -> Transcript:
    """Cluster the embeddings stored in a transcript into a given number of speakers.

    Parameters
    ----------
    transcript : Transcript
        With pieces and their embeddings, as returned by the pipeline and `oolong_align.formats.read_json`.
    num_speakers : int
        Number of speakers. The result has fewer, with a warning, if the embeddings cannot be separated further.
    plda : Plda, optional
        PLDA of the models that produced the transcript; found by their name by default.

    Returns
    -------
    Transcript
        With new labels in order of first appearance, new turns and segments, new speakers and overlap marks of words,
        and new utterances. Earlier merges and assignments are lost. Name, voice and probability of an old speaker go to
        the new speaker with whom it shares the most seconds (one-to-one assignment that maximises the total), if these
        are more than half of the speech of one of the two.

    Raises
    ------
    InputError
        If the transcript has no embeddings, fewer pieces than speakers, or pieces that overlap.
    ModelError
        If the models that produced the transcript cannot be found.
    UsageError
        If ``num_speakers`` is less than 1.

    Warns
    -----
    OolongWarning
        If VBx finds another number, or fewer speakers could be separated.

    Notes
    -----
    Runs `oolong_align.diarization.clustering.cluster_pieces`, then assigns each piece to the speaker with the most
    similar long pieces. Parts of a turn without a piece, where another speaker talks as well, go to the speaker of the
    preceding piece in this turn. Words are attributed as in `oolong_align.alignment.align.align`, and their times do
    not change. The cost is that of the clustering plus O(words x pieces).
    """
    check_speaker_bounds(num_speakers, None, None)
    old = transcript.diarization
    if old is None or old.voice is None or not (old.pieces or old.segments):
        raise InputError(
            "Cannot change the number of speakers: the transcript contains no embeddings. "
            "Diarize the recording again with --num_speakers"
        )
    pieces, vectors = stored_pieces(old)
    if any(a.end > b.start for a, b in pairwise(pieces)):
        raise InputError("The pieces of the transcript overlap or are not sorted. Use a JSON file written by oolong")
    if (known := np.count_nonzero(vectors.any(axis=1))) < num_speakers:
        raise InputError(
            f"Cannot find num_speakers={num_speakers}: the transcript has only {known} pieces with an embedding. "
            f"Use a number up to {known}"
        )
    model = plda or find_plda(old.model)
    if model.dimension != vectors.shape[1]:
        raise InputError(
            f"The embeddings of the transcript have {vectors.shape[1]} dimensions, but its PLDA has {model.dimension}"
        )
    clustering, owners, centroids = _cluster(pieces, vectors, old.turns, model, num_speakers)
    order = _order_of_appearance(_turns(old.turns, pieces, owners))
    owners = np.array([order.index(owner) for owner in owners.tolist()])
    messages = [clustering.warning] if clustering.warning else []
    if len(order) < num_speakers:
        messages.append(f"Found only {len(order)} of the {num_speakers} speakers requested with num_speakers")
    for message in messages:
        warn(message)
    turns = tuple(DiarizeSegment(*turn) for turn in _turns(old.turns, pieces, owners))
    relabelled = [(piece.start, piece.end, owner) for piece, owner in zip(pieces, owners.tolist(), strict=True)]
    embeddings = dict(enumerate(centroids[order]))
    diarization = replace(
        old,
        segments=mark_overlap(_join_pieces(relabelled), turns),
        turns=turns,
        pieces=tuple(DiarizeSegment(*piece) for piece in relabelled),
        embeddings=embeddings,
        voice=StoredEvidence([piece[:2] for piece in relabelled], vectors, embeddings),
        warnings=tuple(messages),
    )
    words = _attribute(transcript.words, diarization)
    return replace(
        transcript,
        utterances=gather_utterances(words),
        diarization=diarization,
        speakers=_transfer_names(transcript.speakers, pieces, owners, _count(words, diarization)),
    )


def find_plda(
    model: ModelInfo | None,
    *,
    bundle: str | os.PathLike[str] | None = None,
    model_dir: str | os.PathLike[str] | None = None,
) -> Plda:
    """Find the PLDA for the embeddings of a result; for a bundle in the manifest, only the PLDA of this bundle.

    Parameters
    ----------
    model : ModelInfo or None
        Model of the result.
    bundle, model_dir : str or path, optional
        Where to search, as in `oolong_align.weights.find_bundle`; defaults to the bundle named by the model.

    Raises
    ------
    ModelError
        If the model is unknown, or the PLDA found belongs to another model.
    """
    if model is None:
        raise ModelError(
            "Cannot change the number of speakers: the transcript does not name its models. "
            "Diarize the recording again with --num_speakers"
        )
    manifest = load_manifest()
    known = manifest.bundles.get(model.bundle)
    chosen = bundle if bundle is not None or model_dir is not None or known is None else model.bundle
    found = find_bundle(chosen, parts=("plda",), model_dir=model_dir, manifest=manifest)
    same = found.hashes["plda"] == model.hashes.get("plda")
    if not same and known is not None and found.name == model.bundle:
        editions = manifest.assets[known.parts["embedding"]].editions
        same = model.hashes.get("embedding") in {file.sha256 for files in editions for file in files}
    if not same:
        raise ModelError(
            f"Could not find the PLDA of the models {model.bundle!r}, which produced the transcript. "
            "Use --bundle with their folder"
        )
    return Plda.load(found.files["plda"])


def _cluster(
    pieces: Sequence[DiarizeSegment],
    vectors: FloatArray,
    turns: Sequence[DiarizeSegment],
    plda: Plda,
    num_speakers: int,
) -> tuple[Clustering, Labels, FloatArray]:
    """Return the clustering, the cluster of each piece, and the L2-normalised mean embedding of each cluster."""
    starts = np.array([piece.start for piece in pieces])
    ends = np.array([piece.end for piece in pieces])
    seconds = (ends - starts).astype(np.float32)
    embedded = vectors.any(axis=1)
    clean = embedded & (_spoken_seconds(turns, starts, ends) < _MAX_ACTIVITY * seconds)
    training = clean if np.count_nonzero(clean) >= num_speakers else embedded
    defaults = DiarizerOptions()
    options = ClusteringOptions(
        threshold=defaults.clustering_threshold,
        fa=defaults.fa,
        fb=defaults.fb,
        max_iterations=defaults.max_iterations,
        num_speakers=num_speakers,
    )
    clustering = cluster_pieces(vectors[training], seconds[training], plda, options)
    embeddings = l2_normalise(vectors)
    owners = np.argmax(embeddings @ clustering.centroids.T, axis=1)
    long = training & (seconds >= _LONG_S)
    settled, _ = settle_pieces(embeddings, owners, long, clustering.centroids)
    if len(np.unique(settled)) >= len(np.unique(owners)):
        owners = settled
    # A piece without an embedding goes with the preceding piece that has one, or else with the first one.
    known = np.flatnonzero(embedded)
    owners = owners[known[np.maximum(np.searchsorted(known, np.arange(len(pieces)), side="right") - 1, 0)]]
    return clustering, owners, piece_centroids(embeddings[long], owners[long], clustering.centroids)


def _spoken_seconds(
    turns: Sequence[DiarizeSegment], starts: npt.NDArray[np.float64], ends: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Speech of all speakers in each span in seconds; overlapped speech counts once per speaker."""
    total = np.zeros(len(starts))
    for speaker in {turn.speaker_id for turn in turns}:
        own = Timeline((turn.start, turn.end) for turn in turns if turn.speaker_id == speaker)
        total += own.covered(starts, ends)
    return total


def _turns(turns: Sequence[DiarizeSegment], pieces: Sequence[DiarizeSegment], owners: Labels) -> list[Span]:
    """Turns of the new speakers: their pieces, and the parts of old turns without a piece."""
    own: dict[int, list[Span]] = {}
    for piece, owner in zip(pieces, owners.tolist(), strict=True):
        own.setdefault(piece.speaker_id, []).append((piece.start, piece.end, owner))
    found = [span for spans in own.values() for span in spans]
    for turn in turns:
        found += _uncovered(turn, own.get(turn.speaker_id, []))
    for owner in range(int(owners.max()) + 1):
        found = join_turns(found, owner)
    return found


def _uncovered(turn: DiarizeSegment, own: Sequence[Span]) -> Iterator[Span]:
    """Parts of a turn that no piece of its speaker covers, with the new speaker of the preceding or first piece."""
    first = bisect_right(own, turn.start, key=lambda span: span[1])
    met = own[first : bisect_left(own, turn.end, key=lambda span: span[0])]
    if not met:
        # The whole turn is overlapped: use the speaker of the nearest piece.
        near = min(own, key=lambda span: max(span[0] - turn.end, turn.start - span[1]), default=None)
        if near is not None:
            yield turn.start, turn.end, near[2]
        return
    reached, owner = turn.start, met[0][2]
    for start, end, following in met:
        if start > reached:
            yield reached, start, owner
        reached, owner = end, following
    if turn.end > reached:
        yield reached, turn.end, owner


def _order_of_appearance(turns: Sequence[Span]) -> list[int]:
    return list(dict.fromkeys(speaker for _, _, speaker in turns))


def _join_pieces(pieces: Sequence[Span]) -> list[Span]:
    """Join touching pieces of one speaker to segments."""
    joined: list[Span] = []
    for piece in pieces:
        if joined and joined[-1][1:] == (piece[0], piece[2]):
            joined[-1] = (joined[-1][0], *piece[1:])
        else:
            joined.append(piece)
    return joined


def _attribute(words: Sequence[Word], diarization: Diarization) -> list[Word]:
    starts, ends = np.array([word.start for word in words]), np.array([word.end for word in words])
    found = attribute_words(words, starts, ends, diarization)
    return [
        replace(
            word,
            speaker=None if speaker is None else speaker_label(speaker),
            speaker_confidence=confidence,
            overlap=overlap,
        )
        for word, speaker, confidence, overlap in zip(
            words, found.speakers, found.confidence, found.overlap, strict=True
        )
    ]


def _count(words: Sequence[Word], diarization: Diarization) -> list[Speaker]:
    """Speakers without names, ordered by number."""
    counts = Counter(word.speaker for word in words)
    seconds = [0.0] * len(diarization.embeddings)
    for segment in diarization.segments:
        seconds[segment.speaker_id] += segment.end - segment.start
    return [
        Speaker(label=speaker_label(number), seconds=each, words=counts[speaker_label(number)])
        for number, each in enumerate(seconds)
    ]


def _transfer_names(
    old: Mapping[str, Speaker], pieces: Sequence[DiarizeSegment], owners: Labels, speakers: Sequence[Speaker]
) -> dict[str, Speaker]:
    numbers = sorted({piece.speaker_id for piece in pieces})
    shared = np.zeros((len(numbers), len(speakers)))
    for piece, owner in zip(pieces, owners.tolist(), strict=True):
        shared[numbers.index(piece.speaker_id), owner] += piece.end - piece.start
    carried = list(speakers)
    least = np.minimum(shared.sum(axis=1)[:, None], shared.sum(axis=0)) / 2
    for row, column in zip(*linear_sum_assignment(shared, maximize=True), strict=True):
        known = old.get(speaker_label(numbers[row]))
        if known is not None and shared[row, column] > least[row, column]:
            carried[column] = replace(
                carried[column], name=known.name, voice=known.voice, probability=known.probability
            )
    return {speaker.label: speaker for speaker in carried}
