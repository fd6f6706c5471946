from __future__ import annotations

from pathlib import Path

import pytest

from oolong_align.errors import ModelError, ModelNotFoundError, OolongWarning, UsageError
from oolong_align.transcription.whisper_model import (
    default_threads,
    fetch_whisper,
    first_line,
    first_working,
    load_whisper,
)


def load(source: Path | str, *, device: str = "cpu", compute_type: str = "default", threads: int | None = 1) -> object:
    return load_whisper(source, device=device, compute_type=compute_type, threads=threads)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tokenizer.json").write_text("{}")
    return tmp_path


def test_invalid_options(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"Unknown device 'gpu'\. Available: auto, cpu, cuda"):
        load(folder, device="gpu")
    with pytest.raises(
        UsageError, match=r"Unsupported compute_type 'foo' on this cpu. Available: default, auto, .*int8"
    ):
        load(folder, compute_type="foo")
    with pytest.raises(UsageError, match="Invalid threads 0: it must be at least 1"):
        load(folder, threads=0)


def test_without_a_cuda_device_whisper_runs_on_the_cpu(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: 0)
    monkeypatch.setattr("faster_whisper.WhisperModel", lambda *_, device, **__: device)
    with pytest.warns(OolongWarning, match="did not find a CUDA device, so Whisper runs on the CPU") as warned:
        assert load(folder, device="cuda") == "cpu"
    assert len(warned) == 1
    assert load(folder, device="auto") == "cpu"


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_with_a_broken_cuda_device_whisper_runs_on_the_cpu(
    folder: Path, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    def load_model(*_: object, device: str, **__: object) -> str:
        if device == "cuda":
            raise RuntimeError("libcublas.so.12 is not found")
        return device

    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: 1)
    monkeypatch.setattr("ctranslate2.get_supported_compute_types", lambda _: {"float16", "int8"})
    monkeypatch.setattr("faster_whisper.WhisperModel", load_model)
    with pytest.warns(OolongWarning, match=r"uses cpu instead: .*libcublas\.so\.12 is not found") as warned:
        assert load(folder, device=device) == "cpu"
    assert len(warned) == 1


def test_folders_without_a_model(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"Could not load Whisper from .* on cpu: .*model.bin.*\. Check the files"):
        load(folder)
    (folder / "model.bin").write_bytes(b"not a model" * 100)
    with pytest.raises(ModelError, match=r"Could not load Whisper from .* on cpu") as caught:
        load(folder)
    assert "\n" not in str(caught.value)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"^tokenizer\.json is missing"):
        load(folder)


def test_an_unknown_name() -> None:
    with pytest.raises(ModelNotFoundError, match=r"Unknown Whisper model 'enormous'\. Use a folder, .*large-v3"):
        load("enormous")


def test_the_hub_is_queried_once_and_must_have_a_model_for_this_engine(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queried: list[str] = []

    def download_model(name: str) -> str:
        queried.append(name)
        return str(folder)

    monkeypatch.setattr("faster_whisper.download_model", download_model)
    for _ in range(2):
        with pytest.raises(ModelNotFoundError, match=r"owner/torch has no model\.bin .* converted for CTranslate2"):
            fetch_whisper("owner/torch")
    (folder / "model.bin").touch()
    assert fetch_whisper("owner/good") == fetch_whisper("owner/good") == folder
    assert queried == ["owner/torch", "owner/torch", "owner/good"]


def test_another_device_is_used_as_a_fallback() -> None:
    def load_on(device: str) -> str:
        if device != "cpu":
            raise ModelError(f"{device} is broken")
        return device

    with pytest.warns(OolongWarning, match="Whisper does not run on cuda and uses cpu instead: cuda is broken"):
        assert first_working(["cuda", "cpu"], load_on) == "cpu"
    with pytest.raises(ModelError, match="cuda is broken"):
        first_working(["cuda"], load_on)


def test_threads_and_messages() -> None:
    assert 1 <= default_threads() <= 8
    assert first_line(RuntimeError("one\ntwo")) == "one"
    assert first_line(RuntimeError()) == "RuntimeError"
