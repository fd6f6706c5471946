from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from math import nan

import numpy as np
import pytest
from fakes import FakeEvidence

from oolong_align import align
from oolong_align.errors import UsageError
from oolong_align.types import (
    Diarization,
    DiarizeSegment,
    SpeakerSegment,
    SpeechRange,
    Transcript,
    Word,
    Words,
)


def say(start: float, text: str, *, word_s: float = 0.3) -> list[Word]:
    """Make consecutive words without gaps."""
    return [Word(start + i * word_s, start + (i + 1) * word_s, word) for i, word in enumerate(text.split())]


def diarization(
    *turns: tuple[float, float, int],
    exclusive: Sequence[tuple[float, float, int]] | None = None,
    duration: float = 60.0,
) -> Diarization:
    return Diarization(
        segments=tuple(SpeakerSegment(*turn) for turn in sorted(exclusive if exclusive is not None else turns)),
        turns=tuple(DiarizeSegment(*turn) for turn in sorted(turns)),
        speech=tuple(SpeechRange(start, end) for start, end, _ in sorted(turns)),
        duration=duration,
    )


def speakers(transcript: Transcript) -> list[str | None]:
    return [word.speaker for word in transcript.words]


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


def test_a_very_short_turn_within_a_phrase_is_ignored() -> None:
    words = say(0.0, "we went down to the river")
    transcript = align(Words("en", tuple(words)), diarization((0.0, 0.7, 0), (0.7, 0.9, 1), (0.9, 1.8, 0)))
    assert speakers(transcript) == ["SPEAKER_00"] * 6


def test_no_speaker_is_near() -> None:
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


def test_clear_speaker_evidence_overrules_a_wrong_turn() -> None:
    words = list(itertools.chain.from_iterable(say(4.0 * i, "this is quite a long sentence here.") for i in range(6)))
    turns = [(4.0 * i, 4.0 * i + 2.2, i % 2) for i in range(6)]
    # Speaker 1 says the third sentence, but the turns assign it to speaker 0.
    true_speaker = [0, 1, 1, 1, 0, 1]

    def score(middle: float) -> dict[int, float]:
        own = true_speaker[int(middle // 4)]
        clear = 0.9 if int(middle // 4) == 2 else 0.7
        return {own: clear, 1 - own: 0.1}

    voice = FakeEvidence(score)
    found = align(Words("en", tuple(words)), replace(diarization(*turns), voice=voice))
    assert [u.speaker for u in found.utterances] == [f"SPEAKER_{speaker:02d}" for speaker in true_speaker]
    assert len(voice.queried) == len(words)


def test_speaker_evidence_decides_between_simultaneous_speakers() -> None:
    words = say(0.0, "we were there. so were we all.")
    both = diarization((0.0, 2.1, 0), (0.0, 2.1, 1), exclusive=[(0.0, 2.1, 0)])
    voiced = replace(both, voice=FakeEvidence(lambda middle: {0: 0.6, 1: 0.1} if middle < 0.9 else {0: 0.1, 1: 0.6}))
    found = align(Words("en", tuple(words)), voiced)
    assert speakers(found) == ["SPEAKER_00"] * 3 + ["SPEAKER_01"] * 4
    assert all(word.overlap for word in found.words)


def test_speaker_evidence_stops_at_a_sentence_end_or_a_pause() -> None:
    words = say(0.0, "yes. No") + say(2.0, "then")
    voice = FakeEvidence(lambda _: {0: 0.5, 1: 0.4})
    align(Words("en", tuple(words)), replace(diarization((0.0, 2.3, 0), (5.0, 6.0, 1)), voice=voice))
    (_, first), (second, third), (fourth, _) = voice.queried
    assert first == second == pytest.approx(0.3)
    assert third <= fourth


def test_margins_are_scaled_by_the_recording() -> None:
    words = say(0.0, "this is quite a long sentence.") + say(4.0, "and so is this one here.") + say(8.0, "yes.")
    plain = diarization((0.0, 2.0, 0), (4.0, 6.0, 1), (8.0, 8.3, 0))

    def near(middle: float, scale: float) -> dict[int, float]:
        own = 0 if middle < 3 else 1
        return {own: 0.1 + scale, 1 - own: 0.1}

    wide, narrow = (replace(plain, voice=FakeEvidence(lambda middle, s=s: near(middle, s))) for s in (0.8, 0.2))  # type: ignore[misc]
    for evidence in (wide, narrow):
        found = align(Words("en", tuple(words)), evidence).words
        assert found[-1].speaker == "SPEAKER_01"
    confidences = [
        [word.speaker_confidence for word in align(Words("en", tuple(words)), evidence).words]
        for evidence in (wide, narrow)
    ]
    np.testing.assert_allclose(*confidences, atol=1e-9)  # type: ignore[call-overload]


def test_unclear_speaker_evidence_changes_nothing() -> None:
    words = say(0.0, "this is quite a long sentence.") + say(4.0, "and so is this one here.")
    plain = diarization((0.0, 2.0, 0), (4.0, 6.0, 1))
    unclear = replace(plain, voice=FakeEvidence(lambda _: {0: 0.41, 1: 0.4}))
    silent = replace(plain, voice=FakeEvidence(lambda _: {}))
    for evidence in (unclear, silent):
        assert speakers(align(Words("en", tuple(words)), evidence)) == speakers(align(Words("en", tuple(words)), plain))


def test_a_word_without_a_space_is_not_split() -> None:
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
    transcript = align(Words("en", tuple(say(5.0, "hello there"))), diarization((5.0, 5.6, 0), duration=0.0))
    assert transcript.words[0].start == 5.0
    assert transcript.duration == pytest.approx(5.6)


def test_equal_evidence_selects_the_lowest_speaker() -> None:
    words = say(0.0, "one two three")
    turns = ((0.0, 0.9, 4), (0.0, 0.9, 2))
    assert speakers(align(Words("en", tuple(words)), diarization(*turns, exclusive=[]))) == ["SPEAKER_02"] * 3


def test_overlap_rule_takes_the_longest_overlap_and_nothing_else() -> None:
    words = say(0.0, "that is done. what comes next") + say(5.0, "far")
    plain = diarization((0.0, 0.76, 0), (0.76, 2.0, 1), (1.5, 1.75, 2))
    voiced = replace(plain, voice=FakeEvidence(lambda _: {0: 0.9, 1: 0.1, 2: 0.1}))
    for given in (plain, voiced):
        found = align(Words("en", tuple(words)), given, rule="overlap")
        assert [(word.speaker or "")[-1:] for word in found.words] == ["0", "0", "0", "1", "1", "1", ""]
        assert {word.speaker_confidence for word in found.words} == {None}
    # "done." is said until 0.9, longer by the second speaker from 0.74 on.
    earlier = diarization((0.0, 0.74, 0), (0.74, 2.0, 1))
    assert speakers(align(Words("en", tuple(words)), earlier, rule="overlap"))[2] == "SPEAKER_01"


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(UsageError, match=r"Unknown align_rule 'nearest'\. Available: voice, overlap"):
        align(Words("en", ()), diarization(), rule="nearest")
