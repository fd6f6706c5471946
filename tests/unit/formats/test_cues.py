# ruff: noqa: RUF001 - the marks of other scripts look like Latin ones on purpose
from __future__ import annotations

from itertools import pairwise
from time import process_time
from timeit import repeat

import pytest
import srt

from oolong_align.alignment.utterances import gather_utterances
from oolong_align.errors import UsageError
from oolong_align.formats.cue_lines import join_line
from oolong_align.formats.cue_times import place_cues, word_states
from oolong_align.formats.cues import Cue, CueLayout, make_cues
from oolong_align.formats.srt import render_srt
from oolong_align.formats.vtt import render_vtt
from oolong_align.types import Transcript, Utterance, Word


def transcript(*words: Word, duration: float = 100.0) -> Transcript:
    return Transcript("en", duration, gather_utterances(words))


def say(text: str, *, start: float = 0.0, word_s: float = 0.3, speaker: str | None = "SPEAKER_00") -> list[Word]:
    return [
        Word(start + i * word_s, start + (i + 1) * word_s, word, speaker=speaker) for i, word in enumerate(text.split())
    ]


def texts(cues: list[Cue]) -> list[list[str]]:
    return [[join_line([run.text for run in line], line) for line in cue.lines] for cue in cues]


def cut(*words: Word, prefix: str = "", **layout: float) -> list[list[str]]:
    cues = make_cues(transcript(*words), CueLayout(**layout), {"SPEAKER_00": prefix})  # type: ignore[arg-type]
    return texts(cues)


def test_a_short_sentence_is_one_line() -> None:
    assert cut(*say("Little by little they talked again.")) == [["Little by little they talked again."]]


def test_two_lines_are_balanced_and_broken_at_the_clause() -> None:
    assert cut(*say("When the rain had stopped at last, they went home.")) == [
        ["When the rain had stopped at last,", "they went home."]
    ]
    assert cut(*say("I never thought you would be one for the suburbs at all.")) == [
        ["I never thought you would", "be one for the suburbs at all."]
    ]


def test_cues_end_at_sentences() -> None:
    words = say("We waited for an hour in the cold and the rain. Then the bus came round the corner at last.")
    assert cut(*words) == [
        ["We waited for an hour", "in the cold and the rain."],
        ["Then the bus came round", "the corner at last."],
    ]


def test_short_sentences_share_a_cue() -> None:
    assert cut(*say("Yes. I see.")) == [["Yes. I see."]]


def test_a_pause_ends_a_cue() -> None:
    assert cut(*say("one two three"), *say("four five six", start=1.7)) == [["one two three"], ["four five six"]]


def test_the_name_takes_room_on_the_first_line() -> None:
    name = "[SPEAKER_00]: "
    lines = cut(*say("I never thought you would be one for the suburbs."), prefix=name)[0]
    assert len(name + lines[0]) <= 42
    assert len(lines[1]) <= 42


def test_a_name_as_long_as_a_line_stands_alone() -> None:
    assert cut(*say("incomprehensible")[:1], prefix="[" + "x" * 38 + "]: ") == [["", "incomprehensible"]]


def test_a_word_longer_than_the_line_stays_whole() -> None:
    url = "https://example.org/" + "x" * 40
    assert cut(*say(f"see {url} there")) == [["see", url], ["there"]]


def test_a_word_longer_than_a_cue_is_cut() -> None:
    lines = [line for cue in cut(*say("a" * 200)) for line in cue]
    assert "".join(lines) == "a" * 200
    assert set(map(len, lines)) == {40}


def test_chinese_is_broken_between_characters_but_not_before_a_mark() -> None:
    phrase = "我们昨天晚上在那家新开的餐厅里吃了一顿非常好吃的饭，然后一起走回家。"
    [lines] = cut(Word(0.0, 6.0, phrase, speaker="SPEAKER_00", leading_space=False))
    assert "".join(lines) == phrase
    assert all(line[0] not in "，。" for line in lines)
    assert all(len(line) <= 21 for line in lines)


def test_chinese_words_are_written_without_spaces() -> None:
    words = [
        Word(i * 0.3, i * 0.3 + 0.3, text, leading_space=False) for i, text in enumerate(["你好", "，", "世界", "。"])
    ]
    assert cut(*words) == [["你好，世界。"]]


