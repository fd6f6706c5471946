"""Scrolling the page in a real browser: long transcripts, the end of the list, resizing."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import pytest
from browser import PHONE, WIDE, Browser, Open, long_transcript
from selenium.webdriver.common.keys import Keys


def work_of_scrolling(browser: Browser, steps: int) -> tuple[float, int]:
    """Return the median time in ms to scroll by 400 pixels, and the largest number of elements in the page."""
    most, spent = 0, []
    for _ in range(steps):
        before = task_seconds(browser)
        count = browser.driver.execute_async_script(
            """const done = arguments[0];
            document.getElementById("scroller").scrollTop += 400;
            requestAnimationFrame(() => requestAnimationFrame(() => done(document.querySelectorAll("*").length)));"""
        )
        most = max(most, count)
        spent.append(1000 * (task_seconds(browser) - before))
    return statistics.median(spent), most


def task_seconds(browser: Browser) -> float:
    metrics = {each["name"]: each["value"] for each in browser.command("Performance.getMetrics")["metrics"]}
    return float(metrics["ScriptDuration"] + metrics["LayoutDuration"] + metrics["RecalcStyleDuration"])


def two_frames(browser: Browser) -> None:
    browser.driver.execute_async_script(
        "requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(() => arguments[0]())))"
    )


def test_three_hours_scroll_as_smoothly_as_five_minutes(
    browser: Browser, show: Open, record_property: Callable[[str, object], None]
) -> None:
    short, long = long_transcript(300), long_transcript(3 * 3600)
    assert len(long.words) > 25_000
    browser.command("Performance.enable", timeDomain="threadTicks")  # independent of the load of the machine
    show(short)
    least, few = work_of_scrolling(browser, 15)
    show(long)
    most, many = work_of_scrolling(browser, 60)
    for name, value in (("short_ms", least), ("long_ms", most), ("elements", many)):
        record_property(name, round(value, 2))
    print(f"a step of scrolling: {least:.1f} ms and {few} elements of 5 min, {most:.1f} ms and {many} of 3 h")
    assert many < 1.5 * few
    assert most < 3 * max(least, 1.0)
    # To the end and back: the page shows the right turns.
    words = browser.script("return document.querySelector('#facts').textContent")
    assert words == f"3:00:00 · 6 speakers · {len(long.words)} words · en"
    browser.script("const s = document.getElementById('scroller'); s.scrollTop = s.scrollHeight")
    browser.wait(lambda: browser.texts("#turns .w")[-1] == long.words[-1].text)
    last = browser.all(".turn")[-1]
    assert last.get_attribute("aria-posinset") == last.get_attribute("aria-setsize") == str(len(long.utterances))
    assert last.is_displayed()
    browser.script("document.getElementById('timeline').focus()")
    browser.press(Keys.HOME, Keys.PAGE_UP)
    browser.wait(lambda: browser.script("return document.querySelector('.w.now') !== null"))
    browser.check_silence()


def last_word_is_in_view(browser: Browser, number: int) -> bool:
    """Return whether the list is at its end and the last word of the transcript is fully visible."""
    return bool(
        browser.script(
            """const scroller = document.getElementById("scroller");
            const word = document.querySelector(`.w[data-n="${arguments[0]}"]`);
            if (!word) return false;
            const { top, bottom } = scroller.getBoundingClientRect();
            const box = word.getBoundingClientRect();
            const rest = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
            return rest < 1 && box.top >= top && box.bottom <= bottom;""",
            number,
        )
    )


def turn_the_wheel_to_the_end(browser: Browser) -> None:
    browser.wait(
        lambda: (
            browser.command("Input.dispatchMouseEvent", type="mouseWheel", x=350, y=300, deltaX=0, deltaY=1e5)
            or browser.script("return scroller.scrollTop + scroller.clientHeight > scroller.scrollHeight - 1")
        )
    )


WAYS_TO_THE_END: dict[str, Callable[[Browser], None]] = {
    "End key": lambda browser: browser.press(Keys.END),
    "script": lambda browser: browser.script("scroller.scrollTop = scroller.scrollHeight"),
    "wheel": turn_the_wheel_to_the_end,
}


@pytest.mark.parametrize("way", WAYS_TO_THE_END)
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_end_of_the_list_is_reached_from_anywhere(
    size: tuple[int, int], way: str, browser: Browser, show: Open
) -> None:
    transcript = long_transcript(3600)
    last = len(transcript.words) - 1
    show(transcript, size=size)
    for share in (0.0, 0.3, 0.97):
        browser.script("scroller.focus(); scroller.scrollTop = arguments[0] * scroller.scrollHeight", share)
        two_frames(browser)
        WAYS_TO_THE_END[way](browser)
        browser.wait(lambda: last_word_is_in_view(browser, last))
        two_frames(browser)
        assert last_word_is_in_view(browser, last)  # and it stays there
    browser.press(Keys.HOME)
    assert browser.script("return scroller.scrollTop") == 0
    assert browser.texts(".turn .w")[0] == transcript.words[0].text
    browser.check_silence()


def test_the_end_is_reached_after_a_resize_a_search_and_a_rename(browser: Browser, show: Open) -> None:
    transcript = long_transcript(3600)
    last = len(transcript.words) - 1
    show(transcript)
    browser.command("Emulation.setDeviceMetricsOverride", width=700, height=500, deviceScaleFactor=1, mobile=False)
    two_frames(browser)
    browser.script("scroller.scrollTop = scroller.scrollHeight")
    browser.wait(lambda: last_word_is_in_view(browser, last))
    browser.find("#query").send_keys("Tuesday")
    browser.wait(lambda: browser.all(".w.current"))
    assert not last_word_is_in_view(browser, last)
    browser.script("scroller.focus()")
    browser.press(Keys.END)
    browser.wait(lambda: last_word_is_in_view(browser, last))
    browser.rename("SPEAKER_00", "Ada")
    two_frames(browser)
    assert last_word_is_in_view(browser, last)
    browser.check_silence()


def test_a_resize_keeps_the_first_visible_turn_in_view(browser: Browser, show: Open) -> None:
    show(long_transcript(3600))
    for share in (0.5, 0.99):
        browser.command("Emulation.setDeviceMetricsOverride", width=1280, height=800, deviceScaleFactor=1, mobile=False)
        browser.script("scroller.scrollTop = arguments[0] * (scroller.scrollHeight - scroller.clientHeight)", share)
        two_frames(browser)
        first = browser.script(
            """const edge = scroller.getBoundingClientRect().top;
            const turns = [...document.querySelectorAll(".turn")];
            const turn = turns.find((each) => each.getBoundingClientRect().bottom > edge);
            return turn.getAttribute("aria-posinset");"""
        )
        browser.command("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=False)
        two_frames(browser)
        box = browser.script(
            """const { top, bottom } = scroller.getBoundingClientRect();
            const turn = document.querySelector(`.turn[aria-posinset="${arguments[0]}"]`)?.getBoundingClientRect();
            return turn ? [turn.bottom - top, bottom - turn.top] : null;""",
            first,
        )
        assert box is not None and min(box) > 0
    browser.check_silence()


def test_a_short_list_opens_at_its_start(browser: Browser, show: Open) -> None:
    show(long_transcript(60), size=(700, 500))
    two_frames(browser)
    assert browser.script("return scroller.scrollTop") == 0
    browser.check_silence()


def test_scrolling_up_does_not_jump(browser: Browser, show: Open) -> None:
    show(long_transcript(3600))
    jumps = browser.driver.execute_async_script(
        """const done = arguments[0];
        const scroller = document.getElementById("scroller");
        const place = (element) => element.getBoundingClientRect().top;
        const jumps = [];
        scroller.scrollTop = scroller.scrollHeight / 2;
        let steps = 0;
        const step = () => {
          const middle = [...document.querySelectorAll(".turn")].find((turn) => place(turn) > 150);
          const before = place(middle);
          scroller.scrollTop -= 150;
          requestAnimationFrame(() => requestAnimationFrame(() => {
            jumps.push(Math.abs(place(middle) - before - 150));
            if (++steps < 40) step(); else done(jumps);
          }));
        };
        requestAnimationFrame(() => requestAnimationFrame(step));"""
    )
    assert max(jumps) <= 1.5
    browser.check_silence()
