"""Another number of speakers, from the embeddings of the pieces alone: no network runs, the audio is not needed."""

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
# Two speakers' turns on most of a piece make its voice nobody's.
_OVERLAPPED: Final = 1.5


def recluster(transcript: Transcript, num_speakers: int, *, plda: Plda | None = None) -> Transcript:
    """Find a given number of speakers in the voices that a transcript keeps.

    Parameters
    ----------
    transcript : Transcript
        With pieces and their embeddings, as the diarizer and `oolong_align.formats.read_json` give it.
    num_speakers : int
        How many there are; fewer are found, with a warning, where the voices do not tell so many apart.
    plda : Plda, optional
        Of the models that made the transcript; found by their name where it is not given.

    Returns
    -------
    Transcript
        Labels are new, in the order of first appearance, and so are turns, segments, the speakers and marks of words,
        and the utterances. What was merged or assigned before is forgotten, names are not: name, voice and probability
        go to the speaker with whom the old one shares most seconds (one to one, as many seconds as possible in all),
        if these are more than half of what one of the two says.

    Raises
    ------
    InputError
        If the transcript has no embeddings, fewer pieces than speakers, or pieces that overlap.
    ModelError
        If the models that made it are not known here.
    UsageError
        If the number is less than 1.

    Warns
    -----
    OolongWarning
        If VBx finds another number, or not so many speakers could be told apart.

    Notes
    -----
    `oolong_align.diarization.clustering.cluster_pieces`, then each piece goes to the speaker whose long pieces it
    resembles most.
    Where somebody else speaks as well, a turn stays with the speaker of the piece in front of it in this turn. Words
    are attributed as in `oolong_align.alignment.align.align`, times unchanged. Costs as in the clustering, and
    O(words x pieces).
    """
    check_speaker_bounds(num_speakers, None, None)
    old = transcript.diarization
    if old is None or old.voice is None or not (old.pieces or old.segments):
        raise InputError(
            "the transcript keeps no voices to cluster again: diarize the recording itself with --num_speakers"
        )
    pieces, vectors = stored_pieces(old)
    if any(a.end > b.start for a, b in pairwise(pieces)):
        raise InputError(
            "the pieces of the transcript overlap or are out of order; give a file that this program wrote"
        )
    if (known := np.count_nonzero(vectors.any(axis=1))) < num_speakers:
        raise InputError(f"num_speakers={num_speakers}: the transcript has only {known} pieces of speech with a voice")
    model = plda or find_plda(old.model)
    if model.dimension != vectors.shape[1]:
        raise InputError(
            f"the transcript keeps embeddings of {vectors.shape[1]} numbers, but its models have {model.dimension}"
        )
    clustering, owners, voices = _cluster(pieces, vectors, old.turns, model, num_speakers)
    order = _order_of_appearance(_turns(old.turns, pieces, owners))
    owners = np.array([order.index(owner) for owner in owners.tolist()])
    told = [clustering.warning] if clustering.warning else []
    if len(order) < num_speakers:
        told.append(f"num_speakers asks for {num_speakers} speakers, but only {len(order)} could be told apart")
    for text in told:
        warn(text)
    turns = tuple(DiarizeSegment(*turn) for turn in _turns(old.turns, pieces, owners))
    relabelled = [(piece.start, piece.end, owner) for piece, owner in zip(pieces, owners.tolist(), strict=True)]
    embeddings = dict(enumerate(voices[order]))
    diarization = replace(
        old,
        segments=mark_overlap(_join_pieces(relabelled), turns),
        turns=turns,
        pieces=tuple(DiarizeSegment(*piece) for piece in relabelled),
        embeddings=embeddings,
        voice=StoredEvidence([piece[:2] for piece in relabelled], vectors, embeddings),
        warnings=tuple(told),
    )
    words = _attribute(transcript.words, diarization)
    return replace(
        transcript,
        utterances=gather_utterances(words),
        diarization=diarization,
        speakers=_carry_names(transcript.speakers, pieces, owners, _count(words, diarization)),
    )


