# ruff: noqa: RUF001 - the marks of other scripts look like Latin ones on purpose
"""Byte-exact outputs of two small transcripts: one of edge cases, one of many scripts.

To accept a change, check the diff and run ``OOLONG_UPDATE_GOLDEN=1 pytest tests/golden``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEvidence

from oolong_align.alignment.utterances import gather_utterances
from oolong_align.formats import (
    CueLayout,
    read_json,
    render_diarized_json,
    render_json,
    render_rttm,
    render_srt,
    render_tsv,
    render_txt,
    render_verbose_json,
    render_vtt,
    render_whisperx,
)
from oolong_align.types import (
    Diarization,
    DiarizeSegment,
    ModelInfo,
    Speaker,
    SpeakerSegment,
    SpeechRange,
    Transcript,
    Word,
)

FOLDER = Path(__file__).parent / "formats"


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
        # Two sentences, the second too long for one cue; a one-word answer; overlapping speech.
        *say(0.5, "Good morning. I never thought that you would be one for the suburbs, but here we are", 0),
        *say(5.7, "again, in a garden with apple trees and a fence.", 0, step=0.35),
        *say(9.3, "Yes.", 1),
        *say(9.6, "What did you pay?", 0, overlap=True),
        # A word split by the transcriber, a number, a name, and a word without duration.
        Word(11.0, 11.3, "Twenty", 0.9, "SPEAKER_01", 1.0),
        Word(11.3, 11.6, "-one", 0.9, "SPEAKER_01", 1.0, leading_space=False),
        *say(11.6, "thousand, Dr. Smith.", 1),
        Word(12.5, 12.5, "Right?", None, "SPEAKER_01", 0.0),
        # Unknown speaker; text that subtitle readers could take for markup or for a cue.
        *say(16.0, "1 00:00:01,000 --> 00:00:02,000 <b>R&D</b>", None),
        Word(18.0, 18.2, "line\nbreak\t\x00", 0.1),
        # Scripts without spaces, including a whole phrase as one word; right-to-left text.
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
            speech=(SpeechRange(0.5, 12.6), SpeechRange(20.0, 29.0), SpeechRange(31.0, 34.0)),
            duration=34.0,
            embeddings={i: np.eye(4, dtype=np.float32)[i] for i in range(4)},
            model=ModelInfo(bundle="open", hashes={"segmentation": "00ff", "embedding": "ff00"}, dimension=4),
            voice=FakeEvidence(embed=lambda start, end: [0.6, 0.8, 0.0, -start / 32]),
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


def tokens(start: float, text: str, speaker: int) -> list[Word]:
    """Make words from text split as Whisper splits these languages, with ``|`` between words."""
    words: list[Word] = []
    for part in text.split("|"):
        end = start + 0.1 + 0.08 * len(part.strip())
        words.append(
            Word(start, end - 0.02, part.strip(), 0.5, f"SPEAKER_{speaker:02d}", 0.75, leading_space=part[0] == " ")
        )
        start = end
    return words


def mixed_scripts() -> Transcript:
    words = [
        *tokens(0.5, " ข|อ|บ|คุ|ณ|มา|ก|ครั|บ| วั|นนี้|เรา|จะ|คุ|ย|กั|น|เรื่|อง|น้|ำ|ท่|ว|ม", 0),
        *tokens(7.0, " และ|สิ่|ง|ที่|เรา|ต้|อง|เตร|ีย|ม|ตั|ว", 0),
        *tokens(12.0, " नमस्ते,| आप| कैसे| हैं?| मैं| क्षत्रिय| की| किताब| पढ़| रहा| हूँ।| बहुत| अच्छी| है।", 1),
        *tokens(
            20.0,
            "我们|昨|天|去了|餐|厅，|“非常|好吃”，|他|说。|要|3.5|元。|真的|吗？|他们|还|想|再|去|一次，|可是|没有|时间。",
            2,
        ),
        *tokens(30.0, "そうですね、|ちょっと|待って|ください。|「はい」|と|言|った|人|は|いま|せん|でした。", 0),
        *tokens(37.0, " 네,| 알겠습니다.| 내일| 다시| 올게요.", 1),
        *tokens(41.0, " ما| رأيك| في| WhisperX؟| جيد،| لكن...| السعر| 25.50| دولار| (تقريبا).", 3),
        *tokens(47.0, " שלום,| מה| שלומך?| ד״ר| כהן| הגיע| לפני| 10| דקות,| והוא| מחכה| לך.", 2),
        *tokens(54.0, " Τι| κάνεις;| Καλά,| ευχαριστώ.| Ինչպե՞ս| ես։| Լավ| եմ։| ሰላም፣| እንዴት| ነህ?| ደህና| ነኝ።", 0),
        *tokens(62.0, "မြန်မာနိုင်ငံမှာ| မိုးရွာနေတယ်။| ខ្ញុំចង់ទៅផ្ទះ។| តើអ្នកសុខសប្បាយទេ?|བཀྲ་ཤིས་བདེ་ལེགས།", 1),
        *tokens(72.0, " Yes| 👍🏽| 👨‍👩‍👧‍👦| 🇩🇪|🇫🇷,| Zoë| said:| e.g.| 3.5| per| cent... maybe| more.| No.", 3),
    ]
    labels = [f"SPEAKER_{number:02d}" for number in range(4)]
    names = ("สมชาย", "राम", None, "ליאור")
    turns = tuple(DiarizeSegment(word.start, word.end, int((word.speaker or "")[-2:])) for word in words[::10])
    return Transcript(
        language="th",
        duration=80.0,
        utterances=gather_utterances(words),
        diarization=Diarization(
            segments=tuple(SpeakerSegment(turn.start, turn.end, turn.speaker_id) for turn in turns),
            turns=turns,
            speech=(SpeechRange(0.5, 78.0),),
            duration=80.0,
        ),
        speakers={label: Speaker(label=label, name=name) for label, name in zip(labels, names, strict=True)},
        source="सभा 会議",
    )


TRANSCRIPTS = {"awkward": awkward, "scripts": mixed_scripts}
RENDERERS: dict[str, Callable[[Transcript], str]] = {
    "srt": render_srt,
    "vtt": render_vtt,
    "txt": render_txt,
    "tsv": render_tsv,
    "json": render_json,
    "rttm": render_rttm,
    "exclusive.rttm": partial(render_rttm, exclusive=True),
    "narrow.srt": partial(render_srt, layout=CueLayout(max_line_width=24, max_line_count=3)),
    "words.srt": partial(render_srt, layout=CueLayout(highlight_words=True)),
    "words.vtt": partial(render_vtt, layout=CueLayout(highlight_words=True)),
    "whisperx.json": render_whisperx,
    "verbose.json": render_verbose_json,
    "diarized.json": render_diarized_json,
}


NAMES = [f"{transcript}.{suffix}" for transcript in TRANSCRIPTS for suffix in RENDERERS]


def render(name: str, transcript: Transcript) -> bytes:
    return RENDERERS[name.partition(".")[2]](transcript).encode()


@pytest.mark.parametrize("name", NAMES)
def test_output_is_byte_exact(name: str) -> None:
    rendered = render(name, TRANSCRIPTS[name.partition(".")[0]]())
    path = FOLDER / name
    if os.environ.get("OOLONG_UPDATE_GOLDEN"):
        path.write_bytes(rendered)
    assert rendered == path.read_bytes()


@pytest.mark.parametrize("name", [name for name in NAMES if name.count(".") > 1 or not name.endswith(".json")])
def test_every_format_can_be_made_from_the_json_alone(name: str) -> None:
    transcript = read_json((FOLDER / f"{name.partition('.')[0]}.json").read_text(encoding="utf-8"))
    assert render(name, transcript) == (FOLDER / name).read_bytes()
