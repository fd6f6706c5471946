"""Recognises words with Whisper (faster-whisper on CTranslate2), in given speech ranges only.

Clips of at most 30 s are recognised in batches. A clip with repetitive text is recognised again in halves, and speech
without words is recognised a second time. The result is deterministic: beam search without temperature. Voice activity
detection happens elsewhere, and previous text is not used as a prompt.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np

from oolong_align.audio.recording import Audio
from oolong_align.errors import RecognitionError, UsageError
from oolong_align.text.languages import language_code
from oolong_align.timing.grid import SAMPLE_RATE
from oolong_align.transcription.clips import Clip, join_clips, plan_clips, quietest
from oolong_align.transcription.hypotheses import Hypothesis, left_out, make_hypothesis, to_words, without_overlap
from oolong_align.transcription.whisper_model import check_process, first_line, load_whisper
from oolong_align.types import Progress, SpeechRange, Word, Words

__all__ = ["WhisperTranscriber"]

TASKS: Final = ("transcribe", "translate")
MIN_HALF_S: Final = 3.0
# As in OpenAI's code, half of the decoder's 448 positions are for new text; four are for the tokens of the task.
MAX_NEW_TOKENS: Final = 224
MAX_PROMPT_TOKENS: Final = 220
MAX_DETECTION_CLIPS: Final = 16
# Required lead of the best language in mean probability, times the square root of the number of clips: two certain
# clips, or nine with a lead of one third. On shuffled clips of accented speech, 0.7 chose the wrong language in 1-3 %.
CLEAR_LEAD: Final = 1.0

# Without a handler, Python prints the library's warnings on stderr.
logging.getLogger("faster_whisper").addHandler(logging.NullHandler())


class WhisperTranscriber:
    """Recognises the speech of a recording. Create an instance with `from_pretrained`.

    Parameters
    ----------
    model : faster_whisper.WhisperModel
    batch_size : int
        Number of clips per batch, at least 1. Each clip takes about 80 MB with the model "base", more with larger
        models.
    """

    def __init__(self, model: Any, *, batch_size: int = 8) -> None:
        if batch_size < 1:
            raise UsageError(f"Invalid batch_size {batch_size}: it must be at least 1")
        self._model = model
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
        """Find, download if necessary, and load a model.

        Parameters
        ----------
        model : str
            Size ("base", "tiny.en", ...), name on the Hugging Face Hub, or folder with a CTranslate2 model.
        model_dir : path, optional
            Folder to search first, for ``whisper/NAME``.
        device : {"auto", "cpu", "cuda"}
            "auto" uses CUDA if it works, otherwise the CPU.
        compute_type : str
            A CTranslate2 type. "default" is int8 on a CPU, where it is fastest, and float16 on CUDA.
        threads : int, optional
            Number of CPU threads. Default: the number of cores available to this process, at most 8.
        batch_size : int
            Number of clips per batch.
        progress : callable, optional
            Called while files are downloaded.

        Raises
        ------
        UsageError
            If an option is unknown or not supported on this machine.
        ModelError
            If the model is not found or is broken.
        """
        from oolong_align.weights import find_whisper

        source = find_whisper(model, model_dir=model_dir, progress=progress)
        return cls(
            load_whisper(source, device=device, compute_type=compute_type, threads=threads), batch_size=batch_size
        )

    def __call__(
        self,
        audio: Audio,
        speech: Sequence[SpeechRange],
        *,
        language: str | None = None,
        task: str = "transcribe",
        initial_prompt: str | None = None,
        hotwords: str | None = None,
        progress: Progress | None = None,
    ) -> Words:
        """Recognise the words in speech ranges of a recording.

        Parameters
        ----------
        audio : Audio
        speech : sequence of SpeechRange
            Ranges to recognise, each with 0.2 s of padding. Everything else is ignored.
        language : str, optional
            Spoken language as Whisper's code ("en"). Default: detected once, from several parts of the recording.
        task : {"transcribe", "translate"}
            Keep the spoken language, or translate to English.
        initial_prompt, hotwords : str, optional
            Text that sets style and spelling, and expected words. Both are passed to the model with every clip.
        progress : callable, optional
            Called as ``progress("transcribing", done, total)`` in seconds of speech. The total can grow, because
            some speech is recognised twice.

        Returns
        -------
        Words
            Sorted, without overlap, each within a padded range. ``language`` is the spoken language, empty if there is
            no speech and no language was given.

        Raises
        ------
        UsageError
            If the model does not support the language or the task, or was loaded before this process was forked.
        RecognitionError
            If the engine fails on this recording, for example because memory is exhausted.
        """
        check_process()
        language = self._checked_language(language)
        self._check_task(task)
        self._check_prompts(initial_prompt, hotwords)
        clips = plan_clips(audio, speech)
        if not clips:
            return Words(language or "", ())
        meter = _Meter(progress)
        meter.expect(clips)
        options: dict[str, Any] = {
            "language": language or self._detect_language(audio, clips),
            "task": task,
            "initial_prompt": f" {initial_prompt.strip()}" if initial_prompt else None,
            "hotwords": hotwords or None,
        }
        words, missed = self._recognise_clips(audio, clips, options, meter)
        if missed:
            meter.expect(missed)
            words += self._recognise_clips(audio, missed, options, meter, again=True)[0]
        return Words(options["language"], without_overlap(words))

    def _recognise_clips(
        self, audio: Audio, clips: Sequence[Clip], options: dict[str, Any], meter: _Meter, *, again: bool = False
    ) -> tuple[list[Word], list[Clip]]:
        """Return the words of clips, and clips to recognise ``again``, with stricter acceptance the second time."""
        # faster-whisper splits English words when it translates from some languages.
        joined = options["task"] == "translate"
        words: list[Word] = []
        missed: list[Clip] = []
        halves: list[Clip] = []
        for at in range(0, len(clips), self._batch_size):
            batch = clips[at : at + self._batch_size]
            for clip, hypothesis in zip(batch, self._recognise_batch(audio, batch, options), strict=True):
                if hypothesis.is_repetitive:
                    halves += _halves(audio, clip) if hypothesis.is_speech else []
                elif not hypothesis.is_silence and (not again or (hypothesis.is_likely and hypothesis.is_speech)):
                    words += to_words(clip, hypothesis.tokens, joined=joined)
                    missed += left_out(clip, hypothesis.tokens)
                meter.advance(clip)
        return words, [*join_clips(missed), *halves]

    def _recognise_batch(self, audio: Audio, clips: Sequence[Clip], options: dict[str, Any]) -> list[Hypothesis]:
        """Recognise clips in one batch."""
        from faster_whisper import BatchedInferencePipeline

        # Each clip starts at a whole second, so that rounding does not shift times.
        seconds = [-(-clip.num_samples // SAMPLE_RATE) for clip in clips]
        firsts = [sum(seconds[:index]) for index in range(len(clips))]
        samples = np.zeros(sum(seconds) * SAMPLE_RATE, dtype=np.float32)
        for first, clip in zip(firsts, clips, strict=True):
            samples[first * SAMPLE_RATE :][: clip.num_samples] = clip.read(audio)
        with _translated_errors():
            # A pipeline keeps the end of the last speech, which must not leak into another thread or recording.
            segments, _ = BatchedInferencePipeline(self._model).transcribe(
                samples,
                clip_timestamps=[
                    {"start": first, "end": first + (clip.num_samples + 0.5) / SAMPLE_RATE}
                    for first, clip in zip(firsts, clips, strict=True)
                ],
                batch_size=len(clips),
                word_timestamps=True,
                without_timestamps=False,  # without timestamps, base omits whole sentences
                max_new_tokens=MAX_NEW_TOKENS,
                **options,
            )
            of_clip: dict[int, list[Any]] = {first: [] for first in firsts}
            for segment in segments:
                of_clip[segment.seek // 100].append(segment)  # start of the clip in frames of 10 ms
        return [make_hypothesis(of_clip[first], first) for first in firsts]

    def _detect_language(self, audio: Audio, clips: Sequence[Clip]) -> str:
        """Detect the language by its mean probability over clips from all parts of the recording.

        Single clips of speech with a foreign accent are often assigned to another language, so clips are added until
        the result is clear.
        """
        if not self._model.model.is_multilingual:
            return "en"
        votes: dict[str, float] = {}
        seconds = 0.0
        for number, clip in enumerate(_spread(clips, MAX_DETECTION_CLIPS), start=1):
            samples = clip.read(audio)
            with _translated_errors():
                _, _, probabilities = self._model.detect_language(audio=samples)
            for code, probability in probabilities:
                votes[code] = votes.get(code, 0.0) + probability * clip.duration
            seconds += clip.duration
            first, second = sorted([*votes.values(), 0.0], reverse=True)[:2]
            if number > 1 and (first - second) / seconds >= CLEAR_LEAD / np.sqrt(number):
                break
        return max(votes, key=lambda code: votes[code])

    def _checked_language(self, language: str | None) -> str | None:
        if not language:
            return None
        code = language_code(language)
        if not self._model.model.is_multilingual and code != "en":
            raise UsageError(
                f"Invalid language {language!r}: this model is English-only. Use a model without '.en', such as base."
            )
        known = self._model.supported_languages
        if code not in known or (len(known) > 1 and self._model.hf_tokenizer.token_to_id(f"<|{code}|>") is None):
            raise UsageError(f"Unsupported language {language!r}. Available for this model: {', '.join(sorted(known))}")
        return code

    def _check_task(self, task: str) -> None:
        if task not in TASKS:
            raise UsageError(f"Unknown task {task!r}. Available: {', '.join(TASKS)}")
        if task == "translate" and not self._model.model.is_multilingual:
            raise UsageError(
                "Invalid task 'translate': this model is English-only. Use a model without '.en', such as base."
            )

    def _check_prompts(self, *prompts: str | None) -> None:
        """Reject prompts that would be truncated or leave no room for the text."""
        encode = self._model.hf_tokenizer.encode
        length = sum(len(encode(f" {prompt.strip()}", add_special_tokens=False).ids) for prompt in prompts if prompt)
        if length > MAX_PROMPT_TOKENS:
            raise UsageError(
                f"initial_prompt and hotwords have {length} tokens together, but Whisper accepts {MAX_PROMPT_TOKENS}. "
                "Shorten them."
            )


class _Meter:
    """Reports the seconds of speech that are done."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._done = 0.0
        self._total = 0.0

    def expect(self, clips: Iterable[Clip]) -> None:
        self._total += sum(clip.duration for clip in clips)
        self._report()

    def advance(self, clip: Clip) -> None:
        self._done += clip.duration
        self._report()

    def _report(self) -> None:
        if self._progress:
            self._progress("transcribing", min(self._done, self._total), self._total)


@contextlib.contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # the engine can raise anything, and other recordings may still succeed
        raise RecognitionError(
            f"Whisper failed: {first_line(error)}. Try a smaller batch_size or --device cpu."
        ) from error


def _spread(clips: Sequence[Clip], limit: int) -> list[Clip]:
    """Select clips from all parts of a recording, in an order in which the first few are far apart."""
    places = sorted({round(at) for at in np.linspace(0, len(clips) - 1, limit)})
    order = sorted(range(len(places)), key=lambda index: f"{index:08b}"[::-1])
    return [clips[places[index]] for index in order]


def _halves(audio: Audio, clip: Clip) -> list[Clip]:
    """Cut a clip at its quietest moment near the middle; return an empty list if it is too short."""
    if clip.duration < 2 * MIN_HALF_S:
        return []
    length = clip.num_samples
    middle = quietest(clip.read(audio), length // 3, length - length // 3)
    return [clip.cut(0, middle), clip.cut(middle, length)]
