"""Cheapest edit from the words of several speakers, who may overlap, to the words of one recogniser.

In overlapping turns, the reference words have no unique order: the recogniser may write one turn after the other, or
alternate between them. All orders that keep the order of each speaker are allowed, and the cheapest is used (the
multiple-dimension Levenshtein distance of NIST's asclite). Without overlap, this is the ordinary edit distance. A *cut*
is the state after some words: one position for each speaker.

Two limits keep the search fast. Words more than `SLACKS` apart keep their order, even inside overlapping turns. And the
search stays within `MARGIN` words of a plain edit with the reference sorted by time. The plain edit is exact and does
not use times, so wrong times in the hypothesis do no harm.

Many edits have the same cost. Among these, the edit with the most similar spellings and the nearest times is selected:
"commands" is aligned with "comments" and not with a word of another speaker at the same time. Speaker names do not
matter.

References
----------
Fiscus et al. (2006), "Multiple Dimension Levenshtein Edit Distance Calculations for Evaluating Automatic Speech
Recognition Systems During Simultaneous Speech", LREC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

__all__ = ["RecognisedWord", "SpokenWord", "align_words"]

SLACKS: Final = (10.0, 2.0, 0.5)
"""Seconds. The first value with few enough cuts is used."""
MARGIN: Final = 100
MOST_CUTS: Final = 30_000
_PER_SECOND: Final = 20
"""Cost of one second between two words. Words without a common letter cost 100, as much as 5 seconds or more."""
_FARTHEST: Final = 100
_NEVER: Final = int(np.iinfo(np.int64).max) // 4

Ints: TypeAlias = npt.NDArray[np.int64]
Cut: TypeAlias = tuple[int, ...]
Pair: TypeAlias = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A reference word: its times in seconds, its speaker, and the times of its turn."""

    text: str
    start: float
    end: float
    speaker: str
    turn_start: float
    turn_end: float


@dataclass(frozen=True, slots=True)
class RecognisedWord:
    """A recognised word; times are seconds, or NaN if they are unknown."""

    text: str
    start: float
    end: float


class _Node(NamedTuple):
    """A cut: its number of words, and the ways to it as (earlier node, next word)."""

    size: int
    ways: list[tuple[int, int]]


def align_words(reference: Sequence[SpokenWord], hypothesis: Sequence[RecognisedWord]) -> list[Pair]:
    """Align recognised words with the reference.

    Parameters
    ----------
    reference : sequence of SpokenWord
        Words sorted for each speaker; speakers in any order.
    hypothesis : sequence of RecognisedWord
        Words in the order of the recogniser.

    Returns
    -------
    list of (int or None, int or None)
        Indices into both sequences: ``(i, j)`` is a correct or substituted word, ``(i, None)`` a deletion,
        ``(None, j)`` an insertion. Every index occurs once; those of the hypothesis ascend.
    """
    streams, words = _streams(reference)
    in_time = sorted((index for stream in streams for index in stream), key=lambda index: words[index].start)
    low, high = _plain_path([words[index].text for index in in_time], [word.text for word in hypothesis])
    nodes = _lattice(streams, words, in_time)
    bands = [
        (max(0, low[node.size] - MARGIN), min(len(hypothesis), high[node.size] + MARGIN) + 1)  # positions, half-open
        for node in nodes
    ]
    matches = _Costs(words, hypothesis)
    totals: list[Ints] = []
    for node, band in zip(nodes, bands, strict=True):
        totals.append(_cheapest(node, band, bands, totals, matches))
    return _trace(nodes, bands, totals, matches)


class _Costs:
    """Cost of aligning a recognised word with a reference word: an edit if they differ, plus their dissimilarity."""

    def __init__(self, words: Sequence[SpokenWord], hypothesis: Sequence[RecognisedWord]) -> None:
        # More than the sum of all dissimilarities, which are at most 2 * _FARTHEST per pair.
        self.edit = 2 * _FARTHEST * (min(len(words), len(hypothesis)) + 1)
        spoken = list(dict.fromkeys(word.text for word in words))
        recognised = list(dict.fromkeys(word.text for word in hypothesis))
        distances = cdist(
            spoken, recognised, scorer=Levenshtein.normalized_distance, score_multiplier=_FARTHEST, dtype=np.uint8
        )
        self._distances: npt.NDArray[np.uint8] = np.asarray(distances, np.uint8).reshape(len(spoken), len(recognised))
        spoken_numbers, numbers = ({text: at for at, text in enumerate(texts)} for texts in (spoken, recognised))
        self._spoken = [spoken_numbers[word.text] for word in words]
        self._recognised: Ints = np.array([numbers[word.text] for word in hypothesis], dtype=np.int64)
        self._same = [numbers.get(word.text, -1) for word in words]
        self._middles = [(word.start + word.end) / 2 for word in words]
        self._recognised_middles = np.array([(word.start + word.end) / 2 for word in hypothesis], dtype=np.float64)

    def __call__(self, word: int, first: int, last: int) -> Ints:
        """Costs for the hypothesis words ``first`` to ``last``, shape ``(last - first,)``."""
        recognised = self._recognised[first:last]
        apart = np.abs(self._recognised_middles[first:last] - self._middles[word]) * _PER_SECOND
        near = np.minimum(np.nan_to_num(apart, nan=0.0), _FARTHEST).astype(np.int64)
        costs: Ints = (
            near + self._distances[self._spoken[word], recognised] + self.edit * (recognised != self._same[word])
        )
        return costs