def test_lines_do_not_start_with_closing_marks_or_end_with_opening_marks() -> None:
    words = [
        Word(i * 0.3, i * 0.3 + 0.3, text, leading_space=False)
        for i, text in enumerate(["「", "はい", "」", "と", "言", "った", "人", "が", "いた", "。"] * 4)
    ]
    lines = [line for cue in cut(*words, max_line_width=14) for line in cue]
    assert "".join(lines) == "「はい」と言った人がいた。" * 4
    assert all(line[0] not in "」っ。" and line[-1] != "「" for line in lines)


def test_thai_is_broken_at_its_spaces() -> None:
    tokens = " ข|อ|บ|คุ|ณ|มา|ก|ครั|บ| วั|นนี้|เรา|จะ|คุ|ย|กั|น|เรื่|อง|น้|ำ|ท่|ว|ม"
    words = [
        Word(i * 0.2, i * 0.2 + 0.2, text.strip(), leading_space=text[0] == " ")
        for i, text in enumerate(tokens.split("|"))
    ]
    assert cut(*words) == [["ขอบคุณมากครับ", "วันนี้เราจะคุยกันเรื่องน้ำท่วม"]]


def test_a_long_japanese_phrase_is_broken_at_its_marks_and_after_its_endings() -> None:
    phrase = "今日はとても天気がいいので、みんなで公園へ行きましょう。"
    assert cut(Word(0.0, 3.0, phrase)) == [["今日はとても天気がいいので、", "みんなで公園へ行きましょう。"]]
    assert cut(Word(0.0, 2.0, "友達とあの町で買い物をして帰る"), max_line_width=18) == [
        ["友達とあの町で", "買い物をして帰る"]
    ]


def test_a_full_stop_inside_a_number_or_before_a_lower_case_letter_does_not_end_a_cue() -> None:
    words = say("We agreed to pay approx. four hundred and 3 .5 per cent of it, etc. and so on to them.")
    torn = [Word(w.start, w.end, w.text, speaker=w.speaker, leading_space=w.text != ".5") for w in words]
    assert cut(*torn) == [
        ["We agreed to pay approx. four", "hundred and 3.5 per cent of it,"],
        ["etc. and so on to them."],
    ]


def test_overlapping_words_are_highlighted_one_after_the_other() -> None:
    words = [Word(1.0, 2.0, "one"), Word(1.2, 1.3, "two"), Word(1.2, 2.5, "three"), Word(2.4, 2.4, "four")]
    assert render_srt(transcript(*words), CueLayout(highlight_words=True)) == (
        "1\n00:00:01,000 --> 00:00:02,000\n<u>one</u> two three four\n\n"
        "2\n00:00:02,000 --> 00:00:02,001\none <u>two</u> three four\n\n"
        "3\n00:00:02,001 --> 00:00:02,399\none two <u>three</u> four\n\n"
        "4\n00:00:02,399 --> 00:00:02,400\none two three <u>four</u>\n\n"
    )


