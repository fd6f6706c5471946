"""The tuned constants of the word speakers, each by a case whose outcome depends on it."""

from __future__ import annotations

import numpy as np
import pytest

from oolong_align.alignment.align import align
from oolong_align.alignment.word_speakers import speaker_probabilities
from oolong_align.types import Diarization, DiarizeSegment, FloatArray, SpeakerSegment, SpeechRange, Word, Words


class Evidence:
    """Cosines of two speakers: 0.4 apart, but only ``doubt`` apart and for the second speaker from 10 to 13 s."""

    def __init__(self, doubt: float) -> None:
        self.doubt = doubt

    def embed(self, start: float, end: float) -> FloatArray:
        raise AssertionError("the alignment asks for scores only")

    def scores(self, start: float, end: float) -> dict[int, float]:
        middle = (start + end) / 2
        if 10 <= middle < 13:
            return {0: 0.5, 1: 0.5 + self.doubt}
        return {0: 0.7, 1: 0.3} if middle < 20 else {0: 0.3, 1: 0.7}


def speakers_of_the_doubtful_words(doubt: float) -> set[str | None]:
    """Words from 10 to 13 s, inside a turn of the first speaker and between two pauses."""
    times = [*range(10), *(10 + 0.6 * n for n in range(5)), *range(14, 30)]
    words = Words("en", tuple(Word(start, start + 0.5, "word") for start in times))
    turns = [(0.0, 20.0, 0), (20.0, 30.0, 1)]
    diarization = Diarization(
        segments=tuple(SpeakerSegment(*turn) for turn in turns),
        turns=tuple(DiarizeSegment(*turn) for turn in turns),
        speech=tuple(SpeechRange(start, end) for start, end, _ in turns),
        duration=30.0,
        voice=Evidence(doubt),
    )
    aligned = align(words, diarization)
    return {word.speaker for word in aligned.words if 10 <= word.start < 13}


@pytest.mark.parametrize(
    ("doubt", "speaker"),
    [
        (-0.05, "SPEAKER_00"),
        (0.02, "SPEAKER_00"),  # a twentieth of the usual margin: the turn decides
        (0.2, "SPEAKER_01"),  # half of it: the embeddings decide against the turn
        (0.4, "SPEAKER_01"),
    ],
)
def test_embeddings_outweigh_the_turn_from_a_part_of_their_usual_margin_on(doubt: float, speaker: str) -> None:
    assert speakers_of_the_doubtful_words(doubt) == {speaker}


def test_the_evidence_of_a_word_is_bounded() -> None:
    """Two words that contradict each other, with no pause between them, still have probabilities."""
    evidence = np.array([[0.0, -2000.0], [-2000.0, 0.0]])
    probabilities = speaker_probabilities(evidence, np.array([-700.0]))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_allclose(probabilities, 0.5)
    # 30 nats a word, so that three words outweigh one.
    evidence = np.array([[0.0, -1e6], [-30.0, 0.0], [-30.0, 0.0], [-30.0, 0.0]])
    assert speaker_probabilities(evidence, np.full(3, -300.0)).argmax(axis=1).tolist() == [1, 1, 1, 1]
