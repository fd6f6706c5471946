from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import nan

from hypothesis import given
from hypothesis import strategies as st
from oolong_align_metrics.interleaving import RecognisedWord, SpokenWord, align_words
from rapidfuzz.distance import Levenshtein

LETTERS = st.text("xyz", max_size=3)


def spoken(speaker: str, text: str, start: float, end: float) -> list[SpokenWord]:
    step = (end - start) / max(len(text), 1)
    times = [start + step * place for place in range(len(text) + 1)]
    return [SpokenWord(letter, *times[at : at + 2], speaker, start, end) for at, letter in enumerate(text)]


def recognised(text: str, start: float = nan, end: float = nan) -> list[RecognisedWord]:
    return [RecognisedWord(each.text, each.start, each.end) for each in spoken("", text, start, end)]


def edits(reference: Sequence[SpokenWord], hypothesis: Sequence[RecognisedWord]) -> int:
    pairs = align_words(reference, hypothesis)
    assert sorted(i for i, _ in pairs if i is not None) == list(range(len(reference)))
    assert [j for _, j in pairs if j is not None] == list(range(len(hypothesis)))
    return sum(i is None or j is None or reference[i].text != hypothesis[j].text for i, j in pairs)


def orders(streams: Sequence[str]) -> Iterator[str]:
    if not any(streams):
        yield ""
    for at, stream in enumerate(streams):
        if stream:
            rest = [*streams[:at], stream[1:], *streams[at + 1 :]]
            yield from (stream[0] + order for order in orders(rest))


@given(st.lists(LETTERS, max_size=3), st.text("xyz", max_size=9))
def test_overlapping_turns_may_be_written_in_any_order(streams: list[str], hypothesis: str) -> None:
    reference = [word for name, text in enumerate(streams) for word in spoken(str(name), text, 0, 3)]
    best = min(Levenshtein.distance(order, hypothesis) for order in orders(streams))
    assert edits(reference, recognised(hypothesis)) == best


@given(st.lists(st.tuples(st.sampled_from("ab"), LETTERS), max_size=6), st.text("xyz", max_size=20))
def test_consecutive_turns_have_the_plain_edit_distance(turns: list[tuple[str, str]], text: str) -> None:
    reference = [word for at, (name, said) in enumerate(turns) for word in spoken(name, said, at, at + 1)]
    expected = Levenshtein.distance("".join(said for _, said in turns), text)
    assert edits(reference, recognised(text)) == expected


def test_consecutive_turns_keep_their_order() -> None:
    assert edits(spoken("a", "abc", 0, 3) + spoken("b", "x", 3, 4), recognised("abxc")) == 2
    assert edits(spoken("a", "abc", 0, 3) + spoken("b", "x", 1, 2), recognised("abxc")) == 0


def test_the_order_of_a_speaker_is_kept_in_overlapping_turns() -> None:
    reference = spoken("a", "ab", 0, 10) + spoken("a", "cd", 1, 2) + spoken("b", "x", 3, 4)
    assert edits(reference, recognised("axbcd")) == 0
    assert edits(reference, recognised("acdb")) == 3


def test_the_nearest_of_equal_words_is_selected() -> None:
    reference = spoken("a", "y", 0, 1) + spoken("b", "y", 50, 51)
    assert align_words(reference, recognised("y", 49, 50)) == [(0, None), (1, 0)]
    assert align_words(reference, recognised("y", 2, 3)) == [(0, 0), (1, None)]
    assert edits(reference, recognised("yy", 7000, 9000)) == 0


def test_correct_words_precede_nearer_times() -> None:
    reference = spoken("a", "xy", 0, 2)
    assert align_words(reference, recognised("yz", 0, 2)) == [(0, None), (1, 0), (None, 1)]


def test_of_two_simultaneous_words_the_more_similar_one_is_aligned() -> None:
    reference = [SpokenWord("comments", 0, 1, "a", 0, 1), SpokenWord("room", 0, 1, "b", 0, 1)]
    assert align_words(reference, [RecognisedWord("commands", 0, 1)]) == [(0, 0), (1, None)]
    assert align_words(reference, [RecognisedWord("rooms", 0, 1)]) == [(0, None), (1, 0)]


def test_many_overlapping_speakers_are_sorted_by_time() -> None:
    """The cuts of six speakers do not fit into memory."""
    reference = [word for name in range(6) for word in spoken(str(name), "xyz" * 20, name / 100, 30 + name / 100)]
    in_time = sorted(reference, key=lambda word: word.start)
    assert edits(reference, [RecognisedWord(word.text, word.start, word.end) for word in in_time]) == 0


def test_an_hour_of_inserted_words() -> None:
    """The search follows the plain edit, however far it is from the diagonal."""
    reference = spoken("a", "abcdefgh" * 10, 0, 40)
    assert edits(reference, recognised("z" * 3000 + "abcdefgh" * 10)) == 3000
