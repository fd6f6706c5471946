from __future__ import annotations

import json
import subprocess
import sys
import wave
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from oolong_align.errors import InputError
from oolong_align.speakers.scoring import VoiceScorer
from oolong_align.weights.manifest import load_manifest


@pytest.fixture(scope="module")
def scripts(repository: Path) -> tuple[ModuleType, ModuleType]:
    sys.path.insert(0, str(repository / "models"))
    try:
        import calibrate_voices
        import simulate_sessions
    finally:
        sys.path.remove(str(repository / "models"))
    return calibrate_voices, simulate_sessions


def test_the_stored_calibration_belongs_to_the_default_embedding(repository: Path) -> None:
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
    for embedding in (stored["embedding"], *stored.get("other_exports", ())):
        scorer = VoiceScorer.for_weights(embedding)
        assert scorer.plda is not None
        assert scorer.plda.dimension == dimension
        assert (scorer.session, scorer.second) == (stored["session"], stored["second"])


def test_fit_recovers_known_weights(scripts: tuple[ModuleType, ModuleType]) -> None:
    """The log-odds of two normal distributions with equal variance are linear, with known weights."""
    random = np.random.default_rng(0)
    same = np.arange(40_000) % 2 == 0
    features = random.normal(np.where(same, 1.5, -0.5), 1.0)[:, None]
    weights, cost = scripts[0].fit(features, same)
    assert weights == pytest.approx([-1.0, 2.0], abs=0.05)
    assert 0 < cost < 1


def test_a_point_of_the_det_curve_by_hand(scripts: tuple[ModuleType, ModuleType]) -> None:
    nontarget = np.arange(100.0)  # 1 % is accepted above 98.01
    assert scripts[0].miss_rate(np.array([50.0, 98.5, 99.0, 120.0]), nontarget, 0.01) == 0.25


def test_a_simulated_recording_depends_only_on_its_seed(scripts: tuple[ModuleType, ModuleType]) -> None:
    clean = np.random.default_rng(1).standard_normal(16000)
    first, again, other = (scripts[1].record(clean, np.random.default_rng(seed)) for seed in (2, 2, 3))
    assert first.tolist() == again.tolist() and first.tolist() != other.tolist()
    assert len(first) == len(clean) and np.abs(first).max() == pytest.approx(0.5)


def simulated(speakers: int = 20) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Arrays of a sessions file and of a clean file: two utterances of 1 s per speaker."""
    names = np.repeat([f"p{number}" for number in range(speakers)], 4)
    random = np.random.default_rng(0)
    sessions = {
        "embedding": random.standard_normal((4 * speakers, 3)),
        "speaker": names,
        "session": np.tile([0, 0, 1, 1], speakers),
        "seconds": np.ones(4 * speakers),
        "whole": np.tile([True, False], 2 * speakers),
    }
    clean = {name: sessions[name][::2] for name in ("embedding", "speaker", "seconds")}
    return sessions, {**clean, "utterance": np.array([f"u{number}" for number in range(2 * speakers)])}


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda rows: {"embedding": rows["embedding"] * np.nan}, "non-finite"),
        (lambda rows: {"embedding": rows["embedding"] * 0}, "an embedding of zeros"),
        (lambda rows: {"embedding": rows["embedding"][:, 0]}, "embedding has the shape"),
        (lambda rows: {"seconds": rows["seconds"][:7]}, "seconds has the shape"),
        (lambda rows: {"seconds": rows["seconds"].astype(str)}, "Expected real numbers"),
        (lambda rows: {"whole": rows["whole"].astype(float)}, "Array whole has the type float64"),
        (
            lambda rows: {"session": rows["session"] * 5},
            "Speaker p0 needs seconds and whole utterances in both sessions",
        ),
        (
            lambda rows: {name: values[:40] for name, values in rows.items()},
            "Speaker p1. needs seconds and whole utterances in both sessions",
        ),
        (
            lambda rows: {name: values[:0] for name, values in rows.items()},
            "Speaker p0 needs seconds and whole utterances in both sessions",
        ),
    ],
)
def test_invalid_sessions_are_refused(scripts, tmp_path, spoil, problem) -> None:
    sessions, clean = simulated()
    np.savez(tmp_path / "clean.npz", **clean)
    np.savez(tmp_path / "sessions.npz", **sessions)
    assert scripts[0].load_sessions([tmp_path / "sessions.npz"], tmp_path / "clean.npz").embedding.shape == (120, 3)
    np.savez(tmp_path / "sessions.npz", **{**sessions, **spoil(sessions)})
    with pytest.raises(InputError, match=problem):
        scripts[0].load_sessions([tmp_path / "sessions.npz"], tmp_path / "clean.npz")


@pytest.mark.parametrize(
    ("samples", "problem"),
    [
        ([16_000], "mary has one utterance"),
        ([16_000, 100], "b.wav: Shorter than 0.1 s"),
        ([16_000, -16_000], "All utterances of a session of mary are silent"),
    ],
)
def test_unusable_utterances_are_reported_in_one_line(
    repository: Path, tmp_path: Path, samples: list[int], problem: str
) -> None:
    (tmp_path / "mary").mkdir()
    table = []
    for name, count in zip("abc", samples, strict=False):
        voice = np.random.default_rng(0).integers(-9000, 9000, abs(count), dtype=np.int16) * (count > 0)
        with wave.open(str(tmp_path / "mary" / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            file.writeframes(voice.astype("<i2").tobytes())
        table.append(f"{name} mary\n")
    (tmp_path / "utt2spk").write_text("".join(table))
    command = [sys.executable, repository / "models" / "simulate_sessions.py", tmp_path, tmp_path / "sessions.npz"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and problem in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert not (tmp_path / "sessions.npz").exists()
