from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest

from oolong_align.alignment.word_times import longest_plausible_s, sanitise_times
from oolong_align.timing.timeline import Timeline
from oolong_align.types import Word

SILENCE = Timeline([])


def times(
    *spans: tuple[float, float], limit: float = 100.0, speech: Timeline = SILENCE, text: str = "word"
) -> tuple[list[float], list[float]]:
    words = [Word(start, end, text) for start, end in spans]
    starts, ends = sanitise_times(words, limit=limit, speech=speech)
    return starts.tolist(), ends.tolist()


def test_valid_times_do_not_change() -> None:
    assert times((1.0, 1.3), (1.3, 1.5), (2.0, 2.4)) == ([1.0, 1.3, 2.0], [1.3, 1.5, 2.4])


def test_no_words() -> None:
    assert times() == ([], [])


def test_missing_times_are_spread_over_the_gap() -> None:
    starts, ends = times((1.0, 1.2), (nan, nan), (nan, nan), (2.0, 2.3))
    np.testing.assert_allclose(starts, [1.0, 1.2, 1.6, 2.0])
    np.testing.assert_allclose(ends, [1.2, 1.6, 2.0, 2.3])


def test_none_from_an_untyped_caller_counts_as_missing() -> None:
    words = [Word(0.0, 0.4, "in"), Word(None, None, "1984"), Word(1.0, 1.2, "then")]  # type: ignore[arg-type]
    starts, ends = sanitise_times(words, limit=inf, speech=SILENCE)
    np.testing.assert_allclose([starts[1], ends[1]], [0.39, 1.0])


def test_missing_times_at_both_edges_stay_near_their_neighbour() -> None:
    starts, ends = times((nan, nan), (5.0, 5.2), (nan, nan))
    assert 4.5 < starts[0] < ends[0] <= 5.0
    assert 5.2 <= starts[2] < ends[2] < 6.0


def test_all_times_missing() -> None:
    starts, ends = times((nan, nan), (nan, nan))
    assert 0 <= starts[0] < ends[0] <= starts[1] < ends[1] < 2


def test_a_word_does_not_extend_over_silence() -> None:
    starts, ends = times((1.0, 9.0), (9.0, 9.3), speech=Timeline([(1.0, 2.7), (9.0, 10.0)]))
    assert starts[0] == 1.0
    assert ends[0] == pytest.approx(1.0 + longest_plausible_s("word"))


def test_a_word_extended_over_the_silence_before_it_keeps_its_end() -> None:
    starts, ends = times((1.0, 9.0), speech=Timeline([(8.3, 10.0)]))
    assert ends[0] == 9.0
    assert starts[0] == pytest.approx(9.0 - longest_plausible_s("word"))


def test_silence_at_the_edges_of_a_word_is_trimmed() -> None:
    speech = Timeline([(1.3, 1.7), (5.0, 5.05)])
    starts, ends = times((1.0, 2.0), (4.8, 5.3), speech=speech, text="longer")
    np.testing.assert_allclose([starts[0], ends[0]], [1.3, 1.7])
    assert (starts[1], ends[1]) == (4.8, 5.3)


def test_words_extend_to_the_edges_of_their_speech() -> None:
    speech = Timeline([(0.9, 2.1), (2.5, 3.0)])
    starts, ends = times((1.0, 1.3), (1.5, 1.9), (2.6, 2.8), speech=speech)
    np.testing.assert_allclose(starts, [0.9, 1.5, 2.5])
    np.testing.assert_allclose(ends, [1.3, 2.1, 3.0])
    again = times(*zip(starts, ends, strict=True), speech=speech)
    assert again == (starts, ends)


def test_words_extend_neither_far_nor_beyond_plausible_lengths() -> None:
    starts, ends = times((1.0, 1.3), (8.0, 8.5), (8.7, 8.9), speech=Timeline([(0.5, 9.4)]), limit=9.1)
    assert (starts, ends) == ([1.0, 8.0, 8.7], [1.3, 8.5, 9.1])
    starts, ends = times((1.1, 1.4), speech=Timeline([(0.8, 1.7)]))
    np.testing.assert_allclose([starts[0], ends[0]], [0.8, 0.8 + longest_plausible_s("word")])


def test_a_word_far_out_of_order_moves_to_its_neighbours() -> None:
    starts, ends = times((1.0, 1.2), (80.0, 80.3), (1.5, 1.7), (2.0, 2.2))
    assert 1.2 <= starts[1] <= ends[1] <= 1.5
    assert starts[2:] == [1.5, 2.0]


def test_a_small_step_back_is_smoothed() -> None:
    starts, ends = times((1.0, 1.3), (1.2, 1.5), (1.1, 1.6), (1.9, 2.0))
    assert starts == sorted(starts)
    assert all(end <= start for end, start in zip(ends[:-1], starts[1:], strict=True))


def test_times_stay_inside_the_recording() -> None:
    starts, ends = times((-1.0, 0.2), (9.9, 12.0), (12.0, 13.0), limit=10.0)
    assert starts[0] == 0.0
    assert max(ends) == 10.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [("I", 0.27), ("hello", 0.75), ("incomprehensibilities", 1.5), ("1984", 1.5), ("你好吗", 1.2)],
)
def test_longest_plausible_length(text: str, expected: float) -> None:
    assert longest_plausible_s(text) == pytest.approx(expected)
