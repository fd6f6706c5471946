"""Find voices that probably belong to one person: similar pairs, and a clustering of the whole library."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from oolong_align.diarization.clustering import initial_clusters
from oolong_align.options import SPEAKER_THRESHOLD
from oolong_align.speakers.matching import voice_side
from oolong_align.speakers.records import Voice, voice_number
from oolong_align.speakers.scoring import Side, VoiceScorer
from oolong_align.types import FloatArray
from oolong_align.util.vectors import l2_normalise

__all__ = ["MergeCandidate", "find_duplicates", "suggest_merges"]

_NEIGHBOURS: Final = 20
_BLOCK: Final = 2048
_MICRO_DISTANCE: Final = 0.5  # a mean cosine of 0.875


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeCandidate:
    """Two voices that may belong to one person.

    Attributes
    ----------
    kept, other : Voice
        ``kept`` has a name or, if both or neither have one, the lower number.
    probability : float
        Probability that both are one person.
    cosine : float
        Cosine of the centroids.
    together : tuple of str
        Recordings in which both speak, which is evidence against a merge.
    """

    kept: Voice
    other: Voice
    probability: float
    cosine: float
    together: tuple[str, ...] = ()


def suggest_merges(voices: Sequence[Voice], *, threshold: float = 0.5) -> list[MergeCandidate]:
    """Pairs of voices that are one person with at least this probability, the most probable first.

    All voices must be of one model, as in a store. O(voices^2) products of centroids in blocks, and 20 comparisons per
    voice.
    """
    if len(voices) < 2:
        return []
    scorer = VoiceScorer.for_weights(voices[0].model.weights)
    centroids = l2_normalise(np.stack([voice.centroid for voice in voices]))
    pairs = (_candidate(voices[a], voices[b], scorer, len(voices)) for a, b in _near_pairs(centroids))
    likely = [pair for pair in pairs if pair.probability >= threshold]
    return sorted(likely, key=lambda pair: (-pair.probability, _number(pair.kept), _number(pair.other)))


def find_duplicates(voices: Sequence[Voice], *, threshold: float = SPEAKER_THRESHOLD) -> list[list[MergeCandidate]]:
    """Cluster all references of all voices and return the voices that belong to one person.

    Parameters
    ----------
    voices : sequence of Voice
        Voices of one model, as in a store.
    threshold : float
        Minimum probability that two clusters are one person.

    Returns
    -------
    list of list of MergeCandidate
        One list for each person with several voices: each other voice, paired with the voice to keep.

    Notes
    -----
    References are first grouped into small clusters with a mean cosine of 0.875 (in blocks of 6,000). Clusters are then
    joined, the most probable pair first, while the probability that all their references are one person reaches the
    threshold. Voices that speak in the same recording or have different names are never joined. A voice belongs to the
    cluster with most of its speech.
    """
    if len(voices) < 2:
        return []
    scorer = VoiceScorer.for_weights(voices[0].model.weights)
    sides = [voice_side(voice) for voice in voices]
    owners = np.repeat(np.arange(len(voices)), [len(lengths) for _, lengths in sides])
    rows = np.concatenate([vectors for vectors, _ in sides]).astype(np.float64)
    seconds = np.concatenate([lengths for _, lengths in sides]).astype(np.float64)
    members = _members(initial_clusters(rows, _MICRO_DISTANCE, method="average"), owners, voices)
    people = _join(members, rows, seconds, owners, voices, scorer, np.log(threshold / (1 - threshold)))
    weights: dict[int, Counter[int]] = defaultdict(Counter)
    for person, references in enumerate(people):
        for row in references:
            weights[int(owners[row])][person] += int(1000 * seconds[row]) + 1
    groups: dict[int, list[Voice]] = defaultdict(list)
    for owner in sorted(weights, key=lambda owner: _rank(voices[owner])):
        shares = weights[owner]
        group = groups[max(shares, key=lambda person: (shares[person], -person))]
        if not _are_different([*group, voices[owner]]):
            group.append(voices[owner])
    return [
        [_candidate(kept, other, scorer, len(voices)) for other in others]
        for kept, *others in (sorted(group, key=_rank) for group in groups.values())
        if others
    ]


def _join(
    members: list[list[int]],
    rows: npt.NDArray[np.float64],
    seconds: npt.NDArray[np.float64],
    owners: npt.NDArray[np.int64],
    voices: Sequence[Voice],
    scorer: VoiceScorer,
    least: float,
) -> list[list[int]]:
    """Join small clusters of references, the most probable pair first; return the rows of each person."""
    prior = -np.log(len(voices))
    clusters: dict[int, list[int]] = dict(enumerate(members))
    numbers = itertools.count(len(members))
    near: dict[int, set[int]] = defaultdict(set)
    heap: list[tuple[float, int, int]] = []

    def push(one: int, other: int) -> None:
        a, b = clusters[one], clusters[other]
        if _are_different([voices[owner] for owner in {*owners[a].tolist()} ^ {*owners[b].tolist()}]):
            return
        odds = _mutual_odds((rows[a], seconds[a]), (rows[b], seconds[b]), scorer) + prior
        if odds >= least:
            heapq.heappush(heap, (-odds, one, other))

    centroids = l2_normalise(np.stack([seconds[each] @ rows[each] for each in members]).astype(np.float32))
    for one, other in _near_pairs(centroids):
        near[one].add(other)
        near[other].add(one)
        push(one, other)
    while heap:
        _, one, other = heapq.heappop(heap)
        if one not in clusters or other not in clusters:
            continue
        joined = next(numbers)
        clusters[joined] = clusters.pop(one) + clusters.pop(other)
        near[joined] = (near[one] | near[other]) & clusters.keys()
        for neighbour in sorted(near[joined]):
            near[neighbour].add(joined)
            push(joined, neighbour)
    return list(clusters.values())


def _candidate(one: Voice, other: Voice, scorer: VoiceScorer, count: int) -> MergeCandidate:
    kept, gone = sorted((one, other), key=_rank)
    odds = _mutual_odds(voice_side(kept), voice_side(gone), scorer) - np.log(count)
    return MergeCandidate(
        kept=kept,
        other=gone,
        probability=float(expit(odds)),
        cosine=float(l2_normalise(kept.centroid) @ l2_normalise(gone.centroid)),
        together=_shared_recordings([kept, gone]),
    )


def _mutual_odds(one: Side, other: Side, scorer: VoiceScorer) -> float:
    """Log-odds that both are one person: mean over taking either one as the sample and the other as the voice."""
    return float(np.mean([_odds(one, other, scorer), _odds(other, one, scorer)]))


def _odds(sample: Side, voice: Side, scorer: VoiceScorer) -> float:
    vectors, lengths = sample
    weights = np.asarray(lengths, dtype=np.float32)
    embedding = l2_normalise(weights @ l2_normalise(np.asarray(vectors, dtype=np.float32)))
    return float(scorer.log_odds(embedding[None], np.array([weights.sum()]), [voice])[0, 0])


def _near_pairs(centroids: FloatArray) -> Iterator[tuple[int, int]]:
    """Each pair of rows in which one is among the 20 nearest of the other, once."""
    seen: set[tuple[int, int]] = set()
    count = min(_NEIGHBOURS, len(centroids) - 1)
    for first in range(0, len(centroids), _BLOCK):
        cosines = centroids[first : first + _BLOCK] @ centroids.T
        cosines[np.arange(len(cosines)), first + np.arange(len(cosines))] = -np.inf
        nearest = np.argpartition(-cosines, count - 1, axis=1)[:, :count] if count else np.empty((0, 0), dtype=np.int64)
        for row, columns in enumerate(np.sort(nearest, axis=1).tolist(), first):
            for column in columns:
                pair = min(row, column), max(row, column)
                if pair not in seen:
                    seen.add(pair)
                    yield pair


def _shared_recordings(voices: Iterable[Voice]) -> tuple[str, ...]:
    """Recordings in which at least two of the voices speak."""
    names: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for voice in voices:
        recordings = {each.recording: each.source for each in voice.references if each.recording}
        names |= recordings
        counts.update(recordings.keys())
    return tuple(sorted({names[recording] for recording, count in counts.items() if count > 1}))


def _are_different(voices: Sequence[Voice]) -> bool:
    """Whether two of the voices speak in one recording or have different names."""
    return len({voice.name for voice in voices if voice.name is not None}) > 1 or bool(_shared_recordings(voices))


def _members(labels: npt.NDArray[np.int64], owners: npt.NDArray[np.int64], voices: Sequence[Voice]) -> list[list[int]]:
    """Rows of each small cluster; a cluster with voices of different people is split into its voices."""
    found: dict[int, list[int]] = defaultdict(list)
    for row, label in enumerate(labels.tolist()):
        found[label].append(row)
    members: list[list[int]] = []
    for rows in found.values():
        own: dict[int, list[int]] = defaultdict(list)
        for row in rows:
            own[int(owners[row])].append(row)
        members += own.values() if _are_different([voices[owner] for owner in own]) else [rows]
    return members


def _number(voice: Voice) -> int:
    return voice_number(voice.id) or 0


def _rank(voice: Voice) -> tuple[bool, int]:
    return voice.name is None, _number(voice)
