"""A drop-in replacement for WhisperX's ``DiarizationPipeline``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from oolong_align.diarization.diarizer import Diarizer
from oolong_align.errors import warn
from oolong_align.options import DiarizerOptions
from oolong_align.types import speaker_label

if TYPE_CHECKING:
    from collections.abc import Callable

    from pandas import DataFrame

__all__ = ["DiarizationPipeline"]


class DiarizationPipeline:
    """Replaces ``whisperx.diarize.DiarizationPipeline``, without a token and without torch.

    Parameters
    ----------
    model_name : str or path, or Diarizer, optional
        Bundle as in `Diarizer.from_pretrained`, or an existing diarizer. Default: the default bundle. The name of a
        pyannote.audio pipeline (``pyannote/...``) also selects the default bundle, with an `OolongWarning`.
    token : object
        Ignored. Downloads that need a token use ``HF_TOKEN``.
    device : str or torch.device
        ``cuda``, with or without an index, selects the GPU if available; any other value selects the CPU. Ignored for
        an existing diarizer.
    cache_dir : object
        Ignored. Models are searched in ``OOLONG_MODELS`` first, then in the cache of this package.
    use_auth_token : object
        Former name of ``token``.
    diarizer : Diarizer, optional
        Existing diarizer, used instead of ``model_name``.

    Raises
    ------
    ModelError
        If the bundle is not found.

    Examples
    --------
    >>> diarize = DiarizationPipeline(device="cpu")  # doctest: +SKIP
    >>> result = whisperx.assign_word_speakers(diarize("meeting.wav"), result)  # doctest: +SKIP
    """

    def __init__(
        self,
        model_name: str | os.PathLike[str] | Diarizer | None = None,
        token: object = None,
        device: object = "cpu",
        cache_dir: object = None,
        *,
        use_auth_token: object = None,
        diarizer: Diarizer | None = None,
    ) -> None:
        if diarizer is not None:
            self._diarizer = diarizer
        elif model_name is None or isinstance(model_name, str | os.PathLike):
            self._diarizer = _load(model_name, device)
        else:
            self._diarizer = model_name

    def __call__(
        self,
        audio: str | os.PathLike[str] | npt.NDArray[Any],
        num_speakers: int | None = None,
        min_speakers: int | None = None,
        max_speakers: int | None = None,
        return_embeddings: bool = False,
        progress_callback: Callable[[float], None] | None = None,
    ) -> DataFrame | tuple[DataFrame, dict[str, list[float]]]:
        """Diarize a recording.

        Parameters
        ----------
        audio : path or ndarray
            Media file, or ``float32`` mono samples at 16 kHz, as returned by ``whisperx.load_audio``.
        num_speakers, min_speakers, max_speakers : int, optional
            Exact number of speakers, or its bounds.
        return_embeddings : bool
            Whether to return the embeddings of the speakers as well.
        progress_callback : callable, optional
            Called with the percentage done, from 0 to 100. It never decreases.

        Returns
        -------
        pandas.DataFrame, or (pandas.DataFrame, dict of str to list of float)
            Result of `oolong_align.types.Diarization.to_whisperx`, and the mean embedding of each speaker.

        Raises
        ------
        InputError
            If the audio cannot be used.
        UsageError
            If the speaker counts contradict each other.
        OolongError
            If pandas is not installed.
        """
        result = self._diarizer(
            audio,
            num_speakers=num_speakers,
            min_speakers=min_speakers,
            max_speakers=max_speakers,
            progress=_percent(progress_callback) if progress_callback is not None else None,
        )
        if progress_callback is not None:
            progress_callback(100.0)
        frame = result.to_whisperx()
        if not return_embeddings:
            return frame
        return frame, {speaker_label(speaker): vector.tolist() for speaker, vector in result.embeddings.items()}


def _load(bundle: str | os.PathLike[str] | None, device: object) -> Diarizer:
    if isinstance(bundle, str) and bundle.startswith("pyannote/"):
        warn(f"{bundle} requires torch. The default models are used instead.")
        bundle = None
    providers = ("cuda",) if str(device).startswith("cuda") else ()
    return Diarizer.from_pretrained(bundle, options=DiarizerOptions(providers=providers))


def _percent(callback: Callable[[float], None]) -> Callable[[str, float, float], None]:
    """Convert progress to a percentage: half for each of the two slow stages. The other stages take little time."""
    begins = {"segmentation": 0.0, "embedding": 50.0}
    reported = 0.0

    def report(stage: str, done: float, total: float) -> None:
        nonlocal reported
        percent = begins.get(stage, 50.0) + (50.0 * min(done / total, 1.0) if stage in begins and total else 0.0)
        if reported < percent < 100:
            reported = percent
            callback(percent)

    return report
