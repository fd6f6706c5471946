"""Loads a Whisper model onto a device; every failure of the engine becomes one clear line.

What can be said of a choice without weights is checked here too; importing this module loads no engine.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

from oolong_align.errors import ModelError, ModelNotFoundError, UsageError, warn
from oolong_align.text.languages import LANGUAGES, language_code

__all__ = [
    "SIZES",
    "check_choice",
    "check_process",
    "default_threads",
    "fetch_whisper",
    "load_whisper",
]

Model = TypeVar("Model")

# Small matrix products gain nothing from more.
MAX_THREADS: Final = 8
DEVICES: Final = ("auto", "cpu", "cuda")
# The fastest that keeps the words, best first; the weights themselves come in float16.
PREFERRED: Final = {"cpu": ("int8", "float32"), "cuda": ("float16", "int8", "float32")}
# The engine has these lists as well, but asking it would load it.
SIZES: Final = (
    *("tiny.en", "tiny", "base.en", "base", "small.en", "small", "medium.en", "medium", "large-v1", "large-v2"),
    *("large-v3", "large", "distil-large-v2", "distil-medium.en", "distil-small.en", "distil-large-v3"),
    *("distil-large-v3.5", "large-v3-turbo", "turbo"),
)
_SOME_LANGUAGES: Final = "en, de, es, fr, ja, zh"

_process: int | None = None
"""The process that loaded the first model; those that are forked from it inherit this."""


def check_choice(
    source: Path | str, *, language: str | None, task: str, device: str, compute_type: str, known: Collection[str] = ()
) -> None:
    """Refuse what no model could do, before any is fetched or loaded.

    Parameters
    ----------
    source : Path or str
        Folder of a model, or a name; one that ends in ``.en`` knows English only.
    language : str or None
        As for `language_code`.
    task : {"transcribe", "translate"}
    device, compute_type : str
        As for `load_whisper`. The engine is imported only where one of them is not the default.
    known : collection of str
        Names besides those that faster-whisper knows.

    Raises
    ------
    UsageError
        If the name, the language, the device or the compute type is unknown, or they do not fit together.
    """
    if language and language_code(language) not in LANGUAGES:
        raise UsageError(
            f"--language {language}: unknown to Whisper; use a code such as {_SOME_LANGUAGES}, or leave it out to have "
            "the language detected"
        )
    if isinstance(source, str):
        if source.startswith("."):
            raise ModelNotFoundError(
                f"--model {source}: there is no such folder; give one that holds model.bin, or a name"
            )
        if "/" not in source and source not in {*known, *SIZES}:
            names = ", ".join(dict.fromkeys([*known, *SIZES]))
            raise UsageError(
                f"--model {source}: there is no such Whisper model; use a folder that holds model.bin, "
                f"a name on the hub (OWNER/NAME), or {names}"
            )
        if source.endswith(".en"):
            _check_english_only(source, language, task)
    if device == "cuda" or compute_type not in ("default", "auto"):
        chosen = _devices(device)[0]
        _check_compute_type(chosen, compute_type)


def _check_english_only(name: str, language: str | None, task: str) -> None:
    other = name.removesuffix(".en")
    if language and language_code(language) != "en":
        raise UsageError(f"--language {language}: the model {name} knows English only; use one such as {other}")
    if task == "translate":
        raise UsageError(f"--task translate: the model {name} knows English only; use one such as {other}")


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
    devices = _devices(device)
    folder = source if isinstance(source, Path) else fetch_whisper(source)
    if not (folder / "tokenizer.json").is_file():  # faster-whisper would look for it on the hub
        raise ModelError(f"{folder}: there is no tokenizer.json beside the model; convert or fetch it again")
    return first_working(devices, lambda chosen: _load(folder, chosen, compute_type, threads))


def check_process() -> None:
    """Refuse to load or run a model where the engine would wait for threads that a fork has not copied.

    Raises
    ------
    UsageError
        If this process was forked from one that had loaded a model.
    """
    if _process not in (None, os.getpid()):
        raise UsageError(
            "Whisper cannot run in a process that was forked after another one loaded it: start processes with the "
            'method "spawn" (multiprocessing.get_context("spawn")), or use threads'
        )


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
            warn(f"{error}; Whisper runs on {devices[-1]} instead")
    return load(devices[-1])


def _devices(device: str) -> list[str]:
    """Devices to try, in order."""
    import ctranslate2

    has_cuda = ctranslate2.get_cuda_device_count() > 0
    if device == "cuda" and not has_cuda:
        raise UsageError("device cuda: CTranslate2 finds no CUDA device; use --device cpu")
    return (["cuda"] if has_cuda else []) + ["cpu"] if device == "auto" else [device]


def _check_compute_type(device: str, compute_type: str) -> frozenset[str]:
    """Types that work on a device; the one that was chosen must be among them."""
    import ctranslate2

    supported = frozenset(ctranslate2.get_supported_compute_types(device))
    if compute_type not in {"default", "auto", *supported}:
        known = ", ".join(["default", "auto", *sorted(supported)])
        raise UsageError(f"compute_type {compute_type!r} does not work on this {device}: use one of {known}")
    return supported


def _load(folder: Path, device: str, compute_type: str, threads: int | None) -> Any:
    global _process  # noqa: PLW0603  what a fork leaves behind is a matter of the whole process
    import numpy as np
    from faster_whisper import WhisperModel

    supported = _check_compute_type(device, compute_type)
    if compute_type == "default":
        compute_type = next(name for name in PREFERRED[device] if name in supported)
    check_process()
    _process = os.getpid()
    try:
        model = WhisperModel(
            str(folder),
            device=device,
            compute_type=compute_type,
            cpu_threads=min(threads or default_threads(), os.cpu_count() or 1),
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


@cache
def fetch_whisper(name: str) -> Path:
    """Folder of a model on the Hugging Face hub, fetched if needed; the hub is asked once in a process.

    Raises
    ------
    ModelNotFoundError
        If the hub does not have the name or cannot be reached, or what it has is not for CTranslate2.
    """
    from faster_whisper import available_models, download_model

    if "/" not in name and name not in available_models():
        known = ", ".join(available_models())
        raise ModelNotFoundError(f"there is no Whisper model {name!r}: use a folder, a name on the hub, or {known}")
    try:
        folder = Path(download_model(name))
    except Exception as error:  # whatever HTTP library the hub's client uses
        no_folder = "there is no such folder, and " if "/" in name else ""
        raise ModelNotFoundError(
            f"Whisper {name}: {no_folder}the Hugging Face hub does not give it: {first_line(error).rstrip('.')}; check "
            f"the name and the connection; or run 'oolong models fetch {name}' on a machine that has one, copy the "
            "folder that it prints (with cp -L, because it holds links) and give it with --model FOLDER"
        ) from error
    if not (folder / "model.bin").is_file():
        raise ModelNotFoundError(
            f"Whisper {name}: there is no model.bin on the Hugging Face hub; take one that was converted for "
            "CTranslate2, such as Systran/faster-whisper-small"
        )
    return folder
