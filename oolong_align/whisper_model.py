"""Loads a Whisper model onto a device; every failure of the engine becomes one clear line."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from oolong_align.errors import ModelError, ModelNotFoundError, OolongWarning, UsageError

__all__ = ["default_threads", "load_whisper"]

Model = TypeVar("Model")

# Small matrix products gain nothing from more.
MAX_THREADS: Final = 8
DEVICES: Final = ("auto", "cpu", "cuda")
# The fastest that keeps the words, best first; the weights themselves come in float16.
PREFERRED: Final = {"cpu": ("int8", "float32"), "cuda": ("float16", "int8", "float32")}


def load_whisper(source: Path | str, *, device: str, compute_type: str, threads: int | None) -> Any:
    """Load a model.

    Parameters
    ----------
    source : Path or str
        Folder of a CTranslate2 model, or a name that faster-whisper fetches from the Hugging Face hub.
    device : {"auto", "cpu", "cuda"}
        "auto" takes CUDA if it works, otherwise the CPU.
    compute_type : str
        A type of CTranslate2 [1]_; "default" is int8 on a CPU and float16 on CUDA.
    threads : int or None
        Threads on the CPU; ``None`` for as many as there are cores for this process, up to 8.

    Returns
    -------
    faster_whisper.WhisperModel

    Raises
    ------
    UsageError
        If the device or the compute type is unknown or does not work here.
    ModelNotFoundError
        If the hub does not have the name or cannot be reached.
    ModelError
        If the files are incomplete or broken.

    References
    ----------
    .. [1] https://opennmt.net/CTranslate2/quantization.html
    """
    if device not in DEVICES:
        raise UsageError(f"device {device!r} is unknown: use one of {', '.join(DEVICES)}")
    if threads is not None and threads < 1:
        raise UsageError(f"threads must be at least 1, not {threads}")
    import ctranslate2

    has_cuda = ctranslate2.get_cuda_device_count() > 0
    if device == "cuda" and not has_cuda:
        raise UsageError("device cuda: CTranslate2 finds no CUDA device; use --device cpu")
    folder = source if isinstance(source, Path) else _fetch(source)
    if not (folder / "tokenizer.json").is_file():  # faster-whisper would look for it on the hub
        raise ModelError(f"{folder}: there is no tokenizer.json beside the model; convert or fetch it again")
    devices = (["cuda"] if has_cuda else []) + ["cpu"] if device == "auto" else [device]
    return first_working(devices, lambda chosen: _load(folder, chosen, compute_type, threads))


def default_threads() -> int:
    """Cores that this process may use, at most 8."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MAX_THREADS)


def first_working(devices: Sequence[str], load: Callable[[str], Model]) -> Model:
    """Result of ``load`` for the first device that it works for; says so if another one was meant."""
    for device in devices[:-1]:
        try:
            return load(device)
        except ModelError as error:
            warnings.warn(f"{error}; Whisper runs on {devices[-1]} instead", OolongWarning, stacklevel=2)
    return load(devices[-1])


def _load(folder: Path, device: str, compute_type: str, threads: int | None) -> Any:
    import ctranslate2
    import numpy as np
    from faster_whisper import WhisperModel

    supported = ctranslate2.get_supported_compute_types(device)
    if compute_type == "default":
        compute_type = next(name for name in PREFERRED[device] if name in supported)
    elif compute_type not in {"auto", *supported}:
        known = ", ".join(["default", "auto", *sorted(supported)])
        raise UsageError(f"compute_type {compute_type!r} does not work on this {device}: use one of {known}")
    try:
        model = WhisperModel(
            str(folder),
            device=device,
            compute_type=compute_type,
            cpu_threads=threads or default_threads(),
            local_files_only=True,
        )
        if device == "cuda":  # libraries that are missing show only now
            model.encode(np.zeros((model.model.n_mels, 3000), dtype=np.float32))
    except Exception as error:  # tokenizers raises bare Exception, CTranslate2 RuntimeError
        raise ModelError(
            f"{folder}: Whisper cannot be loaded on {device}: {first_line(error)}; check the files, or fetch them again"
        ) from error
    return model


def first_line(error: Exception) -> str:
    """First line of an engine's message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _fetch(name: str) -> Path:
    from faster_whisper import available_models, download_model

    if "/" not in name and name not in available_models():
        known = ", ".join(available_models())
        raise ModelNotFoundError(f"there is no Whisper model {name!r}: use a folder, a name on the hub, or {known}")
    try:
        return Path(download_model(name))
    except Exception as error:  # whatever HTTP library the hub's client uses
        raise ModelNotFoundError(
            f"Whisper {name}: the Hugging Face hub does not give it: {first_line(error)}; check the name and the "
            "connection, or give a folder"
        ) from error
