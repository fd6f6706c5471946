"""Speech to words with Whisper (faster-whisper on CTranslate2), only where somebody speaks.

Clips of at most 30 s are recognised in batches. What goes wrong in a batch is done again in smaller clips: text that
repeats itself, text that the model does not believe, and speech that it left out. Beam search alone, no sampling, so
that the result is always the same. There is no voice activity detection here, and no prompt from the text before.

References
----------
Radford et al., "Robust speech recognition via large-scale weak supervision", 2022, section 4.5 (thresholds).
"""

from __future__ import annotations

import logging
import os
import warnings
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from oolong_align.audio import Audio
from oolong_align.errors import ModelError, OolongWarning, UsageError
from oolong_align.frames import SAMPLE_RATE, samples_to_seconds, seconds_to_samples
from oolong_align.gating import Clip, join_clips, plan_clips, quietest
from oolong_align.models import find_whisper
from oolong_align.types import Progress, VoiceRange, Word, Words

MAX_COMPRESSION: Final = 2.4
MIN_LOG_PROBABILITY: Final = -1.0
NO_SPEECH: Final = 0.6
MIN_HOLE_S: Final = 1.5
MIN_HALF_S: Final = 3.0
ATTEMPTS: Final = 3
LANGUAGE_CLIPS: Final = 4
_UNITS_PER_SECOND: Final = 100  # of a segment's ``seek``
ENGLISH: Final = "en"


@dataclass(frozen=True, slots=True)
class _Heard:
    """What the model made of one clip; times of its words are seconds in the clip."""

    words: tuple[Any, ...]
    text: str
    log_probability: float
    no_speech: float

    @property
    def repeats(self) -> bool:
        data = self.text.encode()
        return bool(data) and len(data) / len(zlib.compress(data)) > MAX_COMPRESSION

    @property
    def doubtful(self) -> bool:
        return self.repeats or self.log_probability < MIN_LOG_PROBABILITY


