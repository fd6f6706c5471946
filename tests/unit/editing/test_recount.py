"""Find another number of speakers from synthetic embeddings."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from oolong_align.diarization.plda import Plda
from oolong_align.diarization.speaker_evidence import StoredEvidence
from oolong_align.editing import find_plda, recluster
from oolong_align.errors import InputError, ModelError, OolongWarning, UsageError
from oolong_align.formats import read_json, render_json
from oolong_align.types import (
    Diarization,
    DiarizeSegment,
    ModelInfo,
    Speaker,
    SpeakerSegment,
    Transcript,
    Utterance,
    Word,
    speaker_label,
)
from oolong_align.weights import find_bundle

D = 8
Piece = tuple[float, float, int, int]
"""Start, end, speaker in the transcript, and true speaker, whose embedding it has (-1: none)."""


def plda() -> Plda:
    return Plda(
        mean1=np.zeros(D), lda=np.eye(D), mean2=np.zeros(D), mu=np.zeros(D), tr=np.eye(D), phi=np.linspace(8, 1, D)
    )


def talk(
    pieces: Sequence[Piece],
    turns: Sequence[tuple[float, float, int]] | None = None,
    *,
    names: Sequence[str | None] = (),
) -> Transcript:
    """One word in the middle of each piece; segments are equal to the pieces."""
    random = np.random.default_rng(0)
    centres = np.concatenate([np.eye(D), np.zeros((1, D))])
    vectors = np.stack([centres[person] + (person >= 0) * random.normal(0, 0.05, D) for *_, person in pieces])
    words = [Word((a + b) / 2 - 0.1, (a + b) / 2 + 0.1, "yes", 0.9, speaker_label(who), 0.5) for a, b, who, _ in pieces]
    spans = [piece[:3] for piece in pieces]
    people = sorted({who for *_, who, _ in pieces})
    return Transcript(
        language="en",
        duration=max(piece[1] for piece in pieces),
        utterances=tuple(Utterance(word.start, word.end, word.speaker, (word,)) for word in words),
        diarization=Diarization(
            segments=tuple(SpeakerSegment(*span) for span in spans),
            turns=tuple(DiarizeSegment(*turn) for turn in turns or spans),
            speech=(),
            duration=max(piece[1] for piece in pieces),
            pieces=tuple(DiarizeSegment(*span) for span in spans),
            voice=StoredEvidence([span[:2] for span in spans], vectors.astype(np.float32), {}),
            warnings=("2 may be one person",),
        ),
        speakers={
            speaker_label(who): Speaker(label=speaker_label(who), name=name)
            for who, name in zip(people, [*names, *[None] * len(people)], strict=False)
        },
    )


def again(transcript: Transcript, number: int) -> Transcript:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OolongWarning)
        found = recluster(transcript, number, plda=plda())
    text = render_json(found)
    assert render_json(read_json(text)) == text
    return found


def spans(items: Sequence[SpeakerSegment | DiarizeSegment]) -> list[tuple[float, float, int]]:
    return [(item.start, item.end, item.speaker_id) for item in items]


ONE_FOR_THREE = [(0.0, 3.0, 0, 2), (3.0, 6.0, 0, 1), (7.0, 9.0, 0, 2), (9.0, 9.5, 0, 1), (9.5, 12.0, 0, 0)]


def test_one_speaker_becomes_three() -> None:
    found = again(talk(ONE_FOR_THREE), 3)
    assert found.diarization is not None
    assert spans(found.diarization.pieces) == [
        (0.0, 3.0, 0),
        (3.0, 6.0, 1),
        (7.0, 9.0, 0),
        (9.0, 9.5, 1),
        (9.5, 12.0, 2),
    ]
    assert spans(found.diarization.segments) == spans(found.diarization.pieces) == spans(found.diarization.turns)
    assert [word.speaker for word in found.words] == [speaker_label(k) for k in (0, 1, 0, 1, 2)]
    assert {label: (each.seconds, each.words) for label, each in found.speakers.items()} == {
        "SPEAKER_00": (5.0, 2),
        "SPEAKER_01": (3.5, 2),
        "SPEAKER_02": (2.5, 1),
    }
    assert [np.argmax(found.diarization.embeddings[k]) for k in range(3)] == [2, 1, 0]
    np.testing.assert_allclose([np.linalg.norm(each) for each in found.diarization.embeddings.values()], 1, rtol=1e-6)
    assert all("may be one person" not in text for text in found.diarization.warnings)


def test_three_become_one_and_touching_pieces_are_one_segment() -> None:
    found = again(talk([(a, b, person, person) for a, b, _, person in ONE_FOR_THREE]), 1)
    assert found.diarization is not None
    assert spans(found.diarization.segments) == [(0.0, 6.0, 0), (7.0, 12.0, 0)] == spans(found.diarization.turns)
    assert len(found.diarization.pieces) == 5
    assert list(found.speakers) == ["SPEAKER_00"]
    assert [word.text for word in found.words] == ["yes"] * 5


def test_overlap_goes_with_the_preceding_piece() -> None:
    pieces = [(0.0, 3.0, 0, 0), (3.0, 6.0, 1, 1), (7.0, 10.0, 0, 2), (10.0, 13.0, 1, 1), (15.0, 18.0, 1, 1)]
    turns = [(0.0, 4.0, 0), (3.0, 6.0, 1), (7.0, 10.0, 0), (9.0, 13.0, 1), (15.0, 18.0, 1), (16.0, 17.0, 0)]
    found = again(talk(pieces, turns), 3)
    assert found.diarization is not None
    assert spans(found.diarization.turns) == [
        (0.0, 4.0, 0),
        (3.0, 6.0, 1),
        (7.0, 10.0, 2),
        (9.0, 13.0, 1),
        (15.0, 18.0, 1),
        (16.0, 17.0, 2),
    ]
    assert [segment.is_overlap for segment in found.diarization.segments] == [False, True, True, False, True]


def test_piece_without_an_embedding_goes_with_the_preceding_piece() -> None:
    found = again(talk([(0.0, 0.4, 0, -1), (1.0, 4.0, 0, 1), (4.0, 7.0, 0, 0), (7.0, 7.4, 0, -1)]), 2)
    assert found.diarization is not None
    assert [piece.speaker_id for piece in found.diarization.pieces] == [0, 0, 1, 1]


def test_names_go_to_the_speakers_with_most_common_speech() -> None:
    pieces = [(0.0, 9.0, 0, 1), (9.0, 12.0, 1, 1), (12.0, 20.0, 1, 2), (20.0, 22.0, 2, 2)]
    found = again(talk(pieces, names=("Ada", "Bob", "Cy")), 2)
    assert [each.name for each in found.speakers.values()] == ["Ada", "Bob"]
    halves = [(0.0, 5.0, 0, 1), (5.0, 10.0, 0, 2), (10.0, 15.0, 1, 1), (15.0, 20.0, 1, 2)]
    found = again(talk(halves, names=("Ada", "Bob")), 2)
    assert [each.name for each in found.speakers.values()] == [None, None]
    split = [(0.0, 5.0, 0, 1), (5.0, 11.0, 0, 2)]
    assert [each.name for each in again(talk(split, names=("Ada",)), 2).speakers.values()] == [None, "Ada"]


def test_warnings_are_reported_and_stored() -> None:
    apart = talk([(3.0 * k, 3.0 * k + 3, 0, k % 2) for k in range(8)])
    with pytest.warns(OolongWarning, match="VBx found 2 speakers, but num_speakers requires 3") as caught:
        found = recluster(apart, 3, plda=plda())
    assert found.diarization is not None
    assert found.diarization.warnings == tuple(str(each.message) for each in caught)
    similar = talk([(2.0 * k, 2.0 * k + 2, 0, 0) for k in range(3)])
    assert similar.diarization is not None
    same = replace(
        similar.diarization, voice=StoredEvidence([p[:2] for p in spans(similar.diarization.pieces)], ONES, {})
    )
    with warnings.catch_warnings(record=True) as messages:
        warnings.simplefilter("always")
        found = recluster(replace(similar, diarization=same), 2, plda=plda())
    assert str(messages[-1].message) == "Found only 1 of the 2 speakers requested with num_speakers"
    assert list(found.speakers) == ["SPEAKER_00"]


ONES = np.ones((3, D), dtype=np.float32)


def test_unsuitable_transcripts_are_refused() -> None:
    whole = talk(ONE_FOR_THREE)
    assert whole.diarization is not None
    bare = replace(whole, diarization=replace(whole.diarization, voice=None))
    crossed = replace(whole, diarization=replace(whole.diarization, pieces=whole.diarization.pieces[::-1]))
    for transcript, number, message in (
        (bare, 2, "the transcript contains no embeddings"),
        (replace(whole, diarization=None), 2, "the transcript contains no embeddings"),
        (whole, 6, "Cannot find num_speakers=6: the transcript has only 5 pieces with an embedding"),
        (crossed, 2, "pieces of the transcript overlap or are not sorted"),
    ):
        with pytest.raises(InputError, match=message):
            recluster(transcript, number, plda=plda())
    with pytest.raises(UsageError, match="num_speakers=0"):
        recluster(whole, 0, plda=plda())
    small = replace(plda(), mean1=np.zeros(3))
    with pytest.raises(InputError, match="have 8 dimensions, but its PLDA has 3"):
        recluster(whole, 2, plda=small)
    with pytest.raises(ModelError, match="does not name its models"):
        recluster(whole, 2)


def test_plda_belongs_to_the_models_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OOLONG_MODELS", raising=False)
    own = find_bundle("open", parts=("plda",))
    right = own.hashes["plda"]
    embedding = "5ef208a9da1453335308a6b6f4e6dfbd7e183a38b604de0a57664f45d257fe94"

    def info(bundle: str, **hashes: str) -> ModelInfo:
        return ModelInfo(bundle=bundle, hashes=hashes, dimension=256)

    assert find_plda(info("open", plda=right)).dimension == 256
    assert find_plda(info("open", plda="an older one", embedding=embedding)).dimension == 256
    folder = tmp_path / "mine"
    (folder / "plda").mkdir(parents=True)
    (folder / "plda" / "vbx_model.npz").write_bytes(own.files["plda"].read_bytes())
    assert find_plda(info("mine", plda=right), bundle=folder).dimension == 256
    for unknown in (info("mine", plda="other"), info("open", plda="other", embedding="other"), info("open")):
        with pytest.raises(ModelError, match=f"Could not find the PLDA of the models '{unknown.bundle}'"):
            find_plda(unknown)
    with pytest.raises(ModelError, match=r"Could not find the PLDA of .* Use --bundle with their folder"):
        find_plda(info("mine", plda="other"), bundle=folder)
