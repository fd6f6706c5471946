"""A diarizer with the call of WhisperX' ``DiarizationPipeline``, for scripts that are written around it."""

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
    """Takes the place of ``whisperx.diarize.DiarizationPipeline``; no token, no torch.

    Parameters
    ----------
    model_name : str or path, or Diarizer, optional
        Bundle as in `Diarizer.from_pretrained`, the default one if not given; or a diarizer that is there already. The
        name of a pipeline of pyannote (``pyannote/...``) also gives the default bundle, with an `OolongWarning`.
    token : object
        Not used: no model here needs one. Where a download does, it is taken from ``HF_TOKEN``.
    device : str or torch.device
        ``cuda``, with or without a number, prefers the graphics card; everything else is the CPU. Not used with a
        diarizer.
    cache_dir : object
        Not used: the models are not those of WhisperX, and have their own place (``OOLONG_MODELS`` comes first).
    use_auth_token : object
        Older name of ``token``.
    diarizer : Diarizer, optional
        Used instead of ``model_name``.

    Raises
    ------
    ModelError
        If there is no such bundle.

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
        """Say who speaks when.

        Parameters
        ----------
        audio : path or ndarray
            A media file, or ``float32`` mono samples at 16 kHz as ``whisperx.load_audio`` gives them.
        num_speakers, min_speakers, max_speakers : int, optional
            Exact number of speakers, or bounds.
        return_embeddings : bool
            Whether the speakers' voices are wanted as well.
        progress_callback : callable, optional
            Told the percentage that is done, from 0 to 100, never falling.

        Returns
        -------
        pandas.DataFrame, or (pandas.DataFrame, dict of str to list of float)
            As `oolong_align.types.Diarization.to_whisperx` gives it, and the mean embedding by speaker.

        Raises
        ------
        InputError
            If the audio cannot be used.
        UsageError
            If the numbers of speakers contradict each other.
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
        warn(f"{bundle} is a pipeline for torch: the default models are taken instead")
        bundle = None
    providers = ("cuda",) if str(device).startswith("cuda") else ()
    return Diarizer.from_pretrained(bundle, options=DiarizerOptions(providers=providers))


def _percent(callback: Callable[[float], None]) -> Callable[[str, float, float], None]:
    """Percentages of two stages, half of it each; the rest takes no time that could be told."""
    begins = {"segmentation": 0.0, "embedding": 50.0}
    told = 0.0

    def report(stage: str, done: float, total: float) -> None:
        nonlocal told
        percent = begins.get(stage, 50.0) + (50.0 * min(done / total, 1.0) if stage in begins and total else 0.0)
        if told < percent < 100:
            told = percent
            callback(percent)

    return report
