from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scoring import Errors, count_speakers, score

from oolong_align import Diarization, Diarizer, DiarizerOptions, OolongWarning
from oolong_align.audio.recording import load_audio
from oolong_align.diarization.plda import Plda
from oolong_align.errors import InputError, ModelError, UsageError
from oolong_align.types import Transcript

pytestmark = pytest.mark.data

PLDA = {"open": "plda_resnet34.npz", "campplus": "plda_campplus.npz"}


@pytest.fixture(scope="module")
def telephone(data_dir: Path) -> Path:
    return data_dir / "real" / "sample.flac"


@pytest.fixture(scope="module")
def conversation(diarizer: Diarizer, telephone: Path) -> Diarization:
    return diarizer(telephone)


def test_telephone_conversation(conversation: Diarization, telephone: Path) -> None:
    assert conversation.speaker_ids == (0, 1)
    assert score(telephone.with_suffix(".rttm"), conversation.turns).rate <= 0.06


def test_a_quiet_recording_has_the_same_speakers(diarizer: Diarizer, telephone: Path) -> None:
    with load_audio(telephone) as audio:
        quiet = np.round(0.1 * 32768 * audio.read(0, audio.num_samples)) / np.float32(32768)
    assert score(telephone.with_suffix(".rttm"), diarizer(quiet).turns).rate <= 0.06


def test_a_result_reaches_another_process_without_speaker_evidence(conversation: Diarization) -> None:
    transcript = Transcript("en", conversation.duration, (), conversation)
    received = pickle.loads(pickle.dumps(transcript)).diarization
    assert (received.turns, received.voice) == (conversation.turns, None)
    assert np.array_equal(received.embeddings[0], conversation.embeddings[0])
    assert copy.deepcopy(conversation).voice is copy.copy(conversation.voice) is conversation.voice


@pytest.fixture(scope="module")
def conversations(diarizer: Diarizer, data_dir: Path) -> list[tuple[Errors, int]]:
    """Errors of each conversation, and the number of speakers found minus the true number."""
    recordings = sorted((data_dir / "conversations").glob("*.flac"))
    assert len(recordings) == 6
    measured = []
    for recording in recordings:
        reference = recording.with_suffix(".rttm")
        result = diarizer(recording)
        errors = score(reference, result.turns)
        measured.append((errors, len(result.speaker_ids) - count_speakers(reference)))
        print(f"{recording.stem}: DER {100 * errors.rate:.2f} %, {len(result.speaker_ids)} speakers")
    return measured


@pytest.mark.slow
def test_conversations(conversations: list[tuple[Errors, int]]) -> None:
    total = Errors.sum(errors for errors, _ in conversations)
    print(f"total: DER {100 * total.rate:.2f} %")
    assert total.rate <= 0.15


@pytest.mark.slow
def test_speakers_of_the_conversations(conversations: list[tuple[Errors, int]]) -> None:
    assert [surplus for _, surplus in conversations] == [0] * 6


def test_noise_and_music_contain_no_speech(diarizer: Diarizer, data_dir: Path) -> None:
    recordings = sorted((data_dir / "nonspeech").glob("*.flac"))
    assert recordings
    for recording in recordings:
        result = diarizer(recording)
        assert (result.turns, result.segments, result.speech, dict(result.embeddings)) == ((), (), (), {}), recording


def test_several_pldas_share_one_pass_of_the_networks(
    diarizer: Diarizer, conversation: Diarization, bundle: str, telephone: Path, repository: Path
) -> None:
    own = Plda.load(repository / "oolong_align" / "data" / PLDA[bundle])
    all_one = replace(own, threshold=2.0)  # merges all speakers
    results = diarizer.diarize_each(telephone, [own, all_one, own])
    for result in (results[0], results[2]):
        assert result.turns == conversation.turns
        assert (result.segments, result.pieces) == (conversation.segments, conversation.pieces)
    assert [len(result.speaker_ids) for result in results] == [2, 1, 2]
    assert results[0].timing.embedding_ms == results[2].timing.embedding_ms
    with pytest.raises(ModelError, match=f"size 7 does not fit the model's size {own.dimension}"):
        diarizer.diarize_each(telephone, [replace(own, mean1=np.zeros(7))])
    silence = np.zeros(32_000, dtype=np.float32)
    assert [result.turns for result in diarizer.diarize_each(silence, [own, own])] == [(), ()]


def test_the_four_methods_agree(diarizer: Diarizer, conversation: Diarization, telephone: Path) -> None:
    assert tuple(diarizer.diarize(telephone)) == conversation.segments
    assert tuple(diarizer.diarize_overlap(telephone)) == conversation.turns
    segments, timing = diarizer.diarize_timed(telephone)
    assert tuple(segments) == conversation.segments
    assert timing.total_ms >= timing.segmentation_ms + timing.embedding_ms > 0
    segments, embeddings = diarizer.diarize_with_embeddings(telephone)
    assert sorted(embeddings) == [0, 1]
    for speaker, embedding in embeddings.items():
        assert embedding.dtype == np.float32
        assert np.linalg.norm(embedding) == pytest.approx(1.0, abs=1e-5)
        np.testing.assert_array_equal(embedding, conversation.embeddings[speaker])


