from __future__ import annotations

import base64
import hashlib
import html.parser
import json
import re
from dataclasses import replace
from importlib import resources
from itertools import combinations

import numpy as np
import pytest

from oolong_align.formats import CueLayout, read_json, render_json
from oolong_align.formats.html import PageAudio, render_html
from oolong_align.types import Speaker, Transcript, Utterance, Word

PARTS = resources.files("oolong_align.formats.html")
HOSTILE = "</script><!--<script>\u2028\u2029&\"'{{script}}{{title}}\\u003c"


def hostile() -> Transcript:
    words = (Word(0.0, 1.0, HOSTILE, 0.5, "SPEAKER_00"), Word(1.0, 2.0, "]]>", None, "SPEAKER_00"))
    return Transcript(
        HOSTILE,
        2.0,
        (Utterance(0.0, 2.0, "SPEAKER_00", words),),
        speakers={"SPEAKER_00": Speaker(label="SPEAKER_00", name=HOSTILE, voice=HOSTILE), HOSTILE: Speaker(label="7")},
        source=HOSTILE,
    )


class Parts(html.parser.HTMLParser):
    """Elements of a page and the contents of its scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.texts: dict[str, str] = {}
        self._inside = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        self._inside = dict(attrs).get("id") or tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        self.texts[self._inside] = self.texts.get(self._inside, "") + data


def test_names_and_words_cannot_leave_the_data_element() -> None:
    clean, dirty = Parts(render_html(replace(hostile(), utterances=(), speakers={}, source=""))), hostile()
    page = render_html(dirty)
    parts = Parts(page)
    assert parts.tags == clean.tags
    data = parts.texts["data"]
    assert not re.search("[<>&\u2028\u2029]", data)
    document = json.loads(data)["document"]
    assert document["segments"][0]["words"][0]["word"] == HOSTILE
    assert document["speakers"][1][0] == HOSTILE
    assert parts.texts["script"] == clean.texts["script"]


def test_only_the_scripts_and_styles_of_the_package_may_run() -> None:
    parts = Parts(render_html(hostile(), audio=PageAudio(name="a.wav", data=b"RIFF", media_type="audio/wav")))
    (policy,) = [
        value
        for tag, name, value in parts.attributes
        if tag == "meta" and name == "content" and value and value.startswith("default-src")
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    for rule, text in (("script-src", parts.texts["script"]), ("style-src", parts.texts["style"])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"
    assert rules["media-src"] == "blob:"
    assert not [name for _, name, _ in parts.attributes if name.startswith("on") or name == "style"]
    assert [value for _, name, value in parts.attributes if name in ("src", "href", "action")] == ["data:,"]


def test_the_parts_cannot_end_their_elements() -> None:
    for name in (part.name for part in PARTS.iterdir() if part.name.endswith((".js", ".css"))):
        text = PARTS.joinpath(name).read_text(encoding="utf-8")
        assert not re.search(r"</(script|style)|<!--|innerHTML|\{\{|\r", text), name
        assert len(text.splitlines()) <= 400


def test_equal_transcripts_produce_equal_pages() -> None:
    again = read_json(render_json(hostile()))
    assert render_html(again) == render_html(read_json(render_json(again)))
    assert render_html(hostile()) == render_html(hostile())


def test_the_layout_shapes_the_subtitles() -> None:
    words = tuple(Word(i / 2, i / 2 + 0.4, "word", None, None) for i in range(9))
    transcript = Transcript("en", 9.0, (Utterance(0.0, 5.0, None, words),))
    cues = json.loads(Parts(render_html(transcript, CueLayout(max_line_width=10))).texts["data"])["cues"]
    assert max(len(line) for _, _, _, text in cues["srt"] for line in text.split("\n")) <= 10


def test_a_linked_recording_is_not_embedded() -> None:
    page = render_html(hostile(), audio=PageAudio(name="a.wav", address="./a%20b.wav"))
    parts = Parts(page)
    assert json.loads(parts.texts["data"])["settings"]["address"] == "./a%20b.wav"
    assert "recording" not in parts.texts
    assert "media-src blob: 'self' file:" in page


# --- colours


def palettes() -> dict[str, dict[str, np.ndarray]]:
    css = PARTS.joinpath("page.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    return {
        theme: {name: rgb(value) for name, value in re.findall(r"--([\w-]+): (#\w{6});", text)}
        for theme, text in (("light", light), ("dark", dark))
    }


def rgb(colour: str) -> np.ndarray:
    """Return the linear light of an sRGB colour (IEC 61966-2-1)."""
    value = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def contrast(first: np.ndarray, second: np.ndarray) -> float:
    """Return the contrast ratio of two colours (WCAG 2.2, 1.4.3)."""
    low, high = sorted(float(each @ [0.2126, 0.7152, 0.0722]) for each in (first, second))
    return (high + 0.05) / (low + 0.05)


SPEAKERS = [f"s{number}" for number in range(8)]
TEXTS = [
    *((text, under) for text in ("text", "muted", "accent", *SPEAKERS) for under in ("bg", "panel")),
    *(("text", under) for under in ("now", "hit", "lane")),
    ("on-accent", "accent"),
]
SHAPES = [("edge", "bg"), ("edge", "panel"), ("mark", "lane"), *((speaker, "lane") for speaker in SPEAKERS)]


def test_contrast_ratios_match_known_values() -> None:
    assert contrast(rgb("#000000"), rgb("#ffffff")) == pytest.approx(21)
    assert contrast(rgb("#777777"), rgb("#ffffff")) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_have_the_contrast_of_wcag_aa(theme: str) -> None:
    colours = palettes()[theme]
    low = [
        (*pair, round(contrast(colours[pair[0]], colours[pair[1]]), 2))
        for pairs, least in ((TEXTS, 4.5), (SHAPES, 3))
        for pair in pairs
        if contrast(colours[pair[0]], colours[pair[1]]) < least
    ]
    assert not low


# Colour vision without one type of cone (Machado, Oliveira, Fernandes 2009).
VISION = {
    "all": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def oklab(linear: np.ndarray) -> np.ndarray:
    """Convert to Oklab (Ottosson 2020); a just noticeable difference is about 0.02."""
    cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    axes = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    return axes @ np.cbrt(cones @ np.clip(linear, 0, 1))


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_speaker_colours_differ_in_every_type_of_colour_vision(theme: str, vision: str) -> None:
    seen = {name: oklab(VISION[vision] @ palettes()[theme][name]) for name in SPEAKERS}
    nearest = min((float(np.linalg.norm(seen[a] - seen[b])), a, b) for a, b in combinations(SPEAKERS, 2))
    assert nearest[0] > 0.095, nearest
