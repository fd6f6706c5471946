"""Recordings -> transcripts and files, only through the host.

Left out on purpose: what each stage does (plugins, the core first of all) and how results are shown (``cli/``).
"""

from __future__ import annotations

import math
import os
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from oolong_align.errors import ModelError, PluginError, UsageError, warn
from oolong_align.plugin.entries import Config, Result
from oolong_align.plugin.host import Host
from oolong_align.speakers.urls import library_files
from oolong_align.timing.timeline import Timeline
from oolong_align.types import Diarization, Transcript, Words, speaker_label
from oolong_align.util.files import check_sources, check_targets, local_path, prepare_folder, write_files

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from oolong_align.audio.recording import Audio
    from oolong_align.interop import RecognisedTranscript
    from oolong_align.interop.turns import ForeignTurns

__all__ = ["Pipeline", "Recognition", "warn_of"]

# Recognisers close their last segment a little after the end.
_LATE_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """What other tools know of one recording already, for ``oolong align``.

    Attributes
    ----------
    heard : RecognisedTranscript
        Taken in place of what a transcriber would hear.
    audio : Path or None
        The recording; it may be missing where there are turns.
    turns : ForeignTurns or None
        Taken in place of what a diarizer would find.
    """

    heard: RecognisedTranscript
    audio: Path | None = None
    turns: ForeignTurns | None = None


class Pipeline:
    """Runs the stages that a configuration describes; models are loaded once and used for every recording.

    Parameters
    ----------
    host : Host
        Core and plugins.
    config : Config
        From :meth:`oolong_align.plugin.host.Host.resolve`.
    recognition : Recognition, optional
        For ``align``: the one source to run on is the file of words then, which names the outputs.

    Examples
    --------
    >>> host = oolong_align.api.hosting.load_host()  # doctest: +SKIP
    >>> pipeline = Pipeline(host, host.resolve("transcribe", {"model": "tiny.en", "srt": True}))  # doctest: +SKIP
    >>> pipeline.run_files(["monday.wav", "tuesday.wav"], "subtitles")  # doctest: +SKIP
    """

    def __init__(self, host: Host, config: Config, recognition: Recognition | None = None) -> None:
        self._host = host
        self._config = config
        self._recognition = recognition

    def __call__(self, source: str | os.PathLike[str] | npt.NDArray[np.float32] | Audio) -> Transcript:
        """Make the transcript of one recording; for ``diarize`` one without words.

        Raises
        ------
        AudioError
            If the recording cannot be decoded.
        PluginError
            If a plugin breaks.
        """
        transcript, warned = self._run(source, {})
        warn_of(warned, transcript)
        return transcript

    def run_files(
        self,
        sources: Sequence[str | os.PathLike[str]],
        output_dir: str | os.PathLike[str] | None = None,
        *,
        on_start: Callable[[Path], None] | None = None,
        on_result: Callable[[Result], None] | None = None,
    ) -> list[Result]:
        """Work on many files and write the configured formats; a file that fails does not stop the others.

        Parameters
        ----------
        sources : sequence of paths
            No two with one stem.
        output_dir : path, optional
            Where ``<stem><suffix>`` is written, created if needed; nothing is written without it.
        on_start, on_result : callable, optional
            Told when a file's turn begins and when it is done.

        Returns
        -------
        list of Result
            One for each file, in order, with the error where there was one.

        Raises
        ------
        UsageError
            If the inputs or the folder do not fit, before any work.
        ModelError, PluginError
            These stop the run, because they would strike every file.
        """
        paths = [Path(source) for source in sources]
        folder = None if output_dir is None else local_path(output_dir)
        check_sources(paths, [each.suffix for each in self._config.formats] if folder is not None else ())
        if folder is not None:
            prepare_folder(folder)
            if self._recognition is not None:
                check_targets(self._targets(paths[0], folder), self._inputs(paths[0]))

        def work(path: Path) -> Result:
            if on_start:
                on_start(path)
            return self._work(path, folder)

        results: list[Result] = []
        with self._config.executor.open(self._config) as executor:
            for result in executor.map(work, paths):
                results.append(result)
                if on_result:
                    on_result(result)
                _forget_locals(result.error)
        self._host.finish(results, self._config)
        return results

    def _work(self, path: Path, folder: Path | None) -> Result:
        config = self._config
        seconds: dict[str, float] = {}
        try:
            transcript, warned = self._run(path, seconds)
            with _lap(seconds, "write", config):
                # Everything is rendered before anything is written: a recording has all of its outputs or none.
                recording = path if self._recognition is None else self._recognition.audio
                targets = self._targets(path, folder or Path())
                texts = {
                    target: each.render_for(transcript, config, recording, target)
                    for target, each in zip(targets, config.formats, strict=True)
                }
                if folder is not None:
                    write_files(texts, inputs=self._inputs(path))
        except (ModelError, PluginError, UsageError):
            raise
        except Exception as error:  # whatever is wrong with one file, the others get their turn
            if isinstance(error.__cause__, KeyboardInterrupt):  # a native module was interrupted during its import
                raise
            return Result(source=path, error=error, seconds=seconds)
        return Result(
            source=path,
            transcript=_without_frames(transcript),
            outputs=tuple(texts) if folder is not None else (),
            texts=tuple(texts.values()) if folder is None else (),
            warnings=warned,
            seconds=seconds,
        )

    def _targets(self, path: Path, folder: Path) -> list[Path]:
        return [folder / f"{path.stem}{each.suffix}" for each in self._config.formats]

    def _inputs(self, path: Path) -> list[Path]:
        given = self._recognition
        audio = [] if given is None or given.audio is None else [given.audio]
        return [path, *audio, *library_files(self._config.options.get("speakers"))]

    def _run(self, source: Any, seconds: dict[str, float]) -> tuple[Transcript, tuple[str, ...]]:
        from oolong_align.audio.recording import load_audio

        config, given = self._config, self._recognition
        with _lap(seconds, "audio", config):
            if given is None:
                audio: Audio | None = load_audio(source, progress=config.progress)
            else:
                audio = None if given.audio is None else load_audio(given.audio, progress=config.progress)
        try:
            with _lap(seconds, "diarize", config):
                if given is None and config.command == "transcribe":
                    config.prepare_transcriber()
                diarization = self._diarize(audio)
            words = Words("", ())
            if given is not None:
                words = given.heard.words(Timeline((each.start, each.end) for each in diarization.speech))
            elif config.command == "transcribe" and audio is not None:
                with _lap(seconds, "transcribe", config):
                    words = self._host.transcribe(audio, diarization.speech, config)
            if audio is None:
                diarization = _with_room(diarization, words)
            with _lap(seconds, "align", config):
                transcript = self._host.align(words, diarization, config)
            stem = Path(source).stem if audio is None else audio.stem
            transcript = _named(replace(transcript, source=transcript.source or stem), given)
            with _lap(seconds, "identify", config):
                transcript = self._host.identify(transcript, diarization, config)
            about = () if given is None or audio is None else _warn_of_late_words(words, audio.duration)
            return transcript, (*(audio.warnings if audio else ()), *diarization.warnings, *about)
        finally:
            if audio is not None and audio is not source:
                audio.close()

    def _diarize(self, audio: Audio | None) -> Diarization:
        turns = self._recognition.turns if self._recognition is not None else None
        if turns is not None:
            return turns.diarization(None if audio is None else audio.duration)
        if audio is None:
            raise UsageError("there are neither turns nor a recording to find them in; give one of them")
        return self._host.diarize(audio, self._config)


