# ruff: noqa: RUF001 - the marks of other scripts look like Latin ones on purpose
"""Invariants of the cues of any transcript, in any script."""

from __future__ import annotations

import unicodedata
from itertools import groupby, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from oolong_align.alignment.utterances import gather_utterances
from oolong_align.formats.cue_lines import TextRun
from oolong_align.formats.cue_times import word_states
from oolong_align.formats.cues import Cue, CueLayout, make_cues
from oolong_align.text.scripts import clusters, display_width
from oolong_align.types import Transcript, Word, join_words

WORDS = st.sampled_from(
    [
        *("I", "never", "thought,", "well...", "No.", "3", ".5", "Dr.", "O'Neil", "«oui»", "-one", "incomprehensibly"),
        *("我们", "昨", "，", "“", "好。", "「はい」", "ちょっと", "った", "今日はいい天気なので、公園へ行きましょう"),
        *("네,", "알겠습니다.", "น้", "ำ", "ท่", "ว", "ๆ", "ที่สุด", "हूँ।", "क्षत्रिय", "်", "ာ", "ខ្ញុំចង់ទៅផ្ទះ។"),
        *("ما", "WhisperX؟", "ד״ר", "(تقريبا).", "👍", "🏽", "👨\u200d", "👩", "🇩", "🇪", "e\u0301", "\u0301", "\u200b"),
        *("x" * 90, "नि" * 40, "👨\u200d👩\u200d👧" * 12, "၁" * 50, "a" + "\u0301" * 100),
    ]
)
LAYOUTS = st.builds(
    CueLayout,
    max_line_width=st.sampled_from([8, 20, 42]),
    max_line_count=st.integers(1, 3),
    min_cue=st.sampled_from([0.0, 0.8, 1.0]),
    max_cue=st.sampled_from([1.0, 2.5, 7.0]),
)


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    words: list[Word] = []
    now = 0.0
    for text in draw(st.lists(WORDS, max_size=40)):
        # A negative gap: the word starts before the previous one ends.
        start = max(now + draw(st.sampled_from([0.0, 0.0, 0.02, 0.6, -0.2, 3.0])), words[-1].start if words else 0.0)
        now = start + draw(st.sampled_from([0.0, 0.1, 0.4, 1.2]))
        speaker = draw(st.sampled_from([None, "SPEAKER_00", "SPEAKER_00", "SPEAKER_00", "SPEAKER_01"]))
        words.append(Word(start, now, text, speaker=speaker, leading_space=draw(st.booleans())))
    return Transcript("en", max((word.end for word in words), default=0.0) + 0.5, gather_utterances(words))


def runs_of(cue: Cue) -> list[TextRun]:
    return [run for line in cue.lines for run in line]


def text_of(runs: list[TextRun]) -> str:
    return "".join((" " if run.space else "") + run.text for run in runs)


@settings(max_examples=100)
@given(transcript=transcripts(), layout=LAYOUTS)
def test_words_and_spaces_are_neither_lost_nor_repeated_nor_moved_to_another_speaker(
    transcript: Transcript, layout: CueLayout
) -> None:
    cues = make_cues(transcript, layout, {"SPEAKER_00": "[Ada]: "})
    found = [
        (speaker, text_of([run for cue in group for run in runs_of(cue)]).split())
        for speaker, group in groupby(cues, key=lambda cue: cue.speaker)
    ]
    expected = [
        (speaker, " ".join(join_words(utterance.words) for utterance in group).split())
        for speaker, group in groupby(transcript.utterances, key=lambda utterance: utterance.speaker)
    ]
    # Compare without spaces: consecutive utterances of one speaker may or may not have a space between them.
    assert [(speaker, "".join(text)) for speaker, text in found] == [(s, "".join(text)) for s, text in expected]
    for utterance in transcript.utterances:
        [*alone] = make_cues(Transcript("en", transcript.duration, (utterance,)), layout, {})
        assert text_of([run for cue in alone for run in runs_of(cue)]).strip() == join_words(utterance.words)


@settings(max_examples=100)
@given(transcript=transcripts(), layout=LAYOUTS)
def test_grapheme_clusters_are_never_split(transcript: Transcript, layout: CueLayout) -> None:
    for utterance in transcript.utterances:
        cues = make_cues(Transcript("en", transcript.duration, (utterance,)), layout, {})
        lines = [list(line) for cue in cues for line in cue.lines if line]
        for line, following in pairwise(lines):
            if following[0].space:
                continue
            assert unicodedata.category(following[0].text[0]) not in {"Mn", "Mc", "Me", "Sk", "Cf"}
            before, after = text_of(line)[-64:], following[0].text[:64]
            assert len(clusters(before)) + len(clusters(after)) == len(clusters(before + after))


@settings(max_examples=100)
@given(transcript=transcripts(), layout=LAYOUTS)
def test_lines_and_times_obey_the_layout(transcript: Transcript, layout: CueLayout) -> None:
    cues = make_cues(transcript, layout, {})
    for cue in cues:
        assert 1 <= len(cue.lines) <= layout.max_line_count
        for line in cue.lines:
            assert len(line) == 1 or display_width(text_of(list(line)).strip()) <= layout.max_line_width
        assert cue.end_ms - cue.start_ms <= max(1000 * layout.max_cue, 1)
    edges = [0, *(edge for cue in cues for edge in (cue.start_ms, cue.end_ms)), int(1000 * transcript.duration)]
    assert edges == sorted(edges)
    for number, cue in enumerate(cues):
        if cue.end_ms - cue.start_ms < 1000 * layout.min_cue:
            assert cue.start_ms == (cues[number - 1].end_ms if number else 0)
            assert cue.end_ms == edges[2 * number + 3]


@settings(max_examples=60)
@given(transcript=transcripts())
def test_each_word_is_marked_once_while_its_cue_is_shown(transcript: Transcript) -> None:
    for cue in make_cues(transcript, CueLayout(highlight_words=True), {}):
        states = word_states(runs_of(cue), cue.start_ms, cue.end_ms)
        assert [number for *_, number in states if number is not None] == list(range(len(runs_of(cue))))
        assert [start for start, _, _ in states] == [cue.start_ms, *(end for _, end, _ in states[:-1])]
        assert all(start < end for start, end, _ in states)
        assert states[-1][1] == cue.end_ms
