"""Answers about voices on behalf of the plugin that gave them: what they raise is its own, their types are checked."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Final

from oolong_align.plugin.contract import check_embedding, check_scores
from oolong_align.types import Diarization, FloatArray, VoiceEvidence

__all__ = ["GuardedVoice", "guard_voice"]

_CORE: Final = "oolong_align."


class GuardedVoice:
    """`oolong_align.types.VoiceEvidence` around another one; copies and pickles are of that one.

    Parameters
    ----------
    voice : VoiceEvidence
    guard : callable
        Makes the context in which errors become the owner's.
    """

    def __init__(self, voice: VoiceEvidence, guard: Callable[[], AbstractContextManager[None]]) -> None:
        self._voice = voice
        self._guard = guard

    def __reduce__(self) -> tuple[Any, ...]:
        return _itself, (self._voice,)

    def embed(self, start: float, end: float) -> FloatArray:
        """Embedding of a span in seconds."""
        with self._guard():
            return check_embedding(self._voice.embed(start, end), "what voice.embed gives")

    def scores(self, start: float, end: float) -> dict[int, float]:
        """Cosine of a span's embedding to each speaker's mean embedding."""
        with self._guard():
            return check_scores(self._voice.scores(start, end))


def guard_voice(diarization: Diarization, guard: Callable[[], AbstractContextManager[None]]) -> Diarization:
    """Put a guard around a plugin's voice; those of the core need none."""
    voice = diarization.voice
    if voice is None or type(voice).__module__.startswith(_CORE):
        return diarization
    return replace(diarization, voice=GuardedVoice(voice, guard))


def _itself(voice: VoiceEvidence) -> VoiceEvidence:
    return voice