def warn_of(texts: Sequence[str], transcript: Transcript) -> None:
    """Warn of what is wrong with a recording; the diarizer has told what is its own."""
    told = () if transcript.diarization is None else transcript.diarization.warnings
    for text in texts:
        if text not in told:
            warn(text)


def _named(transcript: Transcript, given: Recognition | None) -> Transcript:
    """Give speakers the names that they have in the turns of another tool; its labels stay labels."""
    names = {} if given is None or given.turns is None else given.turns.names
    named = {
        label: replace(speaker, name=name)
        for number, name in names.items()
        if (label := speaker_label(number)) != name and (speaker := transcript.speakers.get(label)) is not None
    }
    return replace(transcript, speakers={**transcript.speakers, **named})


def _warn_of_late_words(words: Words, duration: float) -> tuple[str, ...]:
    late = sum(word.start > duration + _LATE_S for word in words.words)
    if not late:
        return ()
    return (
        f"{late} of {len(words.words)} words are after the end of the recording at {duration:.1f} s; check that it "
        "is the recording of this transcript",
    )


def _with_room(diarization: Diarization, words: Words) -> Diarization:
    """Let a recording of unknown length last until its last word, so that the last turn does not cut any."""
    from oolong_align.alignment.word_times import sanitise_times

    speech = Timeline((each.start, each.end) for each in diarization.speech)
    _, ends = sanitise_times(words.words, limit=math.inf, speech=speech)
    return replace(diarization, duration=max([diarization.duration, *ends.tolist()]))


@contextmanager
def _lap(seconds: dict[str, float], stage: str, config: Config) -> Iterator[None]:
    """Measure a stage; what it spent on building an engine counts as ``models``."""
    began, built = time.perf_counter(), config.build_seconds
    yield
    building = config.build_seconds - built
    seconds["models"] = seconds.get("models", 0.0) + building
    seconds[stage] = time.perf_counter() - began - building


def _forget_locals(error: BaseException | None) -> None:
    """Let go of the voice frames and all else that the functions held through which an error came."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def _without_frames(transcript: Transcript) -> Transcript:
    """Let go of the voice frames, so that the results of many long recordings fit into memory."""
    if transcript.diarization is None:
        return transcript
    diarization: Diarization = replace(transcript.diarization, voice=None)
    return replace(transcript, diarization=diarization)
