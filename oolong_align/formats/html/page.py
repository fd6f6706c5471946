"""Assembly of the page from its parts, the transcript and the recording; equal input produces equal bytes."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any, Final

from oolong_align.alignment.utterances import longest_before
from oolong_align.formats.cues import CueLayout
from oolong_align.formats.json import infer_spaces, render_json
from oolong_align.formats.srt import srt_cues
from oolong_align.formats.vtt import vtt_cues
from oolong_align.text.clean import clean_text
from oolong_align.types import Transcript, Word

__all__ = ["PageAudio", "has_audio", "render_html"]

LOW_SCORE: Final = 0.5
LOW_CONFIDENCE: Final = 0.7
SCRIPTS: Final = ("writers", "model", "list", "search", "timeline", "player", "roster", "turns", "app")
_DEFAULT: Final = CueLayout()
_PLACE: Final = re.compile(r"\{\{(\w+)\}\}")
# "<" could close the element with the data or open a comment; U+2028 and U+2029 end a line in older scripts.
_ESCAPES: Final = {ord(mark): f"\\u{ord(mark):04x}" for mark in "<>&\u2028\u2029"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageAudio:
    """The recording of a page, embedded or linked.

    Attributes
    ----------
    name : str
        File name, shown if the recording cannot be loaded.
    data : bytes
        The whole file to embed; empty for a link.
    media_type : str
        Media type of ``data``, such as ``audio/flac``.
    address : str
        Percent-encoded address of the recording, relative to the page; empty if it is embedded.
    """

    name: str
    data: bytes = b""
    media_type: str = ""
    address: str = ""


def render_html(transcript: Transcript, layout: CueLayout = _DEFAULT, *, audio: PageAudio | None = None) -> str:
    """Render a transcript as a self-contained HTML page.

    Parameters
    ----------
    transcript : Transcript
    layout : CueLayout
        Limits of the subtitles that the page offers for download.
    audio : PageAudio, optional
        The recording. Without it, the reader can open a file in the page.

    Returns
    -------
    str
        The downloads of the page equal the output of `render_json`, `render_srt` and `render_vtt`, with the reader's
        names and merges applied. After a rename or merge the downloaded subtitles keep their cues and line breaks;
        rendered from the corrected JSON, they are laid out again.

    Raises
    ------
    OutputError
        If a number is not finite.
    """
    script = '(() => {\n"use strict";\n' + "\n".join(_part(f"{name}.js") for name in SCRIPTS) + "})();\n"
    style = _part("page.css")
    values = {
        "title": html.escape(clean_text(transcript.source) or "Transcript"),
        "policy": _policy(script, style, linked=audio is not None and bool(audio.address)),
        "style": style,
        "data": _data(transcript, layout, audio),
        "recording": base64.b64encode(audio.data).decode("ascii") if audio else "",
        "script": script,
    }
    return _PLACE.sub(lambda place: values[place[1]], _part("page.html"))


def has_audio(page: str) -> bool:
    """Return whether a page from `render_html` contains a recording or links to one."""
    # Text of the transcript cannot match: its quotes are escaped with a backslash.
    return any(f'"audio":"{kind}"' in page for kind in ("embed", "link"))


@cache
def _part(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _policy(script: str, style: str, *, linked: bool) -> str:
    media = "blob: 'self' file:" if linked else "blob:"
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:; media-src {media}; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _data(transcript: Transcript, layout: CueLayout, audio: PageAudio | None) -> str:
    """Serialise the transcript for the script: the JSON output without repeated words, and cues without names."""
    document: dict[str, Any] = json.loads(render_json(transcript))
    # Lists of pairs keep their order; a JavaScript object would put labels that are numbers first.
    document |= {key: list(document[key].items()) for key in ("speakers", "speaker_embeddings")}
    joins = _joins(transcript, document["segments"])
    document["word_segments"] = None
    if document["model"] is not None:
        document["model"] = [(key, json.dumps(value, ensure_ascii=False)) for key, value in document["model"].items()]
    data = {
        "document": document,
        "joins": joins,
        "cues": {
            "srt": [(start, end, label, text) for start, end, label, _, text in srt_cues(transcript, layout)],
            "vtt": list(vtt_cues(transcript, layout)),
        },
        "settings": {
            "lowScore": LOW_SCORE,
            "lowConfidence": LOW_CONFIDENCE,
            "audio": None if audio is None else "link" if audio.address else "embed",
            "audioName": audio.name if audio else "",
            "mediaType": audio.media_type if audio else "",
            "address": audio.address if audio else "",
        },
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", errors="replace").decode("utf-8").translate(_ESCAPES)


def _joins(transcript: Transcript, segments: list[dict[str, Any]]) -> list[tuple[float, bool, bool]]:
    """Return for each segment what the script needs to merge two speakers.

    The values are the length in seconds from which the previous segment stays separate, whether the first word has a
    space before it, and whether that space would be inferred at the start of a segment.
    """
    joins: list[tuple[float, bool, bool]] = []
    last: Word | None = None
    for utterance, segment in zip(transcript.utterances, segments, strict=True):
        if not utterance.words:
            joins.append((0.0, False, False))
            last = None
            continue
        # Use the rounded times, so that the page and an edit of the JSON file make the same decision.
        first = replace(utterance.words[0], start=segment["words"][0]["start"])
        inferred = infer_spaces(first.text, [first.text])
        apart = 0.0 if last is None else longest_before(last, first)
        joins.append((apart, first.leading_space, bool(inferred and inferred[0])))
        last = replace(utterance.words[-1], end=segment["words"][-1]["end"])
    return joins
