"""The wheel contains only the package and works in an empty environment."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", target, repository]
    subprocess.run(build, check=True)
    (built,) = target.glob("*.whl")
    return built


def test_the_wheel_contains_only_the_package_and_its_data(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        sizes = {info.filename: info.file_size for info in archive.infolist()}
        metadata = f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"
        scripts = archive.read(f"{metadata}/entry_points.txt").decode()
    for command in ("oolong", "oolong-transcribe", "oolong-align"):  # `uvx oolong-align` runs the last one
        assert f"{command} = oolong_align.__main__:" in scripts
    assert {name.split("/")[0] for name in names} == {"oolong_align", metadata}
    for expected in (
        "py.typed",
        "models.toml",
        "data/plda_resnet34.npz",
        "data/plda_campplus.npz",
        "data/voice_plda_campplus.npz",
        "data/voice_calibration_campplus.json",
        "formats/html/page.html",
        "formats/html/app.js",
    ):
        assert f"oolong_align/{expected}" in names
    for licence in ("LICENSE", "NOTICE"):
        assert f"{metadata}/licenses/{licence}" in names
    assert sizes["oolong_align/data/plda_resnet34.npz"] < 250_000
    assert not [name for name in names if name.endswith((".onnx", ".bin", ".pyc"))]
    assert sum(sizes.values()) < 2_300_000


@pytest.mark.slow
def test_the_command_runs_from_the_wheel_in_an_empty_environment(wheel: Path, repository: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "empty", with_pip=True)
    scripts = tmp_path / "empty" / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run([scripts / "python", "-m", "pip", "install", "--quiet", wheel], check=True)
    environment = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run(
        [
            scripts / "oolong-transcribe",
            repository / "examples" / "meeting.flac",
            *("--model", "tiny.en", "--srt", "--output_dir", tmp_path / "out"),
        ],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "[SPEAKER_00]: " in (tmp_path / "out" / "meeting.srt").read_text()
    installed = subprocess.run([scripts / "python", "-m", "pip", "list"], capture_output=True, text=True, check=True)
    assert "torch" not in installed.stdout.split()