def _streams(reference: Sequence[SpokenWord]) -> tuple[list[list[int]], list[SpokenWord]]:
    """Word indices of each speaker, and the words with times that never decrease within a speaker.

    This ensures that there is always a next word: a word that must come first also starts first.
    """
    streams: dict[str, list[int]] = {}
    words = list(reference)
    for index, word in enumerate(reference):
        stream = streams.setdefault(word.speaker, [])
        if stream:
            before = words[stream[-1]]
            same = (reference[stream[-1]].turn_start, reference[stream[-1]].turn_end) == (
                word.turn_start,
                word.turn_end,
            )
            turn_start = before.turn_start if same else max(word.turn_start, before.turn_end)
            start = max(word.start, before.end, turn_start)
            end = max(word.end, start)
            word = replace(word, start=start, end=end, turn_start=turn_start, turn_end=max(word.turn_end, end))
        words[index] = word
        stream.append(index)
    return list(streams.values()), words


def _plain_path(spoken: Sequence[str], recognised: Sequence[str]) -> tuple[list[int], list[int]]:
    """Lowest and highest hypothesis position on a cheapest edit, after each number of reference words."""
    low, high = [len(recognised)] * (len(spoken) + 1), [0] * (len(spoken) + 1)
    low[0], high[-1] = 0, len(recognised)
    for block in Levenshtein.opcodes(spoken, recognised):
        for step in range(block.src_end - block.src_start + 1):
            position = block.dest_start if block.tag == "delete" else block.dest_start + step
            low[block.src_start + step] = min(low[block.src_start + step], position)
            high[block.src_start + step] = max(high[block.src_start + step], position)
        high[block.src_end] = max(high[block.src_end], block.dest_end)
    return low, high


def _lattice(streams: list[list[int]], words: Sequence[SpokenWord], in_time: Sequence[int]) -> list[_Node]:
    """All cuts, earlier ones first; a single order if there are too many cuts."""
    for slack in SLACKS:
        nodes = _cuts(streams, words, slack, MOST_CUTS + 2 * len(words))
        if nodes is not None:
            return nodes
    return [_Node(0, []), *(_Node(size, [(size - 1, word)]) for size, word in enumerate(in_time, start=1))]


def _cuts(streams: list[list[int]], words: Sequence[SpokenWord], slack: float, most: int) -> list[_Node] | None:
    """Cuts of all orders; ``None`` if there are more than ``most``."""
    nodes = [_Node(0, [])]
    layer: dict[Cut, int] = {(0,) * len(streams): 0}
    for size in range(1, len(words) + 1):
        following: dict[Cut, int] = {}
        for cut, number in layer.items():
            pending = [stream[at] if at < len(stream) else -1 for stream, at in zip(streams, cut, strict=True)]
            waiting = [words[index] for index in pending if index >= 0]
            for speaker, index in enumerate(pending):
                if index < 0 or any(_precedes(other, words[index], slack) for other in waiting):
                    continue
                target = (*cut[:speaker], cut[speaker] + 1, *cut[speaker + 1 :])
                if target not in following:
                    following[target] = len(nodes)
                    nodes.append(_Node(size, []))
                nodes[following[target]].ways.append((number, index))
        if len(nodes) > most:
            return None
        layer = following
    return nodes


def _precedes(first: SpokenWord, second: SpokenWord, slack: float) -> bool:
    """Whether ``first`` precedes ``second`` in every order."""
    return first.end + slack <= second.start or (
        first.turn_end <= second.turn_start and first.turn_start < second.turn_start
    )


def _cheapest(
    node: _Node, band: tuple[int, int], bands: Sequence[tuple[int, int]], totals: Sequence[Ints], matches: _Costs
) -> Ints:
    """Lowest cost of a cut for each number of hypothesis words in its band."""
    first, last = band
    best = np.full(last - first, _NEVER, dtype=np.int64)
    if not node.ways:
        best[0] = 0
    for number, word in node.ways:
        start, end = bands[number]
        before = totals[number]
        low, high = max(first, start), min(last, end)
        if low < high:  # missed
            best[low - first : high - first] = np.minimum(
                best[low - first : high - first], before[low - start : high - start] + matches.edit
            )
        low, high = max(first, start + 1), min(last, end + 1)
        if low < high:
            found = before[low - 1 - start : high - 1 - start] + matches(word, low - 1, high - 1)
            best[low - first : high - first] = np.minimum(best[low - first : high - first], found)
    steps = np.arange(last - first, dtype=np.int64) * matches.edit
    inserted: Ints = np.minimum.accumulate(best - steps) + steps
    return inserted


def _trace(
    nodes: Sequence[_Node], bands: Sequence[tuple[int, int]], totals: Sequence[Ints], matches: _Costs
) -> list[Pair]:
    """Follow the cheapest edit back from its end."""

    def total(number: int, position: int) -> int:
        first, last = bands[number]
        return int(totals[number][position - first]) if first <= position < last else _NEVER

    pairs: list[Pair] = []
    number, position = len(nodes) - 1, bands[-1][1] - 1
    while nodes[number].ways or position:
        cost = total(number, position)
        for earlier, word in nodes[number].ways:
            if position and cost == total(earlier, position - 1) + int(matches(word, position - 1, position)[0]):
                number, position = earlier, position - 1
                pairs.append((word, position))
                break
            if cost == total(earlier, position) + matches.edit:
                number = earlier
                pairs.append((word, None))
                break
        else:
            position -= 1
            pairs.append((None, position))
    return pairs[::-1]
