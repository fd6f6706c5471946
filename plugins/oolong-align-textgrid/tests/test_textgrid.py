from __future__ import annotations

import re

import oolong_align_textgrid
from oolong_align_textgrid import render_textgrid

from oolong_align.testing import check_format, make_host
from oolong_align.types import Diarization, DiarizeSegment, Speaker, Transcript, Utterance, Word

Tier = list[tuple[float, float, str]]


def read(text: str) -> tuple[float, dict[str, Tier]]:
    """Read Praat's long text format strictly: check counts, and that the intervals cover the domain."""
    assert text.startswith('File type = "ooTextFile"\nObject class = "TextGrid"\n\n')
    tokens = iter(
        re.findall(r'"(?:[^"]|"")*"|<exists>|(?<![\[\d.])\d+(?:\.\d+)?(?![\d.]*\])', text.split("\n\n", 1)[1])
    )

    def string() -> str:
        token = next(tokens)
        assert token[0] == token[-1] == '"'
        return token[1:-1].replace('""', '"')

    assert float(next(tokens)) == 0
    domain = float(next(tokens))
    assert next(tokens) == "<exists>"
    tiers: dict[str, Tier] = {}
    for _ in range(int(next(tokens))):
        assert string() == "IntervalTier"
        name = string()
        assert name not in tiers
        assert (float(next(tokens)), float(next(tokens))) == (0, domain)
        tiers[name] = []
        position = 0.0
        for _ in range(int(next(tokens))):
            start, end, label = float(next(tokens)), float(next(tokens)), string()
            assert start == position < end
            position = end
            tiers[name].append((start, end, label))
        assert position == domain
    assert next(tokens, None) is None
    return domain, tiers


def utterance(speaker: str | None, *words: tuple[float, float, str]) -> Utterance:
    spoken = tuple(Word(start, end, text, speaker=speaker) for start, end, text in words)
    return Utterance(spoken[0].start, spoken[-1].end, speaker, spoken)


def transcript(*utterances: Utterance, **names: str) -> Transcript:
    labels = {each.speaker for each in utterances if each.speaker}
    speakers = {label: Speaker(label=label, name=names.get(label)) for label in sorted(labels)}
    return Transcript("en", 10.0, utterances, speakers=speakers)


MEETING = transcript(
    utterance("SPEAKER_00", (0.5, 1.0, "Hello"), (1.0, 1.5, "there.")),
    utterance("SPEAKER_01", (1.25, 2.0, "Hi!")),
    utterance(None, (3.0, 3.5, "(laughs)")),
)


def test_each_speaker_has_a_tier() -> None:
    domain, tiers = read(render_textgrid(MEETING))
    assert domain == 10
    assert tiers == {
        "SPEAKER_00": [(0, 0.5, ""), (0.5, 1.5, "Hello there."), (1.5, 10, "")],
        "SPEAKER_01": [(0, 1.25, ""), (1.25, 2.0, "Hi!"), (2.0, 10, "")],
        "(nobody)": [(0, 3, ""), (3, 3.5, "(laughs)"), (3.5, 10, "")],
    }


def test_words_have_their_own_tiers() -> None:
    _, tiers = read(render_textgrid(MEETING, words=True))
    assert list(tiers) == [
        "SPEAKER_00",
        "SPEAKER_00 words",
        "SPEAKER_01",
        "SPEAKER_01 words",
        "(nobody)",
        "(nobody) words",
    ]
    assert tiers["SPEAKER_00 words"] == [(0, 0.5, ""), (0.5, 1.0, "Hello"), (1.0, 1.5, "there."), (1.5, 10, "")]


def test_text_and_names_are_escaped() -> None:
    hostile = 'say "xmin = 3"\n        text = "oops'
    _, tiers = read(render_textgrid(transcript(utterance("SPEAKER_00", (0, 1, hostile)), SPEAKER_00='Ada "the" <b>')))
    assert tiers == {'Ada "the" <b>': [(0, 1, 'say "xmin = 3"         text = "oops'), (1, 10, "")]}


def test_two_speakers_of_one_name_keep_their_tiers() -> None:
    meeting = transcript(
        utterance("SPEAKER_00", (0, 1, "a")), utterance("SPEAKER_01", (1, 2, "b")), SPEAKER_00="Ada", SPEAKER_01="Ada"
    )
    assert list(read(render_textgrid(meeting))[1]) == ["Ada (SPEAKER_00)", "Ada (SPEAKER_01)"]


def test_overlapping_intervals_keep_their_text() -> None:
    meeting = transcript(
        utterance("SPEAKER_00", (0.0, 2.0, "one")),
        utterance("SPEAKER_00", (1.0, 3.0, "two")),
        utterance("SPEAKER_00", (2.0, 2.5, "three")),
        utterance("SPEAKER_00", (4.0, 4.0, "four")),
    )
    _, tiers = read(render_textgrid(meeting))
    assert tiers["SPEAKER_00"] == [(0, 2, "one"), (2, 3, "two three four"), (3, 10, "")]
    _, tiers = read(render_textgrid(transcript(utterance("SPEAKER_00", (0.0, 0.0, "zero")))))
    assert tiers["SPEAKER_00"][0][2] == "zero"


def test_without_words_the_intervals_are_turns() -> None:
    turns = (DiarizeSegment(0, 2, 0), DiarizeSegment(1, 3, 1))
    diarization = Diarization(segments=(), turns=turns, speech=(), duration=4.0)
    speakers = {label: Speaker(label=label) for label in ("SPEAKER_00", "SPEAKER_01")}
    _, tiers = read(render_textgrid(Transcript("", 4.0, (), diarization, speakers)))
    assert tiers["SPEAKER_00"] == [(0, 2, "SPEAKER_00"), (2, 4, "")]
    assert tiers["SPEAKER_01"] == [(0, 1, ""), (1, 3, "SPEAKER_01"), (3, 4, "")]


def test_an_empty_transcript_is_a_valid_textgrid() -> None:
    domain, tiers = read(render_textgrid(Transcript("", 0.0, ())))
    assert domain > 0
    assert tiers == {"(nobody)": [(0, domain, "")]}


def test_the_plugin_complies_with_the_contract() -> None:
    host = make_host(oolong_align_textgrid)
    check_format(host.formats()["textgrid"])  # without the option, as in `oolong align`
    for words in (False, True):
        config = host.resolve("transcribe", {"textgrid": True, "textgrid_words": words})
        check_format(config.formats[0], config=config)
        assert [each.name for each in config.formats] == ["textgrid"]
        assert ("SPEAKER_00 words" in config.formats[0].render(MEETING, config)) == words
    assert [each.name for each in host.resolve("diarize", {"textgrid": True}).formats] == ["textgrid"]
