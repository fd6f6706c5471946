from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from oolong_align.diarization.plda import Plda
from oolong_align.weights import find_bundle

SPEAKERS = ("0001", "0003", "0005", "0006")


@pytest.mark.data
def test_a_folder_of_audio_becomes_a_plda(repository: Path, data_dir: Path, tmp_path: Path) -> None:
    table = (data_dir / "plda" / "utterances" / "utt2spk").read_text().splitlines()
    rows = [line.split() for line in table if line.split()[1] in SPEAKERS]
    chosen = [row for speaker in SPEAKERS for row in rows if row[1] == speaker][::5]
    (tmp_path / "utt2spk").write_text("".join(f"{utterance} {speaker}\n" for utterance, speaker in chosen))
    for speaker in SPEAKERS:
        (tmp_path / speaker).symlink_to(data_dir / "plda" / "utterances" / speaker)
    embedding = find_bundle(parts=("embedding",)).files["embedding"]
    command = [sys.executable, repository / "models" / "train_plda.py", tmp_path, "--embedding", embedding]
    subprocess.run([*command, "--dim", "3", "--out", tmp_path / "vbx_model.npz"], check=True)

    plda = Plda.load(tmp_path / "vbx_model.npz")
    assert plda.lda.shape == (256, 3)
    with np.load(data_dir / "plda" / "train_embeddings.npz") as stored:
        known = stored["embedding"][np.isin(stored["utterance"], [utterance for utterance, _ in chosen])]
    mean = known.mean(axis=0)
    assert plda.mean1 @ mean > 0.95 * np.linalg.norm(mean) * np.linalg.norm(plda.mean1)
