"""Masking keeps the number of words and their times, and no output contains masked text."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import oolong_align_redact
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oolong_align_redact import mask_transcript, read_rules
from oolong_align_redact.rules import Rules, is_masked
from spoken import Given, diarization, said, timed, transcript

from oolong_align.errors import UsageError
from oolong_align.hookspecs import OutputFormat, hookimpl
from oolong_align.pipeline import Pipeline
from oolong_align.plugin.host import Host
from oolong_align.testing import make_host
from oolong_align.types import Diarization, Speaker, Transcript, Utterance, Word, Words

EVERYTHING = {"redact": "names,numbers,emails", "redact_pattern": [r"qu\S*"]}
FORMATS = ("srt", "vtt", "txt", "tsv", "json", "rttm")


def formats(host: Host, spoken: Transcript) -> dict[str, str]:
    config = host.resolve("transcribe", {})
    return {name: host.formats()[name].render(spoken, config) for name in FORMATS}


def align(host: Host, words: tuple[Word, ...], **options: object) -> Transcript:
    config = host.resolve("transcribe", options)
    found = diarization(words[-1].end + 1 if words else 1.0)
    return host.identify(host.align(Words("en", words), found, config), found, config)


def without_text(spoken: Transcript) -> list[Utterance]:
    return [replace(each, words=tuple(replace(word, text="") for word in each.words)) for each in spoken.utterances]


tokens = st.one_of(
    st.sampled_from(
        (
            *(
                "my",
                "name",
                "is",
                "Ada",
                "ada.",
                "I'm",
                "one",
                "oh",
                "two",
                "at",
                "dot",
                "com",
                "ada@x.org",
                "5-5",
                "Mr.",
            ),
            *(
                "speaking",
                "this",
                "quark",
                "-",
                "[name]",
                "[number],",
                "\ufffc",
                "van",
                "Q.",
                "@",
                "王小明",
                "+.",
                "hi,",
            ),
        )
    ),
    st.text(min_size=1, max_size=6).filter(lambda text: bool(text.strip())),
)


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    utterances = []
    place = 0
    for _ in range(draw(st.integers(0, 4))):
        speaker = draw(st.sampled_from(("SPEAKER_00", "SPEAKER_01", None)))
        words = []
        for text in draw(st.lists(tokens, min_size=1, max_size=8)):
            words.append(
                Word(0.5 * place, 0.5 * place + 0.4, text, 0.5, speaker, 0.5, leading_space=draw(st.booleans()))
            )
            place += 1
        utterances.append(Utterance(words[0].start, words[-1].end, speaker, tuple(words)))
    speakers = {label: Speaker(label=label, name=draw(st.sampled_from((None, "Ada Q.")))) for label in ("SPEAKER_00",)}
    speakers["SPEAKER_01"] = Speaker(label="SPEAKER_01")
    return Transcript("en", 0.5 * place, tuple(utterances), speakers=speakers)


@settings(max_examples=150)
@given(transcripts())
def test_the_number_of_words_and_their_times_do_not_change(spoken: Transcript) -> None:
    masked = mask_transcript(spoken, read_rules(EVERYTHING))
    assert without_text(masked) == without_text(spoken)
    assert replace(masked, utterances=spoken.utterances) == spoken
    assert all(word.text for word in masked.words)


@settings(max_examples=150)
@given(transcripts())
def test_masks_and_empty_rules_change_nothing(spoken: Transcript) -> None:
    rules = read_rules(EVERYTHING)
    masked = mask_transcript(spoken, rules)
    for once, twice in zip(masked.words, mask_transcript(masked, rules).words, strict=True):
        assert once == twice or (is_masked(twice) and not is_masked(once))
    assert mask_transcript(spoken, Rules()) == spoken


secrets = st.text("kqxz", min_size=4, max_size=7)
fillers = st.lists(st.sampled_from(("we", "saw", "it,", "then.", "And", "no", "yes!")), max_size=5)


@st.composite
def written_secret(draw: st.DrawFn) -> tuple[str, str]:
    """A secret and its spellings by a recogniser: with punctuation, in capitals, split."""
    secret = draw(secrets)
    shown = draw(st.sampled_from((secret, secret.upper(), secret.title())))
    cut = draw(st.integers(0, len(secret) - 1))
    shown = f"{shown[:cut]} +{shown[cut:]}" if cut else shown
    return secret, draw(st.sampled_from(("", "(", '"'))) + shown + draw(st.sampled_from(("", ".", "'s", ",", "!)")))


@settings(max_examples=60)
@given(parts=st.lists(st.tuples(fillers, written_secret()), min_size=1, max_size=5), rest=fillers)
def test_no_output_contains_masked_text(
    parts: list[tuple[list[str], tuple[str, str]]], rest: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("words") / "words.txt"
    file.write_text("\n".join(secret for _, (secret, _) in parts))
    text = " ".join([*(piece for words, (_, shown) in parts for piece in (*words, shown)), *rest])
    host = make_host(oolong_align_redact)
    spoken = align(host, timed(text), redact_words=[str(file)])
    assert len(spoken.words) == len(timed(text))
    for name, output in formats(host, spoken).items():
        plain = "".join(each for each in output.casefold() if each.isalpha())
        for _, (secret, _) in parts:
            assert secret not in plain.replace("redacted", ""), name
    assert "kq" not in json.dumps(json.loads(formats(host, spoken)["json"])["segments"])


def test_names_of_known_speakers_are_masked() -> None:
    def name(spoken: Transcript) -> Transcript:
        speakers = {
            label: replace(each, name=f"Ada {label[-1]}", voice="v1", probability=0.5)
            for label, each in spoken.speakers.items()
        }
        return replace(spoken, speakers=speakers)

    words = timed("Thank you, Ada. Call twelve. Ada, no.")
    host = make_host(Given(words, name), oolong_align_redact)
    known = align(host, words, redact="names,numbers")
    assert " ".join(each.text for each in known.words) == "Thank you, [name]. Call [number]. [name], no."
    assert {each.name for each in known.speakers.values()} == {"Ada 0", "Ada 1"}

    forgotten = align(host, words, redact="names,speakers")
    assert "[name]." in formats(host, forgotten)["txt"]
    assert all("Ada" not in output for output in formats(host, forgotten).values())
    assert {(each.name, each.voice, each.probability) for each in forgotten.speakers.values()} == {(None, None, None)}
    assert [each.seconds for each in forgotten.speakers.values()] == [each.seconds for each in known.speakers.values()]


def test_speakers_are_removed_with_their_embeddings() -> None:
    class Voices:
        name = "voices"

        @staticmethod
        def embed(start: float, end: float) -> np.ndarray:
            return np.ones(2, np.float32)

        @staticmethod
        def scores(start: float, end: float) -> dict[int, float]:
            return {0: 1.0, 1: 0.0}

    words = timed("one two three")
    host = make_host(oolong_align_redact)
    config = host.resolve("transcribe", {"redact": "speakers"})
    found: Diarization = replace(
        diarization(2.0), embeddings={0: np.ones(2, np.float32), 1: -np.ones(2, np.float32)}, voice=Voices()
    )
    spoken = host.identify(host.align(Words("en", words), found, config), found, config)
    document = json.loads(formats(host, spoken)["json"])
    assert (document["speaker_embeddings"], document["pieces"]) == ({}, [])
    assert len(document["diarization"]) == 2
    assert [each.text for each in spoken.words] == ["one", "two", "three"]


def test_without_options_the_plugin_changes_nothing() -> None:
    words = timed("My name is Ada, call 555.")
    assert align(make_host(oolong_align_redact), words) == align(make_host(), words)


def test_words_added_by_inner_wrappers_are_masked() -> None:
    class Adds:
        name = "adds"

        @hookimpl(wrapper=True)
        def oolong_align(self):  # type: ignore[no-untyped-def]
            spoken = yield
            (utterance,) = spoken.utterances
            words = (replace(utterance.words[0], text="555"), *utterance.words[1:])
            return replace(spoken, utterances=(replace(utterance, words=words),))

    for plugins in ((Adds(), oolong_align_redact), (oolong_align_redact, Adds())):
        assert align(make_host(*plugins), timed("so it is"), redact="numbers").words[0].text == "[number]"


def test_a_pattern_that_is_too_slow_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from oolong_align_redact import patterns

    monkeypatch.setattr(patterns.find_pattern, "__kwdefaults__", {"seconds": 0.1})
    words = timed("a" * 4000 + "!")
    host = make_host(Given(words), oolong_align_redact)
    config = host.resolve(
        "transcribe", {"diarizer": "given", "transcriber": "given", "redact_pattern": ["(a+)+$"]}, formats=["json"]
    )
    with pytest.raises(UsageError, match="Search not finished"):
        Pipeline(host, config)(np.zeros(16_000, np.float32))


def test_a_page_with_the_recording_is_rejected() -> None:
    for refused in ({"redact": "names"}, {"redact": "names", "html_audio": "link"}):
        with pytest.raises(UsageError, match="--html contains the recording"):
            make_host(oolong_align_redact).resolve("transcribe", {"html": True, **refused})
    for taken in (
        {"redact": "names", "html": True, "html_audio": "none"},
        {"redact": "names", "txt": True},
        {"redact": "speakers", "html": True},
    ):
        make_host(oolong_align_redact).resolve("transcribe", taken)


def test_other_formats_with_the_recording_are_rejected() -> None:
    class Film:
        name = "film"

        @hookimpl
        def oolong_formats(self) -> list[OutputFormat]:
            return [OutputFormat("film", ".film", "a film", lambda _: "", render_file=lambda *_: "")]

    given = {"redact": "names", "film": True, "html_audio": "none"}
    with pytest.raises(UsageError, match="--film contains the recording"):
        make_host(Film(), oolong_align_redact).resolve("transcribe", given)


def test_a_transcript_without_words_stays() -> None:
    assert mask_transcript(Transcript("", 0.0, ()), read_rules(EVERYTHING)) == Transcript("", 0.0, ())
    assert mask_transcript(said("hi"), read_rules(EVERYTHING)) == said("hi")
    assert transcript(("SPEAKER_00", "a")).words
