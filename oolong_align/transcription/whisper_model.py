"""Loads a Whisper model onto a device and converts errors of the engine to one-line messages.

Options that can be checked without weights are checked here too. Importing this module does not load the engine.
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

# More threads do not speed up small matrix products.
MAX_THREADS: Final = 8
DEVICES: Final = ("auto", "cpu", "cuda")
# Fastest types that do not change the words, best first. The weights are stored in float16.
PREFERRED: Final = {"cpu": ("int8", "float32"), "cuda": ("float16", "int8", "float32")}
# The engine has the same list, but querying it would load it.
SIZES: Final = (
    *("tiny.en", "tiny", "base.en", "base", "small.en", "small", "medium.en", "medium", "large-v1", "large-v2"),
    *("large-v3", "large", "distil-large-v2", "distil-medium.en", "distil-small.en", "distil-large-v3"),
    *("distil-large-v3.5", "large-v3-turbo", "turbo"),
)
_SOME_LANGUAGES: Final = "en, de, es, fr, ja, zh"

_process: int | None = None
"""Id of the process that loaded the first model. Forked processes inherit this value."""


def check_choice(
    source: Path | str, *, language: str | None, task: str, device: str, compute_type: str, known: Collection[str] = ()
) -> None:
    """Reject invalid choices before a model is downloaded or loaded.

    Parameters
    ----------
    source : Path or str
        Folder of a model, or a name. A model with a name that ends in ``.en`` is English-only.
    language : str or None
        As for `language_code`.
    task : {"transcribe", "translate"}
    device, compute_type : str
        As for `load_whisper`. The engine is only imported if one of them differs from the default.
    known : collection of str
        Names in addition to those of faster-whisper.

    Raises
    ------
    UsageError
        If the name, the language, the device or the compute type is unknown, or the options contradict each other.
    """
    if language and language_code(language) not in LANGUAGES:
        raise UsageError(
            f"Unknown --language {language}. Use a code such as {_SOME_LANGUAGES}, or omit the option to detect the "
            "language."
        )
    if isinstance(source, str):
        if source.startswith("."):
            raise ModelNotFoundError(
                f"Folder not found: --model {source}. Use a folder that contains model.bin, or a model name."
            )
        if "/" not in source and source not in {*known, *SIZES}:
            names = ", ".join(dict.fromkeys([*known, *SIZES]))
            raise UsageError(
                f"Unknown --model {source}. Use a folder that contains model.bin, a name on the Hugging Face Hub "
                f"(OWNER/NAME), or one of {names}"
            )
        if source.endswith(".en"):
            _check_english_only(source, language, task)
    if device == "cuda" or compute_type not in ("default", "auto"):
        chosen = _devices(device)[0]
        _check_compute_type(chosen, compute_type)


def _check_english_only(name: str, language: str | None, task: str) -> None:
    other = name.removesuffix(".en")
    if language and language_code(language) != "en":
        raise UsageError(
            f"--language {language} does not work with the English-only model {name}. Use a model such as {other}."
        )
    if task == "translate":
        raise UsageError(
            f"--task translate does not work with the English-only model {name}. Use a model such as {other}."
        )


def load_whisper(source: Path | str, *, device: str, compute_type: str, threads: int | None) -> Any:
    """Load a model.

    Parameters
    ----------
    source : Path or str
        Folder of a CTranslate2 model, or a name that faster-whisper downloads from the Hugging Face Hub.
    device : {"auto", "cpu", "cuda"}
        "auto" and "cuda" use CUDA if it works, otherwise the CPU; "cuda" warns if there is no CUDA device.
    compute_type : str
        A CTranslate2 type [1]_. "default" is int8 on a CPU and float16 on CUDA.
    threads : int or None
        Number of CPU threads. ``None`` is the number of cores available to this process, at most 8.

    Returns
    -------
    faster_whisper.WhisperModel

    Raises
    ------
    UsageError
        If the device or the compute type is unknown or not supported on this machine.
    ModelNotFoundError
        If the Hub does not have the model or cannot be reached.
    ModelError
        If the files are incomplete or broken.

    References
    ----------
    .. [1] https://opennmt.net/CTranslate2/quantization.html
    """
    if device not in DEVICES:
        raise UsageError(f"Unknown device {device!r}. Available: {', '.join(DEVICES)}")
    if threads is not None and threads < 1:
        raise UsageError(f"Invalid threads {threads}: it must be at least 1")
    devices = _devices(device)
    if device not in ("auto", devices[0]):
        warn("CTranslate2 did not find a CUDA device, so Whisper runs on the CPU. Check the driver with nvidia-smi.")
    folder = source if isinstance(source, Path) else fetch_whisper(source)
    if not (folder / "tokenizer.json").is_file():  # faster-whisper would search the Hub for it
        raise ModelError(
            f"tokenizer.json is missing in the model folder {folder}. Convert or download the model again."
        )
    return first_working(devices, lambda chosen: _load(folder, chosen, compute_type, threads))


def check_process() -> None:
    """Raise an error in a forked process, where the engine would wait for threads that a fork does not copy.

    Raises
    ------
    UsageError
        If this process was forked from a process that had loaded a model.
    """
    if _process not in (None, os.getpid()):
        raise UsageError(
            "Whisper cannot run in a process that was forked after its parent loaded a model. Start processes with "
            'multiprocessing.get_context("spawn"), or use threads.'
        )


def default_threads() -> int:
    """Return the number of cores available to this process, at most 8."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MAX_THREADS)


