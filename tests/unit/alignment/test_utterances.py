from __future__ import annotations

import pytest

from oolong_align.alignment.utterances import gather_utterances, longest_before
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


@pytest.mark.parametrize(
    ("text", "pause", "seconds"),
    [("well", 0.0, 30.0), ("well", 0.3, 20.0), ("well,", 0.0, 20.0), ("well.", 0.0, 10.0), ("well", 1.0, 0.0)],
)
def test_the_length_at_which_an_utterance_ends(text: str, pause: float, seconds: float) -> None:
    assert longest_before(Word(0.0, 1.0, text), Word(1.0 + pause, 2.0 + pause, "Then")) == seconds
