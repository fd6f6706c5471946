from __future__ import annotations

from oolong_align.alignment.utterances import gather_utterances
from oolong_align.types import Word


def say(start: float, text: str) -> list[Word]:
    """Make consecutive words of one speaker without gaps."""
    return [
        Word(start + 0.3 * i, start + 0.3 * (i + 1), word, speaker="SPEAKER_00") for i, word in enumerate(text.split())
    ]


def test_utterances_split_at_pauses_and_long_ones_at_sentences() -> None:
    words = say(0.0, "here we go again. " * 15)
    words += say(20.0, "after a pause")
    texts = [utterance.text for utterance in gather_utterances(words)]
    assert texts == [("here we go again. " * 9).strip(), ("here we go again. " * 6).strip(), "after a pause"]


def test_a_very_long_utterance_is_split_without_punctuation() -> None:
    words = say(0.0, "word " * 500)
    assert max(u.end - u.start for u in gather_utterances(words)) <= 30.5
