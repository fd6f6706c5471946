"""Many files through the stages: errors per file, output files, warnings."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from oolong_align.errors import ModelError, PluginError, UsageError, warn
from oolong_align.pipeline.stages import RecordingRun, Run, lap
from oolong_align.plugin.entries import Config, Result
from oolong_align.plugin.host import Host
from oolong_align.speakers.urls import library_files
from oolong_align.types import Diarization, Transcript
from oolong_align.util.files import check_sources, check_targets, local_path, prepare_folder, write_files

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from oolong_align.audio.recording import Audio

__all__ = ["Pipeline", "warn_of"]


class Pipeline:
    """Runs the stages of a configuration. Models are loaded once and used for all recordings.

    Parameters
    ----------
    host : Host
        The built-in plugin and the others.
    config : Config
        From :meth:`oolong_align.plugin.host.Host.resolve`.
    run : Run
        What to do with one input. By default, an input is a recording; see
        :class:`~oolong_align.pipeline.align_run.AlignRun` for results of other tools.

    Examples
    --------
    >>> host = oolong_align.api.hosting.load_host()  # doctest: +SKIP
    >>> pipeline = Pipeline(host, host.resolve("transcribe", {"model": "tiny.en", "srt": True}))  # doctest: +SKIP
    >>> pipeline.run_files(["monday.wav", "tuesday.wav"], "subtitles")  # doctest: +SKIP
    """

    def __init__(self, host: Host, config: Config, run: Run | None = None) -> None:
        self._host = host
        self._config = config
        self._run: Run = RecordingRun() if run is None else run

    def __call__(self, source: str | os.PathLike[str] | npt.NDArray[np.float32] | Audio) -> Transcript:
        """Return the transcript of one recording; for ``diarize``, one without words.

        Raises
        ------
        AudioError
            If the recording cannot be decoded.
        PluginError
            If a plugin fails.
        """
        transcript, warnings = self._run(self._host, self._config, source, {})
        warn_of(warnings, transcript)
        return transcript

    def run_files(
        self,
        sources: Sequence[str | os.PathLike[str]],
        output_dir: str | os.PathLike[str] | None = None,
        *,
        on_start: Callable[[Path], None] | None = None,
        on_result: Callable[[Result], None] | None = None,
    ) -> list[Result]:
        """Process files and write the configured formats. A file that fails does not stop the others.

        Parameters
        ----------
        sources : sequence of paths
            Each stem may occur once.
        output_dir : path, optional
            Folder for ``<stem><suffix>``, created if needed. Without it, nothing is written.
        on_start, on_result : callable, optional
            Called when the work on a file starts and when it is finished.

        Returns
        -------
        list of Result
            One for each file, in order; with the error if the file failed.

        Raises
        ------
        UsageError
            If the inputs or the folder are invalid, before any work.
        ModelError, PluginError
            These stop the run, because every file would fail.
        """
        paths = [Path(source) for source in sources]
        folder = None if output_dir is None else local_path(output_dir)
        check_sources(paths, [each.suffix for each in self._config.formats] if folder is not None else ())
        if folder is not None:
            prepare_folder(folder)
            for path in paths if self._run.checks_outputs_first else ():
                check_targets(self._targets(path, folder), self._inputs(path))

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
                _clear_frames(result.error)
        self._host.finish(results, self._config)
        return results

    def _work(self, path: Path, folder: Path | None) -> Result:
        config = self._config
        seconds: dict[str, float] = {}
        try:
            transcript, warnings = self._run(self._host, config, path, seconds)
            with lap(seconds, "write", config):
                # All outputs are rendered before the first is written: a recording has all of them or none.
                recording = self._run.recording(path)
                targets = self._targets(path, folder or Path())
                texts = {
                    target: each.render_for(transcript, config, recording, target)
                    for target, each in zip(targets, config.formats, strict=True)
                }
                if folder is not None:
                    write_files(texts, inputs=self._inputs(path))
        except (ModelError, PluginError, UsageError):
            raise
        except Exception as error:  # an error of one file must not stop the others
            if isinstance(error.__cause__, KeyboardInterrupt):  # a native module was interrupted during its import
                raise
            return Result(source=path, error=error, seconds=seconds)
        return Result(
            source=path,
            transcript=_without_evidence(transcript),
            outputs=tuple(texts) if folder is not None else (),
            texts=tuple(texts.values()) if folder is None else (),
            warnings=warnings,
            seconds=seconds,
        )

    def _targets(self, path: Path, folder: Path) -> list[Path]:
        return [folder / f"{path.stem}{each.suffix}" for each in self._config.formats]

    def _inputs(self, path: Path) -> list[Path]:
        recording = self._run.recording(path)
        others = [] if recording is None or recording == path else [recording]
        return [path, *others, *library_files(self._config.options.get("speakers"))]


def warn_of(texts: Sequence[str], transcript: Transcript) -> None:
    """Issue the warnings of a recording, except those that the diarizer has already issued."""
    issued = () if transcript.diarization is None else transcript.diarization.warnings
    for text in texts:
        if text not in issued:
            warn(text)


def _clear_frames(error: BaseException | None) -> None:
    """Free the local variables of the functions that an error passed, such as large arrays."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def _without_evidence(transcript: Transcript) -> Transcript:
    """Drop the speaker evidence, so that the results of many long recordings fit into memory."""
    if transcript.diarization is None:
        return transcript
    diarization: Diarization = replace(transcript.diarization, voice=None)
    return replace(transcript, diarization=diarization)