def find_plda(
    model: ModelInfo | None,
    *,
    bundle: str | os.PathLike[str] | None = None,
    model_dir: str | os.PathLike[str] | None = None,
) -> Plda:
    """Find the PLDA that fits the embeddings of a result; of a bundle of this program no other file is looked for.

    Parameters
    ----------
    model : ModelInfo or None
        What made the result.
    bundle, model_dir : str or path, optional
        Where to look, as in `oolong_align.weights.find_bundle`; by default the bundle that the model names.

    Raises
    ------
    ModelError
        If the models are unknown, or those found are others.
    """
    if model is None:
        raise ModelError(
            "the transcript does not say which models made it, so its voices cannot be told apart again: diarize the "
            "recording itself with --num_speakers"
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
            f"the transcript was made with the models {model.bundle!r}, whose PLDA is not here; "
            "name their folder with --bundle"
        )
    return Plda.load(found.files["plda"])


def _cluster(
    pieces: Sequence[DiarizeSegment],
    vectors: FloatArray,
    turns: Sequence[DiarizeSegment],
    plda: Plda,
    num_speakers: int,
) -> tuple[Clustering, Labels, FloatArray]:
    """The clustering, the cluster of each piece, and the L2-normalised mean embedding of each cluster."""
    starts = np.array([piece.start for piece in pieces])
    ends = np.array([piece.end for piece in pieces])
    seconds = (ends - starts).astype(np.float32)
    heard = vectors.any(axis=1)
    clean = heard & (_spoken_seconds(turns, starts, ends) < _OVERLAPPED * seconds)
    training = clean if np.count_nonzero(clean) >= num_speakers else heard
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
    # A piece without a voice belongs to the one in front of it, the first ones to the first that has one.
    known = np.flatnonzero(heard)
    owners = owners[known[np.maximum(np.searchsorted(known, np.arange(len(pieces)), side="right") - 1, 0)]]
    return clustering, owners, piece_centroids(embeddings[long], owners[long], clustering.centroids)


def _spoken_seconds(
    turns: Sequence[DiarizeSegment], starts: npt.NDArray[np.float64], ends: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Seconds that all speakers together speak in each span; two at once count twice."""
    total = np.zeros(len(starts))
    for speaker in {turn.speaker_id for turn in turns}:
        own = Timeline((turn.start, turn.end) for turn in turns if turn.speaker_id == speaker)
        total += own.covered(starts, ends)
    return total


def _turns(turns: Sequence[DiarizeSegment], pieces: Sequence[DiarizeSegment], owners: Labels) -> list[Span]:
    """Turns of the new speakers: their pieces, and what old turns hold besides, with the speaker before it."""
    own: dict[int, list[Span]] = {}
    for piece, owner in zip(pieces, owners.tolist(), strict=True):
        own.setdefault(piece.speaker_id, []).append((piece.start, piece.end, owner))
    found = [span for spans in own.values() for span in spans]
    for turn in turns:
        found += _besides(turn, own.get(turn.speaker_id, []))
    for owner in range(int(owners.max()) + 1):
        found = join_turns(found, owner)
    return found


def _besides(turn: DiarizeSegment, own: Sequence[Span]) -> Iterator[Span]:
    """Parts of a turn that no piece of its speaker covers, with the new speaker of the piece in front or behind."""
    first = bisect_right(own, turn.start, key=lambda span: span[1])
    met = own[first : bisect_left(own, turn.end, key=lambda span: span[0])]
    if not met:
        # Always beside somebody else: the speaker of the nearest piece.
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
    """Segments: pieces of one speaker that touch are one."""
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
    """Speakers by number, without names."""
    counts = Counter(word.speaker for word in words)
    seconds = [0.0] * len(diarization.embeddings)
    for segment in diarization.segments:
        seconds[segment.speaker_id] += segment.end - segment.start
    return [
        Speaker(label=speaker_label(number), seconds=each, words=counts[speaker_label(number)])
        for number, each in enumerate(seconds)
    ]


def _carry_names(
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
