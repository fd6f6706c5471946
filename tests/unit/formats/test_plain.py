from __future__ import annotations

from dataclasses import replace

from oolong_align.formats.rttm import render_rttm
from oolong_align.formats.tsv import render_tsv
from oolong_align.formats.txt import render_txt
from oolong_align.types import Diarization, DiarizeSegment, Speaker, SpeakerSegment, Transcript, Utterance, Word

DIARIZATION = Diarization(
    segments=(SpeakerSegment(0.0, 1.0, 0), SpeakerSegment(1.0, 1.5, 1)),
    turns=(DiarizeSegment(0.0, 1.0, 0), DiarizeSegment(0.1 + 0.2, 1.5, 1), DiarizeSegment(2.0, 2.0, 1)),
    speech=(),
    duration=3.0,
)
TRANSCRIPT = Transcript(
    language="en",
    duration=3.0,
    utterances=(
        Utterance(0.0, 1.0, "SPEAKER_00", (Word(0.0, 0.5, "Tab\there"), Word(0.5, 1.0, "and\nthere."))),
        Utterance(1.2345, 1.5, None, (Word(1.2345, 1.5, "Who?"),)),
    ),
    diarization=DIARIZATION,
    speakers={"SPEAKER_00": Speaker(label="SPEAKER_00", name="Ada\tB"), "SPEAKER_01": Speaker(label="SPEAKER_01")},
    source="my call\u20281",
)


def test_txt() -> None:
    assert render_txt(TRANSCRIPT) == "[Ada B]: Tab here and there.\nWho?\n"
    assert render_txt(Transcript("en", 0.0, ())) == ""


def test_tsv() -> None:
    assert render_tsv(TRANSCRIPT) == (
        "start\tend\tspeaker\ttext\n0\t1000\tAda B\tTab here and there.\n1234\t1500\t\tWho?\n"
    )


def test_rttm_with_overlap_and_without() -> None:
    assert render_rttm(TRANSCRIPT) == (
        "SPEAKER my_call_1 1 0.000000 1.000000 <NA> <NA> Ada_B <NA> <NA>\n"
        "SPEAKER my_call_1 1 0.300000 1.200000 <NA> <NA> SPEAKER_01 <NA> <NA>\n"
    )
    assert render_rttm(TRANSCRIPT, exclusive=True) == (
        "SPEAKER my_call_1 1 0.000000 1.000000 <NA> <NA> Ada_B <NA> <NA>\n"
        "SPEAKER my_call_1 1 1.000000 0.500000 <NA> <NA> SPEAKER_01 <NA> <NA>\n"
    )


def test_rttm_without_a_diarization_or_a_source() -> None:
    assert render_rttm(replace(TRANSCRIPT, diarization=None, source="")) == (
        "SPEAKER audio 1 0.000000 1.000000 <NA> <NA> Ada_B <NA> <NA>\n"
    )
