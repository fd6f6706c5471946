from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import nan

import numpy as np
import pytest

from oolong_align.alignment import align, gather_utterances
from oolong_align.alignment.word_speakers import best_path
from oolong_align.types import (
    Diarization,
    DiarizeSegment,
    FloatArray,
    SpeakerSegment,
    Transcript,
    VoiceRange,
    Word,
    Words,
)


def say(start: float, text: str, *, word_s: float = 0.3) -> list[Word]:
    """Words that follow each other without a gap."""
    return [Word(start + i * word_s, start + (i + 1) * word_s, word) for i, word in enumerate(text.split())]


def diarization(
    *turns: tuple[float, float, int],
    exclusive: Sequence[tuple[float, float, int]] | None = None,
    duration: float = 60.0,
) -> Diarization:
    return Diarization(
        segments=tuple(SpeakerSegment(*turn) for turn in sorted(exclusive if exclusive is not None else turns)),
        turns=tuple(DiarizeSegment(*turn) for turn in sorted(turns)),
        speech=tuple(VoiceRange(start, end) for start, end, _ in sorted(turns)),
        duration=duration,
    )


def speakers(transcript: Transcript) -> list[str | None]:
    return [word.speaker for word in transcript.words]


class Voice:
    """Voice evidence from a function of the middle of a span; remembers what it was asked."""

    def __init__(self, score: Callable[[float], dict[int, float]]) -> None:
        self.score = score
        self.asked: list[tuple[float, float]] = []

    def embed(self, start: float, end: float) -> FloatArray:
        return np.zeros(4, dtype=np.float32)

    def scores(self, start: float, end: float) -> dict[int, float]:
        self.asked.append((start, end))
        return self.score((start + end) / 2)


def test_two_speakers_in_turn() -> None:
    words = say(0.0, "how are you?") + say(1.5, "fine, thank you.")
    transcript = align(Words("en", tuple(words)), diarization((0.0, 1.0, 0), (1.4, 2.5, 1)), source="call")
    assert [(u.speaker, u.text) for u in transcript.utterances] == [
        ("SPEAKER_00", "how are you?"),
        ("SPEAKER_01", "fine, thank you."),
    ]
    assert transcript.source == "call"
    assert transcript.speakers["SPEAKER_00"].words == 3
    assert transcript.speakers["SPEAKER_01"].seconds == pytest.approx(1.1)


def test_speakers_without_a_word_are_listed() -> None:
    transcript = align(Words("en", tuple(say(0.0, "hello"))), diarization((0.0, 1.0, 0), (20.0, 21.0, 3)))
    assert list(transcript.speakers) == ["SPEAKER_00", "SPEAKER_03"]
    assert transcript.speakers["SPEAKER_03"].words == 0


def test_no_words_and_no_turns() -> None:
    nothing = align(Words("en", ()), diarization(duration=0.0))
    assert nothing.utterances == ()
    assert nothing.speakers == {}
    alone = align(Words("en", tuple(say(0.0, "hello there"))), diarization())
    assert speakers(alone) == [None, None]
    assert [word.speaker_confidence for word in alone.words] == [None, None]


def test_a_turn_boundary_inside_a_word_moves_to_the_sentence_end() -> None:
    # The turn changes 0.16 s into "done.", which is 0.3 s long.
    words = say(0.0, "that is done. what comes next")
    transcript = align(Words("en", tuple(words)), diarization((0.0, 0.76, 0), (0.76, 2.0, 1)))
    assert speakers(transcript) == ["SPEAKER_00"] * 3 + ["SPEAKER_01"] * 3


def test_a_one_word_answer_between_sentences_is_kept() -> None:
    words = say(0.0, "did you see it?") + say(1.2, "Yes.") + say(1.5, "when was that?")
    transcript = align(Words("en", tuple(words)), diarization((0.0, 1.2, 0), (1.2, 1.5, 1), (1.5, 2.4, 0)))
    assert speakers(transcript) == ["SPEAKER_00"] * 4 + ["SPEAKER_01"] + ["SPEAKER_00"] * 3


def test_a_one_word_answer_between_pauses_is_kept_without_punctuation() -> None:
    words = say(0.0, "did you see it") + say(2.0, "mm-hm") + say(3.0, "when was that")
    transcript = align(Words("en", tuple(words)), diarization((0.0, 1.2, 0), (2.0, 2.3, 1), (3.0, 4.0, 0)))
    assert speakers(transcript)[4] == "SPEAKER_01"


def test_a_sliver_of_a_turn_in_the_middle_of_a_phrase_is_not_followed() -> None:
    words = say(0.0, "we went down to the river")
    transcript = align(Words("en", tuple(words)), diarization((0.0, 0.7, 0), (0.7, 0.9, 1), (0.9, 1.8, 0)))
    assert speakers(transcript) == ["SPEAKER_00"] * 6


def test_nobody_is_near() -> None:
    words = say(0.0, "hello") + say(5.0, "ghost") + say(10.0, "again") + say(11.8, "near")
    transcript = align(Words("en", tuple(words)), diarization((0.0, 0.4, 0), (10.0, 10.4, 0)))
    assert speakers(transcript) == ["SPEAKER_00", None, "SPEAKER_00", "SPEAKER_00"]
    assert transcript.words[3].speaker_confidence < 0.55  # type: ignore[operator]


