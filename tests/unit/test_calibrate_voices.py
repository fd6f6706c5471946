from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from oolong_align.models.manifest import load_manifest
from oolong_align.speakers.scoring import VoiceScorer


@pytest.fixture(scope="module")
def scripts(repository: Path) -> tuple[ModuleType, ModuleType]:
    sys.path.insert(0, str(repository / "models"))
    try:
        import calibrate_voices
        import simulate_sessions
    finally:
        sys.path.remove(str(repository / "models"))
    return calibrate_voices, simulate_sessions


def test_the_stored_calibration_is_of_the_default_embedding(repository: Path) -> None:
    manifest = load_manifest()
    asset = manifest.assets[manifest.bundles[manifest.default_bundle].parts["embedding"]]
    stored = json.loads((repository / "oolong_align" / "data" / "voice_calibration.json").read_text())
    assert {file.sha256 for file in asset.files} == {stored["embedding"]}
    assert VoiceScorer.for_weights(stored["embedding"]).weights == tuple(stored["plda"])
    unknown = VoiceScorer.for_weights("0" * 64)
    assert unknown.plda is None
    assert unknown.weights == tuple(stored["cosine"])


@pytest.mark.parametrize(("name", "dimension"), [("", 256), ("_campplus", 192)])
def test_each_calibration_has_its_own_plda(repository: Path, name: str, dimension: int) -> None:
    stored = json.loads((repository / "oolong_align" / "data" / f"voice_calibration{name}.json").read_text())
    scorer = VoiceScorer.for_weights(stored["embedding"])
    assert scorer.plda is not None
    assert scorer.plda.dimension == dimension
    assert (scorer.session, scorer.second) == (stored["session"], stored["second"])


def test_weights_are_found_again(scripts: tuple[ModuleType, ModuleType]) -> None:
    """Two normal distributions of one variance have log-odds that are linear, with known weights."""
    random = np.random.default_rng(0)
    same = np.arange(40_000) % 2 == 0
    features = random.normal(np.where(same, 1.5, -0.5), 1.0)[:, None]
    weights, cost = scripts[0].fit(features, same)
    assert weights == pytest.approx([-1.0, 2.0], abs=0.05)
    assert 0 < cost < 1


def test_a_point_of_the_det_curve_by_hand(scripts: tuple[ModuleType, ModuleType]) -> None:
    nontarget = np.arange(100.0)  # 1 % is accepted above 98.01
    assert scripts[0].miss_rate(np.array([50.0, 98.5, 99.0, 120.0]), nontarget, 0.01) == 0.25


def test_a_simulated_recording_depends_on_its_seed_alone(scripts: tuple[ModuleType, ModuleType]) -> None:
    clean = np.random.default_rng(1).standard_normal(16000)
    first, again, other = (scripts[1].record(clean, np.random.default_rng(seed)) for seed in (2, 2, 3))
    assert first.tolist() == again.tolist() and first.tolist() != other.tolist()
    assert len(first) == len(clean) and np.abs(first).max() == pytest.approx(0.5)
