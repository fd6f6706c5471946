"""Puts the page together from its parts, the transcript and the recording; equal transcripts give equal bytes."""

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
# "<" could close the element that holds the data or open a comment; the others end a line in older scripts.
_ESCAPES: Final = {ord(mark): f"\\u{ord(mark):04x}" for mark in "<>&\u2028\u2029"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageAudio:
    """The recording of a page.

    Attributes
    ----------
    name : str
        File name, shown where the recording is missing.
    data : bytes
        The whole file, to be part of the page; empty for a link.
    media_type : str
        What kind of file ``data`` is, such as ``audio/flac``.
    address : str
        Where the recording is, relative to the page and percent-encoded; empty with ``data``.
    """

    name: str
    data: bytes = b""
    media_type: str = ""
    address: str = ""


def render_html(transcript: Transcript, layout: CueLayout = _DEFAULT, *, audio: PageAudio | None = None) -> str:
    """Render a transcript as one page of HTML that needs no other file.

    Parameters
    ----------
    transcript : Transcript
    layout : CueLayout
        Of the subtitles that can be downloaded from the page.
    audio : PageAudio, optional
        Without one the reader can open the recording in the page.

    Returns
    -------
    str
        What the page gives for download is what `render_json`, `render_srt` and `render_vtt` give, with the names
        and merges that the reader made. Subtitles keep their cues and their line breaks when a name gets longer or
        shorter and when speakers are merged: made from the corrected JSON they are laid out anew.

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
    """Tell whether a page that `render_html` made holds a recording or links to one."""
    # Nothing in the transcript can look like this: there quotes have a backslash before them.
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
    """Write the transcript for the script: the JSON output without what repeats, the cues without their names."""
    document: dict[str, Any] = json.loads(render_json(transcript))
    # An object of a script would put labels that are numbers first.
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
    """What a merge needs to know of each segment.

    From how many seconds on the segment before it stays apart from it, whether its first word has a space before it,
    and whether one that begins with this word is taken to have it.
    """
    joins: list[tuple[float, bool, bool]] = []
    last: Word | None = None
    for utterance, segment in zip(transcript.utterances, segments, strict=True):
        if not utterance.words:
            joins.append((0.0, False, False))
            last = None
            continue
        # Times as they are read back, for who corrects the file decides by those.
        first = replace(utterance.words[0], start=segment["words"][0]["start"])
        inferred = infer_spaces(first.text, [first.text])
        apart = 0.0 if last is None else longest_before(last, first)
        joins.append((apart, first.leading_space, bool(inferred and inferred[0])))
        last = replace(utterance.words[-1], end=segment["words"][-1]["end"])
    return joins
