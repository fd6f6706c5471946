"""Comparison with arrays and turns of pyannote.audio 4 (speaker-diarization-community-1)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scoring import Errors, read_rttm, score

from oolong_align import Diarizer, DiarizerOptions
from oolong_align.audio.recording import load_audio
from oolong_align.diarization.clustering import initial_clusters
from oolong_align.diarization.plda import Plda
from oolong_align.diarization.segmentation import Segmenter, decode_powerset, powerset_mapping
from oolong_align.diarization.vbx import vbx
from oolong_align.timing.grid import FRAME_STEP_SAMPLES
from oolong_align.weights import find_bundle

CLIPS = {
    "pipeline": "test.wav",
    "3speakers": "test_3speakers.wav",
    "short": "test_short.wav",
    "single_speaker": "test_single_speaker.wav",
}

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def parity(data_dir: Path) -> Path:
    return data_dir / "parity"


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter(find_bundle(parts=["segmentation"]).files["segmentation"])


@pytest.mark.parametrize("name", CLIPS)
def test_segmentation_and_speaker_count_are_equal_in_every_frame(name: str, parity: Path, segmenter: Segmenter) -> None:
    with load_audio(parity / CLIPS[name]) as audio:
        segmentation = segmenter(audio, step_samples=16_000)
    np.testing.assert_array_equal(segmentation.activity, np.load(parity / f"{name}_segmentation_data.npy"))
    expected = np.load(parity / f"{name}_speaker_counting_data.npy")[:, 0]
    expected[segmentation.num_samples // FRAME_STEP_SAMPLES :] = 0  # padding, which pyannote.audio crops at the end
    np.testing.assert_array_equal(segmentation.speaker_counts, expected)


def test_powerset_decoding_is_equal(parity: Path) -> None:
    decoded = decode_powerset(np.load(parity / "powerset_input_logits.npy"))
    np.testing.assert_array_equal(decoded, np.load(parity / "powerset_hard_output.npy"))


@pytest.mark.parametrize(("speakers", "together"), [(n, k) for n in (2, 3, 4) for k in range(1, n + 1)])
def test_powerset_mapping_is_equal(speakers: int, together: int, parity: Path) -> None:
    stored = parity / f"powerset_mapping_{speakers}_{together}.npy"
    np.testing.assert_array_equal(powerset_mapping(speakers, together), np.load(stored))


def test_plda_ahc_and_vbx_are_equal_within_1e_5(parity: Path, community_plda: Path) -> None:
    plda = Plda.load(community_plda)
    embeddings = np.load(parity / "pipeline_train_embeddings.npy").astype(np.float64)
    features = plda.transform(embeddings)
    np.testing.assert_allclose(features, np.load(parity / "pipeline_plda_features.npy"), atol=1e-5)
    np.testing.assert_allclose(plda.phi, np.load(parity / "pipeline_plda_phi.npy"), atol=1e-5)

    labels = initial_clusters(embeddings, threshold=0.6)
    np.testing.assert_array_equal(labels, np.load(parity / "pipeline_ahc_clusters.npy"))

    responsibilities, priors = vbx(features, plda.phi, labels, fa=0.07, fb=0.8, max_iterations=20)
    np.testing.assert_allclose(responsibilities, np.load(parity / "pipeline_vbx_gamma.npy"), atol=1e-5)
    np.testing.assert_allclose(priors, np.load(parity / "pipeline_vbx_pi.npy"), atol=1e-5)


def _errors(diarizer: Diarizer, parity: Path) -> dict[str, Errors]:
    return {
        name: score(parity / f"{name}_expected.rttm", diarizer(parity / clip).turns) for name, clip in CLIPS.items()
    }


def test_exact_embeddings_produce_the_turns_of_pyannote_audio(parity: Path, community_plda: Path) -> None:
    diarizer = Diarizer.from_pretrained(plda=community_plda, options=DiarizerOptions(exact=True, refine=False))
    for name, errors in _errors(diarizer, parity).items():
        assert errors.rate <= 0.005, name


def test_one_backbone_pass_and_our_own_plda_stay_within_one_percent(parity: Path) -> None:
    diarizer = Diarizer.from_pretrained(options=DiarizerOptions(refine=False))
    for name, errors in _errors(diarizer, parity).items():
        assert errors.rate <= 0.01, name


def test_turns_from_pieces_are_close_to_those_of_pyannote_audio(parity: Path) -> None:
    diarizer = Diarizer.from_pretrained()
    for name in CLIPS.keys() - {"short"}:
        expected, result = parity / f"{name}_expected.rttm", diarizer(parity / CLIPS[name])
        assert len(result.speaker_ids) == len({speaker for _, _, speaker in read_rttm(expected)}), name
        assert score(expected, result.turns).rate <= 0.05, name


def test_two_people_are_distinguished_in_three_seconds(parity: Path) -> None:
    """pyannote.audio finds one speaker in recordings shorter than a window; the two speakers have a cosine of 0.07."""
    first, second = Diarizer.from_pretrained()(parity / CLIPS["short"]).turns
    assert first.end < second.start
    assert first.speaker_id != second.speaker_id
