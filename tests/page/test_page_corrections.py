"""Corrections in the page and the downloads after them, in a real browser."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from browser import Browser, Open, golden, meeting

from oolong_align import editing
from oolong_align.formats import read_json, render_json, render_srt, render_vtt
from oolong_align.types import Diarization, DiarizeSegment, Speaker, SpeakerSegment, Transcript, Utterance, Word

TRANSCRIPTS = {"meeting": meeting, "awkward": lambda: golden("awkward"), "scripts": lambda: golden("scripts")}


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_downloads_equal_the_output_of_the_renderers(name: str, browser: Browser, show: Open) -> None:
    transcript = TRANSCRIPTS[name]()
    show(transcript)
    for suffix, render in (("json", render_json), ("srt", render_srt), ("vtt", render_vtt)):
        assert browser.download(transcript.source, suffix) == render(transcript).encode()
    browser.check_silence()


def test_numbers_are_written_as_in_python(browser: Browser, show: Open) -> None:
    vector = np.array([1e-5, -2.5e-5, 0.000123, 1.0, -0.0, 1e-6], dtype=np.float32)
    turn = DiarizeSegment(0.0, 1.0, 0)
    diarization = Diarization(
        segments=(SpeakerSegment(0.0, 1.0, 0),), turns=(turn,), speech=(), duration=3.0, embeddings={0: vector}
    )
    word = Word(0.0, 1.0, 'a"\\\n\x07\x7f\u2028é🙂', 0.001, "7", 1.0)
    speakers = {label: Speaker(label=label, seconds=2.0, words=3) for label in ("7", "SPEAKER_00", "3", "__proto__")}
    transcript = Transcript("en", 3.0, (Utterance(0.0, 1.0, "7", (word,)),), diarization, speakers, "numbers")
    show(transcript)
    assert browser.download("numbers", "json") == render_json(transcript).encode()
    browser.check_silence()


def test_rename_reaches_the_page_and_every_download(browser: Browser, show: Open) -> None:
    show(meeting())
    browser.rename("SPEAKER_00", "  Zoë \t [1]\u202e ")
    speaker = replace(meeting().speakers["SPEAKER_00"], name="Zoë [1]\u202e")
    renamed = replace(meeting(), speakers={**meeting().speakers, "SPEAKER_00": speaker})
    assert browser.texts(".turn h3 bdi")[0] == "Zoë [1]\u202e"
    assert browser.download("meeting", "json") == render_json(renamed).encode()
    assert browser.download("meeting", "vtt") == render_vtt(renamed).encode()
    assert "\n[Zoë (1)]: Good morning" in browser.download("meeting", "srt").decode()
    browser.rename("SPEAKER_00", "\u200b")  # refused: the name is empty after cleaning
    assert browser.texts(".turn h3 bdi")[0] == "Zoë [1]\u202e"
    browser.rename("SPEAKER_00", " SPEAKER_01")  # refused, as by `oolong edit`: the label of another speaker
    assert browser.texts(".turn h3 bdi")[0] == "Zoë [1]\u202e"
    assert "SPEAKER_01 is another speaker" in browser.find("#say").get_attribute("textContent")
    browser.find("#undo").click()
    assert browser.texts(".turn h3 bdi")[0] == "SPEAKER_00"
    assert browser.download("meeting", "json") == render_json(meeting()).encode()
    assert not browser.find("#undo").is_enabled()
    browser.check_silence()


def test_merge_joins_turns_voices_and_words(browser: Browser, show: Open) -> None:
    words = (
        Word(0.0, 1.0, "one", 0.9, "SPEAKER_00", 0.9),
        Word(1.0, 2.0, "two", 0.9, "SPEAKER_01", 0.9, overlap=True),
        Word(3.0, 4.0, "three", 0.9, "SPEAKER_02", 0.9, overlap=True),
    )
    turns = ((0.0, 1.5, 0), (1.0, 2.0, 1), (2.5, 4.0, 1), (3.0, 4.0, 2))
    vectors = {0: (1.0, 0.0), 1: (0.0, 1.0), 2: (0.6, 0.8)}
    speakers = [("SPEAKER_00", None, 1.0), ("SPEAKER_01", "Ada", 3.0), ("SPEAKER_02", None, 1.0)]
    before = Transcript(
        "en",
        4.0,
        tuple(Utterance(word.start, word.end, word.speaker, (word,)) for word in words),
        Diarization(
            segments=(SpeakerSegment(0.0, 1.0, 0), SpeakerSegment(1.0, 2.0, 1)),
            turns=tuple(DiarizeSegment(*turn) for turn in turns),
            speech=(),
            duration=4.0,
            embeddings={number: np.array(vector, np.float32) for number, vector in vectors.items()},
        ),
        {label: Speaker(label=label, name=name, seconds=seconds, words=1) for label, name, seconds in speakers},
        "merged",
    )
    show(before)
    browser.merge("SPEAKER_01", "SPEAKER_00")
    assert browser.texts("#roster .facts") == ["0:04 · 80 % · 2 words · SPEAKER_00", "0:01 · 20 % · 1 word"]
    result = json.loads(browser.download("merged", "json"))
    assert [word["speaker"] for word in result["word_segments"]] == ["SPEAKER_00", "SPEAKER_00", "SPEAKER_02"]
    assert [word["overlap"] for word in result["word_segments"]] == [False, False, True]
    found = [(turn["start"], turn["end"], turn["speaker"][-1]) for turn in result["diarization"]]
    assert found == [(0.0, 2.0, "0"), (2.5, 4.0, "0"), (3.0, 4.0, "2")]
    assert [turn["end"] for turn in result["exclusive_diarization"]] == [1.0, 2.0]
    assert result["speakers"]["SPEAKER_00"] == {
        "name": "Ada", "voice": None, "probability": None, "seconds": 4.0, "words": 2
    }  # fmt: skip
    # (1 * (1, 0) + 3 * (0, 1)) / sqrt(10)
    assert result["speaker_embeddings"]["SPEAKER_00"] == [0.316228, 0.948683]
    assert render_json(read_json(json.dumps(result))).encode() == browser.download("merged", "json")
    assert browser.texts(".turn p") == ["one two", "three"]
    browser.find("#undo").click()
    assert browser.texts(".turn p") == ["one", "two", "three"]
    assert browser.download("merged", "json") == render_json(before).encode()
    browser.check_silence()


def test_corrections_in_the_page_equal_those_of_editing(browser: Browser, show: Open) -> None:
    for transcript in (meeting(), golden("awkward"), golden("scripts")):
        show(transcript)
        browser.rename("SPEAKER_01", "Ada\u0085Lovelace")
        browser.merge("SPEAKER_01", "SPEAKER_00")
        browser.rename("SPEAKER_00", "Grace")
        browser.merge("SPEAKER_00", "SPEAKER_02")
        edited = editing.rename(read_json(render_json(transcript)), "SPEAKER_01", "Ada\u0085Lovelace")
        edited = editing.merge(edited, "SPEAKER_01", "SPEAKER_00")
        edited = editing.rename(edited, "SPEAKER_00", "Grace")
        edited = editing.merge(edited, "SPEAKER_00", "SPEAKER_02")
        assert browser.download(transcript.source, "json") == render_json(edited).encode()
        assert browser.find(".turn").get_attribute("aria-setsize") == str(len(edited.utterances))
        as_before = tuple(
            replace(each, speaker="SPEAKER_02" if each.speaker in ("SPEAKER_00", "SPEAKER_01") else each.speaker)
            for each in transcript.utterances
        )
        assert browser.download(transcript.source, "vtt") == render_vtt(replace(edited, utterances=as_before)).encode()
    browser.check_silence()


def test_names_and_words_cannot_become_markup(browser: Browser, show: Open) -> None:
    attack = "</script><img src=x onerror=alert(1)><script>alert(1)</script>"
    words = (
        Word(0.0, 1.0, attack, 0.9, "SPEAKER_00", 0.9),
        Word(1.0, 2.0, "\u202eevil\u2028{{script}}", 0.9, "SPEAKER_01", 0.9),
        Word(2.0, 3.0, "👩🏽‍🚀", 0.9, "SPEAKER_01", 0.9),
    )
    names = (attack, "ليلى\u202e🙂")
    transcript = Transcript(
        "en",
        3.0,
        (Utterance(0.0, 1.0, "SPEAKER_00", words[:1]), Utterance(1.0, 3.0, "SPEAKER_01", words[1:])),
        speakers={f"SPEAKER_{n:02d}": Speaker(label=f"SPEAKER_{n:02d}", name=name) for n, name in enumerate(names)},
        source="<b>hostile",
    )
    show(transcript)
    assert browser.texts("#turns .w") == [word.text for word in words]
    assert browser.texts(".turn h3 bdi") == list(names)
    assert browser.find("#title").text == "<b>hostile"
    browser.rename("SPEAKER_01", attack)
    assert browser.texts(".turn h3 bdi") == [attack, attack]
    assert browser.script("return document.images.length + document.querySelectorAll('b').length") == 0
    assert browser.script("return document.scripts.length") == 3
    # Trusted types would stop an attack even if a name became markup.
    refused = browser.script(
        """const tried = [];
        try { document.body.insertAdjacentHTML("beforeend", "<img src=x onerror=alert(1)>"); }
        catch (error) { tried.push(error.name); }
        return tried;"""
    )
    assert refused == ["TypeError"]
    browser.driver.get_log("browser")  # it reports the refused call


def test_a_merge_updates_the_facts_and_only_changed_states_are_unsaved(browser: Browser, show: Open) -> None:
    show(meeting())
    unsaved = "return !dispatchEvent(new Event('beforeunload', {cancelable: true}))"
    assert browser.driver.execute_script(unsaved) is False
    browser.rename("SPEAKER_00", "Ada")
    browser.download("meeting", "json")
    browser.find("#undo").click()
    browser.rename("SPEAKER_00", "Eve")
    assert browser.driver.execute_script(unsaved) is True
    browser.find("#undo").click()
    browser.rename("SPEAKER_00", "Ada")
    assert browser.driver.execute_script(unsaved) is False
    before = len(meeting().speakers)
    assert f"{before} speakers" in browser.find("#facts").text
    browser.merge("SPEAKER_00", "SPEAKER_01")
    assert f"{before - 1} speaker" in browser.find("#facts").text