def test_every_segment_is_most_similar_to_its_speaker(conversation: Diarization) -> None:
    assert conversation.voice is not None
    for segment in conversation.segments:
        if segment.end - segment.start > 1.5 and not segment.is_overlap:
            scores = conversation.voice.scores(segment.start, segment.end)
            assert max(scores, key=scores.__getitem__) == segment.speaker_id
    assert conversation.voice.scores(5.0, 5.0) == {}
    assert conversation.voice.scores(1e6, 1e6 + 1) == {}


@pytest.mark.parametrize("wanted", [1, 3])
def test_a_forced_number_of_speakers_causes_a_warning(diarizer: Diarizer, telephone: Path, wanted: int) -> None:
    with pytest.warns(OolongWarning, match=f"VBx found 2 speakers, but num_speakers requires {wanted}") as messages:
        result = diarizer(telephone, num_speakers=wanted)
    assert {warning.filename for warning in messages} == {__file__}
    assert len(result.speaker_ids) == wanted
    assert result.warnings


def test_bounds_that_the_result_meets_do_not_change_it(
    diarizer: Diarizer, conversation: Diarization, telephone: Path
) -> None:
    assert diarizer(telephone, min_speakers=1, max_speakers=4).turns == conversation.turns


def test_contradictory_bounds_raise_an_error(diarizer: Diarizer, telephone: Path) -> None:
    with pytest.raises(UsageError, match="min_speakers 3 exceeds max_speakers 2"):
        diarizer(telephone, min_speakers=3, max_speakers=2)


@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.03, 0.5, 3.0, 9.99, 10.0, 10.01])
def test_short_recordings(diarizer: Diarizer, telephone: Path, seconds: float) -> None:
    with load_audio(telephone) as audio:
        samples = audio.read(8 * 16_000, 8 * 16_000 + round(seconds * 16_000))
    result = diarizer(samples)
    assert len(result.speaker_ids) <= 2
    assert result.duration == pytest.approx(len(samples) / 16_000)
    assert all(0 <= s.start < s.end <= result.duration for s in result.segments)


@pytest.mark.parametrize(
    "samples",
    [np.zeros(16_000, dtype=np.int16), np.zeros((2, 16_000), dtype=np.float32), np.full(99, np.nan, dtype=np.float32)],
)
def test_invalid_arrays_raise_an_error(diarizer: Diarizer, samples: np.ndarray) -> None:
    with pytest.raises(InputError):
        diarizer(samples)


def test_same_input_gives_the_same_result(diarizer: Diarizer, conversation: Diarization, telephone: Path) -> None:
    first, second = conversation, diarizer(telephone)
    assert first.turns == second.turns
    for speaker, embedding in first.embeddings.items():
        np.testing.assert_array_equal(embedding, second.embeddings[speaker])


def test_a_missing_execution_provider_falls_back_to_the_cpu_with_a_warning(telephone: Path) -> None:
    with pytest.warns(OolongWarning, match="'warp' is not available"):
        diarizer = Diarizer.from_pretrained(options=DiarizerOptions(providers=("warp",)))
    assert len(diarizer(telephone).speaker_ids) == 2


def test_files_of_two_bundles_raise_an_error(tmp_path: Path, diarizer: Diarizer) -> None:
    sizes = {"mean1": 4, "lda": (4, 2), "mean2": 2, "mu": 2, "tr": (2, 2), "phi": 2}
    np.savez(tmp_path / "small.npz", **{name: np.ones(shape) for name, shape in sizes.items()})
    with pytest.raises(ModelError, match="expects embeddings of size 4"):
        Diarizer.from_pretrained(plda=tmp_path / "small.npz")


def test_swapped_files_raise_an_error() -> None:
    from oolong_align.weights import find_bundle

    files = find_bundle().files
    with pytest.raises(ModelError, match="Check the file"):
        Diarizer.from_pretrained(segmentation=files["embedding"], embedding=files["segmentation"])


def test_padding_after_the_end_is_not_speech(data_dir: Path) -> None:
    from oolong_align.audio.recording import load_audio

    with load_audio(data_dir / "conversations" / "so_dev1.flac") as audio:
        samples = audio.read(1_586_378, 1_586_378 + 3505)  # 0.2 s of a word
    result = Diarizer.from_pretrained()(samples)
    assert (result.turns, result.segments, dict(result.embeddings)) == ((), (), {})


def test_a_result_can_be_hashed_and_embeds_any_span(conversation: Diarization) -> None:
    assert hash(conversation) == hash(replace(conversation))
    assert conversation.voice is not None
    np.testing.assert_array_equal(conversation.voice.embed(0.0, 1e305), conversation.voice.embed(-1e305, 30.0))