@pytest.mark.parametrize(
    "words",
    [
        [Word(0.0, 0.0, "w")],
        [Word(0.0, 0.0, "字", leading_space=False)],
        [Word(0.0, 0.0, "ี่ก", leading_space=False)],
        [Word(0.0, 0.0, "\u0301", leading_space=False)],
        [Word(0.0, 0.0, "w,"), Word(0.0, 0.5, "字" * 30, leading_space=False)],
    ],
)
def test_cost_is_linear_in_the_words(words: list[Word]) -> None:
    def seconds(number: int) -> float:
        many = Transcript("en", 9.0, (Utterance(0.0, 9.0, None, tuple(words * (number // len(words)))),))
        made: list[list[Cue]] = []
        # timeit turns the garbage collector off, which would otherwise visit objects of earlier tests.
        times = repeat(lambda: made.append(make_cues(many, CueLayout(), {})), timer=process_time, number=1, repeat=3)
        assert sum(len(run.text) for cue in made[0] for line in cue.lines for run in line) == sum(
            len(word.text) for word in many.words
        )
        return min(times)

    assert seconds(4000) < 16 * seconds(500)


def test_combining_marks_stay_with_their_character() -> None:
    text = "नि" * 60
    lines = [line for cue in cut(*say(text)) for line in cue]
    assert "".join(lines) == text
    assert all(line[0] == "न" for line in lines)


def test_a_long_word_with_spaces_inside_is_broken_at_them() -> None:
    word = Word(0.0, 4.0, "one word that a transcriber gave as a whole sentence", speaker="SPEAKER_00")
    [lines] = cut(word)
    assert " ".join(lines) == word.text
    assert max(map(len, lines)) <= 42


def test_cues_are_no_longer_than_allowed() -> None:
    cues = make_cues(transcript(*say("slow " * 8, word_s=1.4)), CueLayout(max_cue=3.0), {})
    assert max(cue.end_ms - cue.start_ms for cue in cues) <= 3000


def test_a_short_cue_grows_into_silence_but_not_into_its_neighbour() -> None:
    words = [*say("Yes.", start=5.0), *say("No.", start=5.5, speaker="SPEAKER_01")]
    first, second = make_cues(transcript(*words), CueLayout(), {})
    assert (first.start_ms, first.end_ms) == (4700, 5500)
    assert (second.start_ms, second.end_ms) == (5500, 6300)


def test_cues_end_with_the_recording() -> None:
    [cue] = make_cues(transcript(*say("Yes.", start=9.8, word_s=0.2), duration=10.0), CueLayout(), {})
    assert (cue.start_ms, cue.end_ms) == (9200, 10000)


def test_words_without_duration_at_the_end_have_cues() -> None:
    words = [Word(10.0, 10.0, f"w{i}", speaker=f"SPEAKER_{i % 2:02d}") for i in range(5)]
    cues = make_cues(transcript(*words, duration=10.0), CueLayout(), {})
    assert len(cues) == 5
    assert all(cue.start_ms < cue.end_ms <= 10_000 for cue in cues)
    assert all(a.end_ms <= b.start_ms for a, b in pairwise(cues))


def test_more_cues_than_milliseconds_end_after_the_recording() -> None:
    times = place_cues([(0.0, 0.0, 1)] * 5, duration=0.002, min_cue=0.8, max_cue=7.0)
    assert times == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 804)]


def test_words_without_text_produce_no_cue() -> None:
    assert cut(Word(0.0, 0.2, "\n"), Word(0.2, 0.4, "")) == []


def test_spoken_numbers_and_times_do_not_start_a_cue() -> None:
    words = say("thirteen-long 22 00:00:01,000 --> 00:00:02,000", speaker=None)
    [cue] = srt.parse(render_srt(transcript(*words), CueLayout(max_line_width=13, max_line_count=5)))
    assert cue.content == "thirteen-long\n22 00:00:01,000\n→\n00:00:02,000"


def test_highlighted_words_have_one_state_each_and_fill_the_cue() -> None:
    words = [Word(1.0, 1.2, "one"), Word(1.2, 1.5, "two"), Word(1.8, 2.0, "three")]
    assert render_srt(transcript(*words), CueLayout(highlight_words=True)) == (
        "1\n00:00:01,000 --> 00:00:01,200\n<u>one</u> two three\n\n"
        "2\n00:00:01,200 --> 00:00:01,500\none <u>two</u> three\n\n"
        "3\n00:00:01,500 --> 00:00:01,800\none two three\n\n"
        "4\n00:00:01,800 --> 00:00:02,000\none two <u>three</u>\n\n"
    )
    assert "one <u>two</u> three" in render_vtt(transcript(*words), CueLayout(highlight_words=True))


def test_states_of_words_without_duration_are_not_empty() -> None:
    runs = [run for cue in make_cues(transcript(*[Word(1.0, 1.0, "w")] * 3), CueLayout(), {}) for run in cue.lines[0]]
    assert word_states(runs, 1000, 1003) == [(1000, 1001, 0), (1001, 1002, 1), (1002, 1003, 2)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_line_width": 0},
        {"max_line_count": 0},
        {"min_cue": -1.0},
        {"min_cue": float("nan")},
        {"max_cue": 0.0},
        {"min_cue": 8.0},
    ],
)
def test_invalid_layouts_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong)) if "min_cue" not in wrong else "_cue"):
        CueLayout(**wrong)  # type: ignore[arg-type]