class WhisperTranscriber:
    """Whisper, gated by speech ranges; load it once, use it for many recordings.

    Parameters
    ----------
    model : faster_whisper.WhisperModel
    batch_size : int
        Clips that are recognised together.
    """

    def __init__(self, model: Any, *, batch_size: int = 8) -> None:
        from faster_whisper import BatchedInferencePipeline

        self._model = model
        self._pipeline = BatchedInferencePipeline(model)
        self._batch_size = batch_size

    @classmethod
    def from_pretrained(
        cls,
        model: str = "base",
        *,
        model_dir: str | os.PathLike[str] | None = None,
        device: str = "auto",
        compute_type: str = "default",
        threads: int | None = None,
        batch_size: int = 8,
        progress: Progress | None = None,
    ) -> WhisperTranscriber:
        """Load a model, fetching what is missing.

        Parameters
        ----------
        model : str
            A name such as ``"base"``, or a folder with a CTranslate2 model.
        model_dir : path, optional
            Folder in which to look first, under ``whisper/NAME``.
        device : {"auto", "cpu", "cuda"}
        compute_type : str
            CTranslate2's name of the arithmetic. ``"default"`` is int8 on a CPU, where it is the fastest, and the
            model's own elsewhere.
        threads : int, optional
            Threads on a CPU; ``None`` takes one for each core.
        batch_size : int
            Clips that are recognised together.
        progress : callable, optional
            Told about downloads.

        Raises
        ------
        ModelError
            If the model is missing or broken.
        UsageError
            If the device or the arithmetic is not to be had here.
        """
        import ctranslate2
        from faster_whisper import WhisperModel

        source = find_whisper(model, model_dir=model_dir, progress=progress)
        if device == "auto":
            device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
        elif device == "cuda" and not ctranslate2.get_cuda_device_count():
            raise UsageError("device cuda: CTranslate2 finds no CUDA device here; use --device cpu")
        if compute_type == "default" and device == "cpu":
            compute_type = "int8"
        offered = ctranslate2.get_supported_compute_types(device) | {"default", "auto"}
        if compute_type not in offered:
            raise UsageError(f"compute_type {compute_type} does not run here; use one of {', '.join(sorted(offered))}")
        logging.getLogger("faster_whisper").setLevel(logging.ERROR)
        try:
            loaded = WhisperModel(
                str(source), device=device, compute_type=compute_type, cpu_threads=threads or os.cpu_count() or 0
            )
        except Exception as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ModelError(f"Whisper {model}: cannot be loaded from {source} ({reason})") from error
        return cls(loaded, batch_size=batch_size)

    def __call__(
        self,
        audio: Audio,
        speech: Sequence[VoiceRange],
        *,
        language: str | None = None,
        task: str = "transcribe",
        initial_prompt: str | None = None,
        hotwords: str | None = None,
        progress: Progress | None = None,
    ) -> Words:
        """Recognise what is said in the speech ranges.

        Parameters
        ----------
        audio : Audio
        speech : sequence of VoiceRange
            Nothing is recognised outside, but for 0.2 s of padding.
        language : str, optional
            Code such as ``"en"``; detected on up to four clips if not given.
        task : {"transcribe", "translate"}
        initial_prompt, hotwords : str, optional
            Text that sets style and spelling; words to expect.
        progress : callable, optional
            ``progress("transcribing", done, total)`` in seconds of speech.

        Returns
        -------
        Words
            In order of time. Memory: one batch of clips.

        Raises
        ------
        UsageError
            If the language is unknown.
        """
        clips = plan_clips(audio, speech)
        language = self._language(audio, clips, language)
        options = {"language": language, "task": task, "initial_prompt": initial_prompt, "hotwords": hotwords}
        total = sum(clip.duration for clip in clips)
        done = 0.0
        words: list[Word] = []
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            holes: list[Clip] = []
            halves: list[Clip] = []
            for first in range(0, len(clips), self._batch_size):
                batch = clips[first : first + self._batch_size]
                for clip, heard in zip(batch, self._recognise(audio, batch, options), strict=True):
                    final = last or clip.duration < 2 * MIN_HALF_S
                    if not heard.doubtful:
                        words += _to_words(clip, heard)
                        holes += _holes(clip, heard)
                    elif heard.no_speech <= NO_SPEECH and not final:
                        halves += _halves(audio, clip)
                    elif heard.no_speech <= NO_SPEECH and not heard.repeats:
                        words += _to_words(clip, heard)
                done = min(done + sum(clip.duration for clip in batch), total)
                if progress:
                    progress("transcribing", done, total)
            clips = join_clips(holes) + halves
        return Words(language, tuple(sorted(words, key=lambda word: (word.start, word.end))))

    def _language(self, audio: Audio, clips: Sequence[Clip], wanted: str | None) -> str:
        if not self._model.model.is_multilingual:
            if wanted not in {None, ENGLISH}:
                warnings.warn(
                    f"the model knows English only: language {wanted} is ignored", OolongWarning, stacklevel=3
                )
            return ENGLISH
        if wanted is not None:
            known = self._model.supported_languages
            if wanted not in known:
                raise UsageError(f"language {wanted!r} is unknown to the model; it knows {', '.join(sorted(known))}")
            return wanted
        if not clips:
            return ""
        chosen = np.unique(np.linspace(0, len(clips) - 1, LANGUAGE_CLIPS).round().astype(int))
        votes: dict[str, float] = {}
        for index in chosen:
            _, _, probabilities = self._model.detect_language(audio=clips[index].read(audio))
            for code, probability in probabilities:
                votes[code] = votes.get(code, 0.0) + probability * clips[index].duration
        return max(votes, key=lambda code: (votes[code], code))

    def _recognise(self, audio: Audio, batch: Sequence[Clip], options: dict[str, Any]) -> Iterator[_Heard]:
        """Recognise clips together; each starts at a whole second of one array, by which its segments are known."""
        seconds = [-(-clip.num_samples // SAMPLE_RATE) for clip in batch]
        starts = np.cumsum([0, *seconds[:-1]]).tolist()
        samples = np.zeros(sum(seconds) * SAMPLE_RATE, dtype=np.float32)
        for start, clip in zip(starts, batch, strict=True):
            samples[start * SAMPLE_RATE :][: clip.num_samples] = clip.read(audio)
        segments, _ = self._pipeline.transcribe(
            samples,
            clip_timestamps=[
                {"start": start, "end": start + samples_to_seconds(clip.num_samples)}
                for start, clip in zip(starts, batch, strict=True)
            ],
            batch_size=len(batch),
            word_timestamps=True,
            without_timestamps=False,
            **options,
        )
        by_clip: dict[int, list[Any]] = {start: [] for start in starts}
        for segment in segments:
            by_clip[segment.seek // _UNITS_PER_SECOND].append(segment)
        for start, found in by_clip.items():
            yield _Heard(
                words=tuple((word.start - start, word.end - start, word) for each in found for word in each.words),
                text="".join(each.text for each in found),
                log_probability=found[0].avg_logprob if found else 0.0,
                no_speech=found[0].no_speech_prob if found else 1.0,
            )


def _to_words(clip: Clip, heard: _Heard) -> list[Word]:
    starts, ends = clip.locate(
        np.array([start for start, _, _ in heard.words], dtype=np.float64),
        np.array([end for _, end, _ in heard.words], dtype=np.float64),
    )
    return [
        Word(
            float(start),
            float(end),
            word.word.strip(),
            float(word.probability),
            leading_space=word.word.startswith(" "),
        )
        for start, end, (_, _, word) in zip(starts, ends, heard.words, strict=True)
        if word.word.strip()
    ]


def _halves(audio: Audio, clip: Clip) -> list[Clip]:
    third = clip.num_samples // 3
    middle = quietest(clip.read(audio), third, clip.num_samples - third)
    return [clip.cut(0, middle), clip.cut(middle, clip.num_samples)]


def _holes(clip: Clip, heard: _Heard) -> Iterator[Clip]:
    """Yield the speech of a clip in which no word was found."""
    edges = [0.0, *(time for start, end, _ in heard.words for time in (start, end)), clip.duration]
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if end - start >= MIN_HOLE_S:
            hole = clip.cut(seconds_to_samples(start), seconds_to_samples(end))
            if hole.parts:
                yield hole
