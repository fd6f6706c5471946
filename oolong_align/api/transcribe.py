"""The whole pipeline as one function."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from oolong_align.api.hosting import load_host
from oolong_align.errors import OutputError, UsageError
from oolong_align.pipeline import Pipeline, warn_of
from oolong_align.types import Progress, Transcript

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from oolong_align.audio.recording import Audio

__all__ = ["transcribe"]


def transcribe(
    source: str | os.PathLike[str] | npt.NDArray[np.float32] | Audio,
    *,
    model: str = "base",
    speakers: str | None = None,
    formats: str | Sequence[str] = (),
    output_dir: str | os.PathLike[str] = ".",
    plugins: bool = True,
    progress: Progress | None = None,
    **options: Any,
) -> Transcript:
    """Transcribe one recording with speakers: the whole pipeline.

    Parameters
    ----------
    source : path, ndarray or Audio
        A media file, or ``float32`` mono samples at 16 kHz in [-1, 1].
    model : str
        Whisper model.
    speakers : str, optional
        Path or URL of the voice library.
    formats : str or sequence of str
        Output formats to write as ``<stem><suffix>``, such as ``"srt"``. They need the path of a file as the source.
    output_dir : path
        Folder for the outputs.
    plugins : bool
        Whether to use installed plugins.
    progress : callable, optional
        ``progress(stage, done, total)``.
    **options
        Other options of ``oolong transcribe``, by name with underscores.

    Returns
    -------
    Transcript
        Without utterances if the recording has no speech.

    Raises
    ------
    UsageError
        If options are unknown or contradict each other.
    InputError
        If the recording cannot be used.
    ModelError, OutputError, PluginError
        If a model is missing, a file cannot be written, or a plugin fails.

    Examples
    --------
    >>> transcript = transcribe("meeting.wav", num_speakers=3)  # doctest: +SKIP
    >>> for utterance in transcript.utterances:  # doctest: +SKIP
    ...     print(utterance.speaker, utterance.text)
    """
    host = load_host(plugins=plugins)
    given = {"model": model, "speakers": speakers, **options}
    wanted = [formats] if isinstance(formats, str) else formats
    config = host.resolve("transcribe", given, formats=wanted, progress=progress)
    pipeline = Pipeline(host, config)
    if not config.formats:
        return pipeline(source)
    if not isinstance(source, str | os.PathLike):
        raise UsageError(
            "Formats need the path of a recording, which names the outputs. Give a path, or render the result"
        )
    (result,) = pipeline.run_files([source], output_dir)
    if result.error is not None:
        raise result.error
    if result.transcript is None:
        raise OutputError(f"{source}: The executor returned no transcript")
    warn_of(result.warnings, result.transcript)
    return result.transcript
