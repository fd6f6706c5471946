"""Playback, reading, search, keyboard, layout and printing of the page in a real browser."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from browser import EXAMPLES, PHONE, Browser, Open, long_transcript, meeting
from selenium.webdriver.common.keys import Keys

from oolong_align.formats.html import PageAudio
from oolong_align.formats.html.recording import page_audio

RECORDING = EXAMPLES / "meeting.flac"


def show_meeting(show: Open, choice: str = "auto", **how: object) -> Path:
    return show(meeting(), audio=page_audio(RECORDING, Path("/nowhere/page.html"), choice), **how)


def state(browser: Browser) -> list[str]:
    return browser.texts(".w.now")


# --- playback


def test_words_are_highlighted_during_playback_and_seek_on_click(browser: Browser, show: Open) -> None:
    show_meeting(show)
    browser.wait(lambda: browser.script("return document.getElementById('audio').duration > 58"))
    words = meeting().words
    element = browser.all(".w")[10]
    assert element.text == words[10].text
    element.click()
    assert browser.time() == pytest.approx(words[10].start, abs=0.01)
    assert state(browser) == [words[10].text]
    browser.find("#play").click()
    browser.wait(lambda: browser.script("return document.querySelector('.w.now')?.dataset.n > 12"))
    assert browser.find("#play").get_attribute("aria-label") == "Pause"
    browser.find("#play").click()
    browser.wait(lambda: browser.find("#play").get_attribute("aria-label") == "Play")
    now = browser.time()
    (number,) = browser.script("return [...document.querySelectorAll('.w.now')].map((each) => +each.dataset.n)")
    assert words[number].start <= now + 0.002
    assert number + 1 == len(words) or now < words[number + 1].start
    browser.check_silence()


def test_the_keyboard_plays_and_seeks(browser: Browser, show: Open) -> None:
    show_meeting(show)
    browser.script("document.getElementById('scroller').focus()")
    browser.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT)
    assert browser.time() == pytest.approx(5.0)
    browser.press(" ")
    browser.wait(lambda: browser.time() > 5.2)
    browser.press(" ")
    assert browser.script("return document.getElementById('audio').paused")
    stamp = browser.all(".stamp")[2]
    stamp.click()
    assert browser.time() == pytest.approx(meeting().utterances[2].start, abs=0.002)
    browser.press(" ")  # a focused timestamp does not take Space from the player
    browser.wait(lambda: browser.time() > meeting().utterances[2].start + 0.2)
    browser.press(" ")
    following = next(each.start for each in meeting().utterances if each.start > browser.time())
    browser.press(Keys.ARROW_RIGHT, shift=True)
    assert browser.time() == pytest.approx(following, abs=0.002)
    browser.press("?")
    assert browser.find("#keys").is_displayed()
    browser.press(Keys.ESCAPE)
    assert not browser.find("#keys").is_displayed()
    browser.check_silence()


def test_the_timeline_seeks_and_shows_every_speaker(browser: Browser, show: Open) -> None:
    show_meeting(show)
    box = browser.find("#timeline")
    box.click()  # in its middle
    assert browser.time() == pytest.approx(58.626 / 2, abs=0.1)
    box.send_keys(Keys.HOME, Keys.PAGE_UP)
    assert browser.time() == pytest.approx(30.0)
    assert box.get_attribute("aria-valuetext") == "0:30"
    colours = browser.script(
        """const canvas = document.getElementById("lanes");
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const seen = new Set();
        for (let at = 0; at < data.length; at += 4) seen.add(data.slice(at, at + 3).join());
        return [...seen];"""
    )
    assert {"0,90,249", "210,1,137", "134,107,3"} <= set(colours)
    browser.check_silence()


def test_a_linked_recording_plays_and_a_missing_one_can_be_opened(browser: Browser, show: Open, tmp_path: Path) -> None:
    show(meeting(), audio=page_audio(RECORDING, tmp_path / "a page.html", "link"))
    browser.wait(lambda: browser.script("return document.getElementById('audio').duration > 58"))
    browser.check_silence(RECORDING)
    show(meeting())
    assert browser.find("#open").is_displayed()
    browser.all(".w")[5].click()  # the position changes without a recording
    browser.find("#file").send_keys(str(RECORDING))
    browser.wait(lambda: browser.time() == pytest.approx(meeting().words[5].start, abs=0.01))
    browser.check_silence()
    show(meeting(), audio=PageAudio(name="gone.wav", address="./gone.wav"))
    browser.wait(lambda: browser.find("#open").is_displayed())
    assert browser.find("#why").text == "Open gone.wav…"
    browser.driver.get_log("browser")  # Chromium reports the missing file


def test_an_encoded_recording_plays(
    browser: Browser, show: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oolong_align.formats.html.recording.LARGEST_EMBEDDED", 1000)
    show(meeting(), audio=page_audio(RECORDING, tmp_path / "page.html", "embed"))
    browser.wait(
        lambda: browser.script("return document.getElementById('audio').duration") == pytest.approx(58.6, abs=0.1)
    )
    browser.all(".w")[20].click()
    assert browser.time() == pytest.approx(meeting().words[20].start, abs=0.01)
    browser.check_silence()


# --- reading


def test_words_with_low_confidence_are_marked(browser: Browser, show: Open) -> None:
    show(meeting())
    words = meeting().words
    doubtful = [words[3].text, words[30].text]
    browser.wait(lambda: browser.texts("#turns .unsure-word") == browser.texts("#turns .unsure-speaker") == doubtful)
    assert "word confidence 31 %" in str(browser.find(".w.unsure-word").get_attribute("title"))
    browser.check_silence()


def test_search_finds_phrases_and_steps(browser: Browser, show: Open) -> None:
    show(meeting())
    browser.script("document.getElementById('scroller').focus()")
    browser.press("/")
    browser.press("THE NÉW")
    assert browser.find("#found").text == "1 of 1"
    assert [text.lower() for text in browser.texts(".w.current")] == ["the", "new"]
    field = browser.find("#query")
    field.clear()
    field.send_keys("the")
    count = int(browser.find("#found").text.split(" of ")[1])
    assert count == sum(word.text.lower().count("the") for word in meeting().words)
    first = browser.find("#found").text
    browser.press(Keys.ENTER)
    assert browser.find("#found").text == f"2 of {count}"
    browser.press(Keys.ENTER, shift=True)
    assert browser.find("#found").text == first
    field.clear()
    field.send_keys("zebra")
    assert browser.find("#found").text == "No matches"
    browser.check_silence()


def test_the_keyboard_reaches_all_controls_and_the_focus_is_visible(browser: Browser, show: Open) -> None:
    show_meeting(show)
    seen = []
    for _ in range(40):
        browser.press(Keys.TAB)
        seen.append(
            browser.script(
                """const each = document.activeElement;
                const style = getComputedStyle(each.closest(".missing") ?? each);
                return [each.id || each.className || each.tagName, style.outlineStyle + style.outlineWidth];"""
            )
        )
    assert browser.find("#timeline").get_attribute("aria-valuenow") == "0"  # before playback
    names = [name for name, _ in seen]
    expected = [
        "query",
        "download",
        "help",
        "name",
        "quiet merge",
        "scroller",
        "stamp",
        "timeline",
        "back",
        "play",
        "ahead",
    ]
    assert sorted(expected, key=names.index) == expected
    assert {outline for name, outline in seen if name != "BODY"} == {"solid2px"}
    browser.check_silence()


def test_the_page_fits_the_width_of_a_phone(browser: Browser, show: Open) -> None:
    show_meeting(show, size=PHONE)
    assert browser.script("return document.documentElement.scrollWidth") == PHONE[0]
    assert not browser.find("#roster").is_displayed()
    browser.find("#people").click()
    assert browser.find("#roster").is_displayed()
    for selector in ("#play", "#download", "#query", "#speed"):
        box = browser.find(selector).rect
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE[0]
        assert box["height"] >= 40
    browser.check_silence()


def test_the_transcript_has_room_at_a_zoom_of_400_percent(browser: Browser, show: Open) -> None:
    show_meeting(show, size=(320, 200))  # 1280 by 800 at 400 %
    assert browser.find("#scroller").size["height"] >= 144
    assert browser.script("return document.documentElement.scrollWidth") <= 320
    browser.find("#play").click()
    browser.wait(lambda: browser.time() > 0)
    browser.find("#play").click()
    browser.check_silence()


def test_the_dark_theme_follows_the_system(browser: Browser, show: Open) -> None:
    light, dark = [], []
    for dim, found in ((False, light), (True, dark)):
        show(meeting(), dark=dim)
        found.append(browser.script("return getComputedStyle(document.body).backgroundColor"))
    assert (light, dark) == (["rgb(253, 252, 250)"], ["rgb(23, 25, 29)"])
    browser.check_silence()


def test_a_contrast_theme_shows_the_current_word_and_the_matches(browser: Browser, show: Open) -> None:
    show_meeting(show)
    contrast = [{"name": "forced-colors", "value": "active"}, {"name": "prefers-reduced-motion", "value": "reduce"}]
    browser.command("Emulation.setEmulatedMedia", features=contrast)
    browser.find("#query").send_keys("the")
    browser.all(".w")[0].click()
    plain, play, *marked = browser.script(
        """const filled = (selector, part) =>
          getComputedStyle(document.querySelector(selector), part).backgroundColor;
        return [filled(".round"), filled(".round", "::before"), filled(".w.now"), filled(".w.current")];"""
    )
    assert play != plain and not {plain, "rgba(0, 0, 0, 0)"} & {*marked}
    assert browser.script("return getComputedStyle(document.querySelector('.w.hit')).outlineStyle") == "solid"
    browser.command("Emulation.setEmulatedMedia", features=[])
    browser.check_silence()


# --- on paper


def test_all_turns_are_printed_without_the_controls(browser: Browser, show: Open) -> None:
    transcript = long_transcript(900, least=0.5)  # without wavy lines, which Chromium prints slowly
    show(transcript, dark=True)
    browser.script("document.getElementById('scroller').scrollTop = 3000")
    browser.wait(lambda: browser.texts("#turns .w")[0] != transcript.words[0].text)
    on_screen = browser.script("return [scroller.scrollTop, turns.textContent]")
    browser.script(
        "addEventListener('beforeprint', () => {"
        "window.printed = [...document.querySelectorAll('#turns .w')].map((each) => each.textContent); })"
    )
    pdf = base64.b64decode(browser.command("Page.printToPDF")["data"])
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) > 5
    assert browser.script("return window.printed") == [word.text for word in transcript.words]
    assert browser.script("return [scroller.scrollTop, turns.textContent]") == on_screen
    browser.command("Emulation.setEmulatedMedia", media="print")
    assert [browser.find(f"#{name}").is_displayed() for name in ("query", "roster", "play", "download")] == [False] * 4
    assert browser.script("return getComputedStyle(document.body).color") == "rgb(31, 33, 38)"  # dark on white paper
    browser.command("Emulation.setEmulatedMedia", media="")
    browser.check_silence()
