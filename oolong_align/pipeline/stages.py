"""The stages of one recording: load, diarize, transcribe, align, identify."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from oolong_align.plugin.entries import Config
from oolong_align.plugin.host import Host
from oolong_align.types import Diarization, Transcript, Words, speaker_label

__all__ = ["RecordingRun", "Run", "label_words", "lap"]


class Run(Protocol):
    """What a command does with one input."""

    @property
    def checks_outputs_first(self) -> bool:
        """Whether unusable outputs are an error before any work, because there is only one input."""

    def __call__(
        self, host: Host, config: Config, source: Any, seconds: dict[str, float]
    ) -> tuple[Transcript, tuple[str, ...]]:
        """Return the transcript and warnings; add the wall time of each stage to `seconds`."""

    def recording(self, source: Path) -> Path | None:
        """Recording that belongs to the outputs, if it is available."""


@dataclass(frozen=True, slots=True)
class RecordingRun:
    """``oolong transcribe`` and ``oolong diarize``: the input is a recording."""

    checks_outputs_first: bool = False

    def __call__(
        self, host: Host, config: Config, source: Any, seconds: dict[str, float]
    ) -> tuple[Transcript, tuple[str, ...]]:
        """Return the transcript of one recording and warnings; for ``diarize``, a transcript without words."""
        from oolong_align.audio.recording import load_audio

        transcribes = config.command == "transcribe"
        with lap(seconds, "audio", config):
            audio = load_audio(source, progress=config.progress)
        try:
            with lap(seconds, "diarize", config):
                if transcribes:
                    config.prepare_transcriber()
                diarization = host.diarize(audio, config)
            words = Words("", ())
            if transcribes:
                with lap(seconds, "transcribe", config):
                    words = host.transcribe(audio, diarization.speech, config)
            transcript = label_words(host, config, words, diarization, source=audio.stem, seconds=seconds)
            return transcript, (*audio.warnings, *diarization.warnings)
        finally:
            if audio is not source:
                audio.close()

    def recording(self, source: Path) -> Path | None:
        """Return the input itself."""
        return source


def label_words(
    host: Host,
    config: Config,
    words: Words,
    diarization: Diarization,
    *,
    source: str,
    names: Mapping[int, str] | None = None,
    seconds: dict[str, float],
) -> Transcript:
    """Run the last two stages: align the words with the speakers, then identify the speakers.

    Parameters
    ----------
    source : str
        Name of the recording, for a transcript without one.
    names : mapping of int to str, optional
        Names by speaker id, from another tool.
    """
    with lap(seconds, "align", config):
        transcript = host.align(words, diarization, config)
    transcript = replace(transcript, source=transcript.source or source)
    speakers = dict(transcript.speakers)
    for number, name in (names or {}).items():
        label = speaker_label(number)
        if label in speakers and name != label:  # a label is not a name
            speakers[label] = replace(speakers[label], name=name)
    transcript = replace(transcript, speakers=speakers)
    with lap(seconds, "identify", config):
        return host.identify(transcript, diarization, config)


@contextmanager
def lap(seconds: dict[str, float], stage: str, config: Config) -> Iterator[None]:
    """Measure the wall time of a stage. Time for building engines counts as ``models``."""
    began, built = time.perf_counter(), config.build_seconds
    yield
    building = config.build_seconds - built
    seconds["models"] = seconds.get("models", 0.0) + building
    seconds[stage] = time.perf_counter() - began - building
