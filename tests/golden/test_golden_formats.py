# ruff: noqa: RUF001 - the marks of other scripts look like Latin ones on purpose
"""Byte-exact outputs of one small transcript with everything that is awkward.

To accept a change, look at the difference and run ``OOLONG_UPDATE_GOLDEN=1 pytest tests/golden``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from oolong_align.alignment import gather_utterances
from oolong_align.formats import (
    CueLayout,
    read_json,
    render_json,
    render_rttm,
    render_srt,
    render_tsv,
    render_txt,
    render_vtt,
)
from oolong_align.types import (
    Diarization,
    DiarizeSegment,
    FloatArray,
    ModelInfo,
    Speaker,
    SpeakerSegment,
    Transcript,
    VoiceRange,
    Word,
)

FOLDER = Path(__file__).parent / "formats"


class Voice:
    def embed(self, start: float, end: float) -> FloatArray:
        return np.array([0.6, 0.8, 0.0, -start / 32], dtype=np.float32)

    def scores(self, start: float, end: float) -> dict[int, float]:
        return {}


def say(
    start: float, text: str, speaker: int | None, *, step: float = 0.3, spaced: bool = True, overlap: bool = False
) -> list[Word]:
    label = None if speaker is None else f"SPEAKER_{speaker:02d}"
    confidence = None if speaker is None else 0.75
    return [
        Word(start + i * step, start + (i + 1) * step - 0.02, word, 0.5, label, confidence, overlap, spaced)
        for i, word in enumerate(text.split())
    ]


def awkward() -> Transcript:
    words = [
        # Two sentences, the second too long for one cue; a one-word answer; overlap.
        *say(0.5, "Good morning. I never thought that you would be one for the suburbs, but here we are", 0),
        *say(5.7, "again, in a garden with apple trees and a fence.", 0, step=0.35),
        *say(9.3, "Yes.", 1),
        *say(9.6, "What did you pay?", 0, overlap=True),
        # A word torn by the transcriber, a number, a name, a word without length at the same place.
        Word(11.0, 11.3, "Twenty", 0.9, "SPEAKER_01", 1.0),
        Word(11.3, 11.6, "-one", 0.9, "SPEAKER_01", 1.0, leading_space=False),
        *say(11.6, "thousand, Dr. Smith.", 1),
        Word(12.5, 12.5, "Right?", None, "SPEAKER_01", 0.0),
        # Nobody is near; the text is what no subtitle reader wants to see.
        *say(16.0, "1 00:00:01,000 --> 00:00:02,000 <b>R&D</b>", None),
        Word(18.0, 18.2, "line\nbreak\t\x00", 0.1),
        # Scripts without spaces, one word a whole phrase; right to left.
        *say(20.0, "我们 昨天 晚上 在 那家 新开 的 餐厅 里 吃饭， 非常 好吃。", 2, step=0.4, spaced=False),
        Word(
            26.0,
            29.0,
            "今日はとても天気がいいので、みんなで公園へ行きましょう。",
            0.8,
            "SPEAKER_02",
            0.9,
            leading_space=False,
        ),
        *say(31.0, "هل تسمعني الآن؟ نعم، أسمعك جيدا.", 3),
        Word(33.9, 34.0, "https://example.org/a/very/long/address/without/end", 0.5, "SPEAKER_03", 0.5),
    ]
    turns = ((0.5, 9.2, 0), (9.25, 12.6, 1), (9.6, 10.8, 0), (20.0, 29.0, 2), (31.0, 34.0, 3))
    exclusive = ((0.5, 9.2, 0, False), (9.25, 12.6, 1, True), (20.0, 29.0, 2, False), (31.0, 34.0, 3, False))
    names = ("Ada", "Bob]: \n2 -->\u202e <i>&", None, "ليلى")
    return Transcript(
        language="en",
        duration=34.0,
        utterances=gather_utterances(words),
        diarization=Diarization(
            segments=tuple(SpeakerSegment(*segment) for segment in exclusive),
            turns=tuple(DiarizeSegment(*turn) for turn in turns),
            speech=(VoiceRange(0.5, 12.6), VoiceRange(20.0, 29.0), VoiceRange(31.0, 34.0)),
            duration=34.0,
            embeddings={i: np.eye(4, dtype=np.float32)[i] for i in range(4)},
            model=ModelInfo(bundle="open", hashes={"segmentation": "00ff", "embedding": "ff00"}, dimension=4),
            voice=Voice(),
            warnings=("VBx found 5 speakers; 4 were asked for.",),
        ),
        speakers={
            f"SPEAKER_{i:02d}": Speaker(
                label=f"SPEAKER_{i:02d}",
                name=name,
                seconds=sum(end - start for start, end, speaker, _ in exclusive if speaker == i),
                words=sum(word.speaker == f"SPEAKER_{i:02d}" for word in words),
            )
            for i, name in enumerate(names)
        },
        source="meeting 1",
    )


OUTPUTS: dict[str, Callable[[Transcript], str]] = {
    "awkward.srt": render_srt,
    "awkward.vtt": render_vtt,
    "awkward.txt": render_txt,
    "awkward.tsv": render_tsv,
    "awkward.json": render_json,
    "awkward.rttm": render_rttm,
    "awkward.exclusive.rttm": partial(render_rttm, exclusive=True),
    "awkward.narrow.srt": partial(render_srt, layout=CueLayout(max_line_width=24, max_line_count=3)),
    "awkward.words.srt": partial(render_srt, layout=CueLayout(highlight_words=True)),
    "awkward.words.vtt": partial(render_vtt, layout=CueLayout(highlight_words=True)),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_output_is_byte_exact(name: str) -> None:
    rendered = OUTPUTS[name](awkward()).encode()
    path = FOLDER / name
    if os.environ.get("OOLONG_UPDATE_GOLDEN"):
        path.write_bytes(rendered)
    assert rendered == path.read_bytes()


@pytest.mark.parametrize("name", [name for name in OUTPUTS if not name.endswith(".json")])
def test_every_format_can_be_made_from_the_json_alone(name: str) -> None:
    transcript = read_json((FOLDER / "awkward.json").read_text(encoding="utf-8"))
    assert OUTPUTS[name](transcript).encode() == (FOLDER / name).read_bytes()
