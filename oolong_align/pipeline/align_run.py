"""``oolong align``: words from another recogniser, speakers from a recording or from another diarizer."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from oolong_align.errors import UsageError
from oolong_align.pipeline.stages import label_words, lap
from oolong_align.plugin.entries import Config
from oolong_align.plugin.host import Host
from oolong_align.timing.timeline import Timeline
from oolong_align.types import Diarization, Transcript, Words

if TYPE_CHECKING:
    from oolong_align.audio.recording import Audio
    from oolong_align.interop import RecognisedTranscript
    from oolong_align.interop.turns import ForeignTurns

__all__ = ["AlignRun"]

# Recognisers end their last segment slightly after the end of the recording.
_LATE_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignRun:
    """Results of other tools for one recording. The input of the run is the file of the words.

    Attributes
    ----------
    recognised : RecognisedTranscript
        Replaces the result of a transcriber.
    audio : Path or None
        The recording; optional if there are turns.
    turns : ForeignTurns or None
        Replace the result of a diarizer.
    """

    recognised: RecognisedTranscript
    audio: Path | None = None
    turns: ForeignTurns | None = None
    checks_outputs_first: bool = True

    def __call__(
        self, host: Host, config: Config, source: Any, seconds: dict[str, float]
    ) -> tuple[Transcript, tuple[str, ...]]:
        """Return the transcript and warnings.

        Raises
        ------
        UsageError
            If there are neither turns nor a recording.
        """
        from oolong_align.audio.recording import load_audio

        with lap(seconds, "audio", config):
            audio = None if self.audio is None else load_audio(self.audio, progress=config.progress)
        try:
            with lap(seconds, "diarize", config):
                diarization = self._diarize(host, config, audio)
            words = self.recognised.words(Timeline((each.start, each.end) for each in diarization.speech))
            if audio is None:
                diarization = _extend_to_words(diarization, words)
            stem = Path(source).stem if audio is None else audio.stem
            names = None if self.turns is None else self.turns.names
            transcript = label_words(host, config, words, diarization, source=stem, names=names, seconds=seconds)
            if audio is None:
                return transcript, diarization.warnings
            late = _warn_of_late_words(words, audio.duration)
            return transcript, (*audio.warnings, *diarization.warnings, *late)
        finally:
            if audio is not None:
                audio.close()

    def recording(self, source: Path) -> Path | None:
        """Return the recording, if it is given."""
        return self.audio

    def _diarize(self, host: Host, config: Config, audio: Audio | None) -> Diarization:
        if self.turns is not None:
            return self.turns.diarization(None if audio is None else audio.duration)
        if audio is None:
            raise UsageError("No recording and no turns given. Give one of them")
        return host.diarize(audio, config)


def _warn_of_late_words(words: Words, duration: float) -> tuple[str, ...]:
    late = sum(word.start > duration + _LATE_S for word in words.words)
    if not late:
        return ()
    return (
        f"{late} of {len(words.words)} words start after the end of the recording at {duration:.1f} s. Check that the "
        "transcript belongs to this recording",
    )


def _extend_to_words(diarization: Diarization, words: Words) -> Diarization:
    """Extend a recording of unknown length to its last word, so that the last turn does not cut any word."""
    from oolong_align.alignment.word_times import sanitise_times

    speech = Timeline((each.start, each.end) for each in diarization.speech)
    _, ends = sanitise_times(words.words, limit=math.inf, speech=speech)
    return replace(diarization, duration=max([diarization.duration, *ends.tolist()]))
