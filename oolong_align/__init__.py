"""Transcription with speakers on an ordinary computer, offline, without PyTorch.

Names are imported on first use, so that importing the package loads no inference engine.
"""

from __future__ import annotations

import os
from importlib import import_module

TYPE_CHECKING = False  # importing typing would delay the moment from which Ctrl-C is handled
if TYPE_CHECKING:
    from typing import Any, Final

    from oolong_align.api.align import align as align
    from oolong_align.api.stores import open_store as open_store
    from oolong_align.api.transcribe import transcribe as transcribe
    from oolong_align.api.voice_library import VoiceLibrary as VoiceLibrary
    from oolong_align.api.whisperx import DiarizationPipeline as DiarizationPipeline
    from oolong_align.diarization.diarizer import Diarizer as Diarizer
    from oolong_align.diarization.vad import VoiceActivityDetector as VoiceActivityDetector
    from oolong_align.errors import OolongError as OolongError
    from oolong_align.errors import OolongWarning as OolongWarning
    from oolong_align.hookspecs import hookimpl as hookimpl
    from oolong_align.options import DiarizerOptions as DiarizerOptions
    from oolong_align.types import Diarization as Diarization
    from oolong_align.types import DiarizeSegment as DiarizeSegment
    from oolong_align.types import DiarizeTiming as DiarizeTiming
    from oolong_align.types import SpeakerSegment as SpeakerSegment
    from oolong_align.types import SpeechRange as SpeechRange
    from oolong_align.types import Transcript as Transcript
    from oolong_align.types import Utterance as Utterance
    from oolong_align.types import VoiceRange as VoiceRange
    from oolong_align.types import Word as Word
    from oolong_align.types import Words as Words

# ONNX Runtime 1.32 for Linux reports each run to Microsoft. huggingface_hub reports the installed packages and the tool
# that started the program to the hub. Both read these variables when they are imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

_HOMES: Final = {
    "align": "api.align",
    "Diarizer": "diarization.diarizer",
    "OolongError": "errors",
    "OolongWarning": "errors",
    "hookimpl": "hookspecs",
    "DiarizationPipeline": "api.whisperx",
    "DiarizerOptions": "options",
    "transcribe": "api.transcribe",
    "open_store": "api.stores",
    "Diarization": "types",
    "DiarizeSegment": "types",
    "DiarizeTiming": "types",
    "SpeakerSegment": "types",
    "Transcript": "types",
    "Utterance": "types",
    "SpeechRange": "types",
    "VoiceRange": "types",
    "Word": "types",
    "Words": "types",
    "VoiceActivityDetector": "diarization.vad",
    "VoiceLibrary": "api.voice_library",
    "__version__": "version",
}

__all__ = sorted(_HOMES.keys() - {"__version__"})  # noqa: PLE0605 -- one list for the lazy import and the star import


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