def test_exclusive_turns_break_the_tie_in_overlap_and_overlap_is_flagged() -> None:
    words = say(0.0, "one two three four")
    turns = ((0.0, 1.2, 0), (0.0, 1.2, 1))
    first = align(Words("en", tuple(words)), diarization(*turns, exclusive=[(0.0, 1.2, 0)]))
    second = align(Words("en", tuple(words)), diarization(*turns, exclusive=[(0.0, 1.2, 1)]))
    assert speakers(first) == ["SPEAKER_00"] * 4
    assert speakers(second) == ["SPEAKER_01"] * 4
    assert all(word.overlap for word in first.words)
    assert all(word.speaker_confidence < 0.6 for word in first.words)  # type: ignore[operator]


def test_a_clear_voice_overrules_a_wrong_turn() -> None:
    words = list(itertools.chain.from_iterable(say(4.0 * i, "this is quite a long sentence here.") for i in range(6)))
    turns = [(4.0 * i, 4.0 * i + 2.2, i % 2) for i in range(6)]
    # The third sentence is said by speaker 1, though the turns say 0.
    true_speaker = [0, 1, 1, 1, 0, 1]

    def score(middle: float) -> dict[int, float]:
        own = true_speaker[int(middle // 4)]
        clear = 0.9 if int(middle // 4) == 2 else 0.7
        return {own: clear, 1 - own: 0.1}

    voice = Voice(score)
    found = align(Words("en", tuple(words)), replace(diarization(*turns), voice=voice))
    assert [u.speaker for u in found.utterances] == [f"SPEAKER_{speaker:02d}" for speaker in true_speaker]
    assert all(end - start >= 0.5 for start, end in voice.asked)


def test_an_unclear_voice_changes_nothing() -> None:
    words = say(0.0, "this is quite a long sentence.") + say(4.0, "and so is this one here.")
    plain = diarization((0.0, 2.0, 0), (4.0, 6.0, 1))
    unclear = replace(plain, voice=Voice(lambda _: {0: 0.41, 1: 0.4}))
    silent = replace(plain, voice=Voice(lambda _: {}))
    for evidence in (unclear, silent):
        assert speakers(align(Words("en", tuple(words)), evidence)) == speakers(align(Words("en", tuple(words)), plain))


def test_a_word_is_not_torn_where_no_space_is_written() -> None:
    words = [Word(0.0, 0.3, "twenty"), Word(0.3, 0.6, "-one", leading_space=False), Word(0.6, 0.9, "men")]
    transcript = align(Words("en", tuple(words)), diarization((0.0, 0.3, 0), (0.3, 2.0, 1)))
    assert transcript.words[0].speaker == transcript.words[1].speaker


def test_broken_times_and_probabilities_are_repaired() -> None:
    words = (Word(0.0, 0.3, "a", nan), Word(nan, nan, "1984", 1.7), Word(1.0, 30.0, "b", 0.5), Word(31.0, 31.2, "c"))
    transcript = align(Words("en", words), diarization((0.0, 32.0, 0)))
    assert [word.probability for word in transcript.words] == [None, 1.0, 0.5, None]
    assert transcript.words[1].start == pytest.approx(0.27)
    assert transcript.words[2].end < 1.5


def test_an_unknown_duration_does_not_move_words() -> None:
    transcript = align(Words("en", tuple(say(5.0, "hello there"))), diarization((5.0, 6.0, 0), duration=0.0))
    assert transcript.words[0].start == 5.0
    assert transcript.duration == pytest.approx(5.6)


def test_utterances_split_at_pauses_and_long_ones_at_sentences() -> None:
    words = [replace(word, speaker="SPEAKER_00") for word in say(0.0, "here we go again. " * 15)]
    words += [replace(word, speaker="SPEAKER_00") for word in say(20.0, "after a pause")]
    texts = [utterance.text for utterance in gather_utterances(words)]
    assert texts == [("here we go again. " * 9).strip(), ("here we go again. " * 6).strip(), "after a pause"]


def test_an_endless_utterance_is_split_without_any_mark() -> None:
    words = [replace(word, speaker="SPEAKER_00") for word in say(0.0, "word " * 500)]
    assert max(u.end - u.start for u in gather_utterances(words)) <= 30.5


def test_best_path_equals_trying_every_path() -> None:
    random = np.random.default_rng(7)
    for _ in range(30):
        evidence, prices = random.random((5, 3)), random.random(4)

        def gain(path: tuple[int, ...], evidence: object = evidence, prices: object = prices) -> float:
            rows = np.asarray(evidence)[np.arange(5), list(path)].sum()
            return float(rows - (np.asarray(prices) * (np.diff(path) != 0)).sum())

        best = max(itertools.product(range(3), repeat=5), key=gain)
        assert gain(tuple(best_path(evidence, prices).tolist())) == pytest.approx(gain(best))


def test_equal_evidence_gives_the_lowest_column_everywhere() -> None:
    assert best_path(np.ones((4, 3)), np.zeros(3)).tolist() == [0, 0, 0, 0]