def first_working(devices: Sequence[str], load: Callable[[str], Model]) -> Model:
    """Return ``load(device)`` for the first device that works. Warn about each device that fails."""
    for device in devices[:-1]:
        try:
            return load(device)
        except ModelError as error:
            warn(f"Whisper does not run on {device} and uses {devices[-1]} instead: {error}")
    return load(devices[-1])


def _devices(device: str) -> list[str]:
    """Return the devices to try, in order; the CPU is always the last."""
    import ctranslate2

    return ["cuda", "cpu"] if device != "cpu" and ctranslate2.get_cuda_device_count() > 0 else ["cpu"]


def _check_compute_type(device: str, compute_type: str) -> frozenset[str]:
    """Return the compute types that a device supports, after checking the given one."""
    import ctranslate2

    supported = frozenset(ctranslate2.get_supported_compute_types(device))
    if compute_type not in {"default", "auto", *supported}:
        known = ", ".join(["default", "auto", *sorted(supported)])
        raise UsageError(f"Unsupported compute_type {compute_type!r} on this {device}. Available: {known}")
    return supported


def _load(folder: Path, device: str, compute_type: str, threads: int | None) -> Any:
    global _process  # noqa: PLW0603  the state that a fork inherits belongs to the whole process
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
        if device == "cuda":  # missing libraries only show now
            model.encode(np.zeros((model.model.n_mels, 3000), dtype=np.float32))
    except Exception as error:  # tokenizers raises Exception, CTranslate2 RuntimeError
        raise ModelError(
            f"Could not load Whisper from {folder} on {device}: {first_line(error)}. "
            "Check the files, or download them again."
        ) from error
    return model


def first_line(error: Exception) -> str:
    """Return the first line of an error's message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


@cache
def fetch_whisper(name: str) -> Path:
    """Return the folder of a model from the Hugging Face Hub, downloading it if needed. Cached for the process.

    Raises
    ------
    ModelNotFoundError
        If the Hub does not have the model or cannot be reached, or the model is not for CTranslate2.
    """
    from faster_whisper import available_models, download_model

    if "/" not in name and name not in available_models():
        known = ", ".join(available_models())
        raise ModelNotFoundError(
            f"Unknown Whisper model {name!r}. Use a folder, a name on the Hugging Face Hub, or one of {known}"
        )
    try:
        folder = Path(download_model(name))
    except Exception as error:  # depends on the HTTP library of the Hub's client
        no_folder = "It is not a folder. " if "/" in name else ""
        raise ModelNotFoundError(
            f"Could not download Whisper {name} from the Hugging Face Hub: {first_line(error).rstrip('.')}. {no_folder}"
            f"Check the name and the connection. Without a connection, run 'oolong models fetch {name}' on another "
            "machine, copy the folder that it prints with cp -L (it contains links), and use --model FOLDER."
        ) from error
    if not (folder / "model.bin").is_file():
        raise ModelNotFoundError(
            f"Whisper {name} has no model.bin on the Hugging Face Hub. Use a model that was converted for CTranslate2, "
            "such as Systran/faster-whisper-small."
        )
    return folder
