"""A headless Chromium, and transcripts to render as pages and open in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import numpy as np
import pytest
from selenium import webdriver
from selenium.common.exceptions import JavascriptException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from oolong_align.alignment.utterances import gather_utterances
from oolong_align.formats import read_json
from oolong_align.types import Diarization, DiarizeSegment, Speaker, SpeakerSegment, SpeechRange, Transcript, Word

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
WIDE, PHONE = (1280, 800), (390, 844)
PATIENCE_S = 120  # a busy machine is slow
VOCABULARY = ("the", "a", "meeting", "budget", "because", "perhaps", "we", "they", "Tuesday", "number", "right", "yes")
Found = TypeVar("Found")
Open = Callable[..., Path]


class Browser:
    """A Chromium session. `check_silence` checks that a page logged no message and sent no unexpected request."""

    def __init__(self, downloads: Path) -> None:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        driver = shutil.which("chromedriver")
        if not chromium or not driver:
            pytest.skip("needs Chromium: apt-get install chromium chromium-driver")
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for flag in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "mute-audio", "disable-gpu"):
            options.add_argument(f"--{flag}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        options.set_capability("unhandledPromptBehavior", "accept")
        self.driver = webdriver.Chrome(options=options, service=Service(driver))
        self.driver.set_script_timeout(PATIENCE_S)
        self.downloads = downloads
        self.command("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))
        self._address = ""

    def command(self, name: str, **arguments: Any) -> Any:
        return self.driver.execute_cdp_cmd(name, arguments)

    def open(self, page: Path, *, size: tuple[int, int] = WIDE, dark: bool = False) -> None:
        width, height = size
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", features=[feature])
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        self._address = page.as_uri()
        for log in ("browser", "performance"):
            self.driver.get_log(log)
        self.driver.get(self._address)

    def check_silence(self, *linked: Path) -> None:
        """Check that the page logged no message and requested only itself and the linked files."""
        assert self.driver.get_log("browser") == []
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        asked = {each["params"]["request"]["url"] for each in events if each["method"] == "Network.requestWillBeSent"}
        allowed = {self._address, *(path.as_uri() for path in linked)}
        assert {each for each in asked if not each.startswith(("blob:", "data:"))} <= allowed

    def script(self, text: str, *arguments: Any) -> Any:
        return self.driver.execute_script(text, *arguments)

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        found: list[str] = self.script(
            "return [...document.querySelectorAll(arguments[0])].map((each) => each.textContent)", selector
        )
        return found

    def wait(self, condition: Callable[[], Found]) -> Found:
        ignored = (StaleElementReferenceException, JavascriptException)
        found: Found = WebDriverWait(self.driver, PATIENCE_S, 0.05, ignored).until(lambda _: condition())
        return found

    def time(self) -> float:
        return float(self.script("return document.getElementById('audio').currentTime"))

    def press(self, *keys: str, shift: bool = False) -> None:
        actions = webdriver.ActionChains(self.driver)
        if shift:
            actions.key_down(Keys.SHIFT).send_keys(*keys).key_up(Keys.SHIFT).perform()
        else:
            actions.send_keys(*keys).perform()

    def download(self, name: str, format_name: str) -> bytes:
        target = self.downloads / f"{name}.{format_name}"
        target.unlink(missing_ok=True)
        self.find("#download").click()
        self.find(f"[data-format={format_name}]").click()
        self.wait(lambda: target.exists() and target.stat().st_size > 0)  # created empty, then replaced
        return target.read_bytes()

    def rename(self, label: str, name: str) -> None:
        field = self.find(f'#roster [data-label="{label}"] .name')
        self.script("arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('change'))", field, name)

    def merge(self, source: str, target: str) -> None:
        self.find(f'#roster [data-label="{source}"] .merge').click()
        choice = f'#roster [data-label="{source}"] .merging'
        self.find(f'{choice} option[value="{target}"]').click()
        self.find(f"{choice} button").click()


@cache
def golden(name: str) -> Transcript:
    return read_json((ROOT / "tests" / "golden" / "formats" / f"{name}.json").read_text(encoding="utf-8"))


@cache
def meeting() -> Transcript:
    """Return the reference transcript of the example recording, with two words of low confidence."""
    rows = [line.split() for line in (EXAMPLES / "meeting.ctm").read_text().splitlines()]
    rows.sort(key=lambda row: float(row[2]))
    labels = {name: f"SPEAKER_{number:02d}" for number, name in enumerate(dict.fromkeys(row[7] for row in rows))}
    words = []
    for number, row in enumerate(rows):
        start = float(row[2])
        doubts = (0.31, 0.42) if number in (3, 30) else (0.97, 1.0)
        words.append(Word(start, start + float(row[3]), row[4], doubts[0], labels[row[7]], doubts[1]))
    turns = []
    for line in (EXAMPLES / "meeting.rttm").read_text().splitlines():
        fields = line.split()
        start = float(fields[3])
        turns.append(DiarizeSegment(start, start + float(fields[4]), int(labels[fields[7]][-2:])))
    return _transcript(words, turns, "meeting", 58.626)


def long_transcript(seconds: float, speakers: int = 6, *, least: float = 0.0) -> Transcript:
    """Return a conversation of any duration, with nearly three words per second and confidences from ``least`` to 1."""
    random = Random(0)
    words: list[Word] = []
    turns: list[DiarizeSegment] = []
    now, speaker = 0.5, 0
    while now < seconds - 20:
        speaker = (speaker + random.randrange(1, speakers)) % speakers
        begin = now
        for place in range(random.choice((1, 3, 8, 20, 40))):
            length = 0.15 + random.random() * 0.3
            text = random.choice(VOCABULARY) + ("." if place % 9 == 8 else "")
            word, label = (least + (1 - least) * random.random() for _ in range(2))
            words.append(Word(now, now + length, text, word, f"SPEAKER_{speaker:02d}", label))
            now += length + 0.02
        turns.append(DiarizeSegment(begin, now + random.random(), speaker))
        now += 0.3
    return _transcript(words, turns, "long", seconds)


def _transcript(words: list[Word], turns: list[DiarizeSegment], source: str, duration: float) -> Transcript:
    found = sorted({turn.speaker_id for turn in turns})
    return Transcript(
        language="en",
        duration=duration,
        utterances=gather_utterances(words),
        diarization=Diarization(
            segments=tuple(SpeakerSegment(turn.start, turn.end, turn.speaker_id) for turn in turns),
            turns=tuple(turns),
            speech=tuple(SpeechRange(turn.start, turn.end) for turn in turns),
            duration=duration,
            embeddings={number: np.eye(8, dtype=np.float32)[number % 8] for number in found},
        ),
        speakers={
            f"SPEAKER_{number:02d}": Speaker(
                label=f"SPEAKER_{number:02d}",
                seconds=sum(turn.end - turn.start for turn in turns if turn.speaker_id == number),
                words=sum(word.speaker == f"SPEAKER_{number:02d}" for word in words),
            )
            for number in found
        },
        source=source,
    )
