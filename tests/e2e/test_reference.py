"""pyannote.audio with the weights of this project; needs an environment with the extra ``reference``.

``OOLONG_SEGMENTATION_CHECKPOINT`` is the path of pyannote's segmentation-3.0 (``pytorch_model.bin``).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

CLIP = "test_short.wav"

pytestmark = pytest.mark.data


def has_pyannote() -> bool:
    try:
        return find_spec("pyannote.audio") is not None
    except ModuleNotFoundError:
        return False


@pytest.fixture(scope="module")
def checkpoint() -> Path:
    if not has_pyannote():
        pytest.skip("pyannote.audio is not installed: pip install '.[reference]'")
    named = os.environ.get("OOLONG_SEGMENTATION_CHECKPOINT")
    if not named:
        pytest.skip("OOLONG_SEGMENTATION_CHECKPOINT is not set to a checkpoint of segmentation-3.0")
    return Path(named)


def run(repository: Path, script: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    plugin = repository / "plugins" / "oolong-align-metrics" / "src"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(repository), str(plugin)])}
    command = [sys.executable, repository / "models" / script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_pyannote_audio_matches_its_stored_arrays_with_the_projects_weights(
    repository: Path, data_dir: Path, checkpoint: Path, tmp_path: Path
) -> None:
    """The stored arrays come from pyannote.audio with the same segmentation network."""
    clip = data_dir / "parity" / CLIP
    done = run(
        repository,
        "reference.py",
        clip,
        *("--segmentation", checkpoint),
        *("--plda", data_dir / "plda"),
        *("-o", tmp_path),
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("largest difference to") == 2
    summary = json.loads(done.stdout)
    assert (summary["speakers"], summary["duration"]) == (1, pytest.approx(3, abs=1))
    with np.load(tmp_path / "test_short.npz", allow_pickle=False) as arrays:
        for name, stored in (("segmentation", "segmentation"), ("speaker_count", "speaker_counting")):
            np.testing.assert_array_equal(arrays[name], np.load(data_dir / "parity" / f"short_{stored}_data.npy"))
        assert arrays["embeddings"].shape == (1, 3, 256)
        assert arrays["hard_clusters"].shape == (1, 3)
    assert (tmp_path / "test_short.rttm").read_text().startswith("SPEAKER test_short 1 ")
    assert (tmp_path / "test_short.exclusive.rttm").is_file()


def test_a_table_compares_both(repository: Path, data_dir: Path, checkpoint: Path, tmp_path: Path) -> None:
    done = run(
        repository,
        "compare.py",
        data_dir / "parity" / CLIP,
        *("--reference_python", sys.executable),
        *("--segmentation", checkpoint),
        *("--plda", data_dir / "plda"),
        *("-o", tmp_path),
    )
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| test_short (0:0")]
    assert len(rows) == 2
    assert " 1 = 1 | 0.00% |" in rows[0]


def test_a_checkpoint_that_contains_code_is_rejected(
    repository: Path, data_dir: Path, checkpoint: Path, tmp_path: Path
) -> None:
    import torch

    class Hostile:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "touched"),)

    torch.save({"state_dict": Hostile()}, tmp_path / "model.bin")
    done = run(
        repository,
        "reference.py",
        data_dir / "parity" / CLIP,
        *("--segmentation", tmp_path / "model.bin"),
        *("--plda", data_dir / "plda"),
        *("-o", tmp_path / "out"),
    )
    assert done.returncode == 1
    assert "is not a checkpoint of pyannote's segmentation-3.0" in done.stderr.splitlines()[-1]
    assert "weights_only" not in done.stderr  # no advice to load it unsafely
    assert not (tmp_path / "touched").exists()
