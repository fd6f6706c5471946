"""Speech to words with Whisper (faster-whisper on CTranslate2), only where somebody speaks.

Clips of at most 30 s are recognised in batches. Text that repeats itself is done again in halves, and speech that the
model left out is heard once more. Deterministic: beam search without temperature. There is no voice activity
detection here, and no prompt made of the text before.
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
from oolong_align.transcription.hypotheses import Hypothesis, left_out, sum_up, to_words, without_overlap
from oolong_align.transcription.whisper_model import check_process, first_line, load_whisper
from oolong_align.types import Progress, SpeechRange, Word, Words

__all__ = ["WhisperTranscriber"]

TASKS: Final = ("transcribe", "translate")
MIN_HALF_S: Final = 3.0
# As in OpenAI's code half of the decoder's 448 positions are for new text; four are for the task's own tokens.
MAX_NEW_TOKENS: Final = 224
MAX_PROMPT_TOKENS: Final = 220
MAX_DETECTION_CLIPS: Final = 16
# A language's lead over the next in mean probability, times the root of the clips heard: two clips that are sure, or
# nine with a lead of a third. In shuffled clips of accented speech a lead of 0.7 picked the wrong language in 1-3 %.
CLEAR_LEAD: Final = 1.0

# Without a handler Python prints the library's warnings on stderr.
logging.getLogger("faster_whisper").addHandler(logging.NullHandler())


class WhisperTranscriber:
    """Recognises the speech of a recording; make one with `from_pretrained`.

    Parameters
    ----------
    model : faster_whisper.WhisperModel
    batch_size : int
        Clips at a time, at least 1; each takes about 80 MB with the model "base", more with larger ones.
    """

    def __init__(self, model: Any, *, batch_size: int = 8) -> None:
        if batch_size < 1:
            raise UsageError(f"batch_size must be at least 1, not {batch_size}")
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
        """Find, fetch and load a model.

        Parameters
        ----------
        model : str
            A size ("base", "tiny.en", ...), a name on the Hugging Face hub, or a folder with a CTranslate2 model.
        model_dir : path, optional
            Folder in which ``whisper/NAME`` is looked for first.
        device : {"auto", "cpu", "cuda"}
            "auto" takes CUDA if it works, otherwise the CPU.
        compute_type : str
            A type of CTranslate2; "default" is int8 on a CPU, which is fastest, and float16 on CUDA.
        threads : int, optional
            Threads on the CPU; as many as there are cores for this process, up to 8.
        batch_size : int
            Clips at a time.
        progress : callable, optional
            Told about files that are fetched.

        Raises
        ------
        UsageError
            If an option is unknown or does not work here.
        ModelError
            If the model is not found or broken.
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
        """Recognise the words in some ranges of a recording.

        Parameters
        ----------
        audio : Audio
        speech : sequence of SpeechRange
            Where somebody speaks; nothing else is heard, apart from 0.2 s around each range.
        language : str, optional
            Spoken language as Whisper's code ("en"); detected once over several parts of the recording if not given.
        task : {"transcribe", "translate"}
            Keep the language, or translate to English.
        initial_prompt, hotwords : str, optional
            Text that sets style and spelling; words to expect. Given to the model with every clip.
        progress : callable, optional
            Called as ``progress("transcribing", done, total)`` in seconds of speech; the total may grow, because
            some speech is heard twice.

        Returns
        -------
        Words
            In order and never overlapping, each inside a padded range; ``language`` is the spoken one, empty if there
            is no speech and none was given.

        Raises
        ------
        UsageError
            If the model does not know the language or the task, or was loaded before this process was forked.
        RecognitionError
            If the engine fails on this recording, for instance for want of memory.
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
        words, missed = self._hear(audio, clips, options, meter)
        if missed:
            meter.expect(missed)
            words += self._hear(audio, missed, options, meter, again=True)[0]
        return Words(options["language"], without_overlap(words))

    def _hear(
        self, audio: Audio, clips: Sequence[Clip], options: dict[str, Any], meter: _Meter, *, again: bool = False
    ) -> tuple[list[Word], list[Clip]]:
        """Words of some clips, and what should be heard again; what is heard ``again`` is believed less easily."""
        joined = options["task"] == "translate"  # faster-whisper splits the English words of some languages' speech
        words: list[Word] = []
        missed: list[Clip] = []
        halves: list[Clip] = []
        for at in range(0, len(clips), self._batch_size):
            batch = clips[at : at + self._batch_size]
            for clip, heard in zip(batch, self._recognise(audio, batch, options), strict=True):
                if heard.repeats_itself:
                    halves += _halves(audio, clip) if heard.is_speech else []
                elif not heard.is_silence and (not again or (heard.is_believed and heard.is_speech)):
                    words += to_words(clip, heard.tokens, joined=joined)
                    missed += left_out(clip, heard.tokens)
                meter.advance(clip)
        return words, [*join_clips(missed), *halves]

    def _recognise(self, audio: Audio, clips: Sequence[Clip], options: dict[str, Any]) -> list[Hypothesis]:
        """Hear some clips in one batch."""
        from faster_whisper import BatchedInferencePipeline

        # Each starts at a whole second, so that no rounding moves a time.
        seconds = [-(-clip.num_samples // SAMPLE_RATE) for clip in clips]
        firsts = [sum(seconds[:index]) for index in range(len(clips))]
        samples = np.zeros(sum(seconds) * SAMPLE_RATE, dtype=np.float32)
        for first, clip in zip(firsts, clips, strict=True):
            samples[first * SAMPLE_RATE :][: clip.num_samples] = clip.read(audio)
        with _translated_errors():
            # A pipeline remembers where speech ended last, which is nothing to another thread or recording.
            segments, _ = BatchedInferencePipeline(self._model).transcribe(
                samples,
                clip_timestamps=[
                    {"start": first, "end": first + (clip.num_samples + 0.5) / SAMPLE_RATE}
                    for first, clip in zip(firsts, clips, strict=True)
                ],
                batch_size=len(clips),
                word_timestamps=True,
                without_timestamps=False,  # without them base leaves out whole sentences
                max_new_tokens=MAX_NEW_TOKENS,
                **options,
            )
            of_clip: dict[int, list[Any]] = {first: [] for first in firsts}
            for segment in segments:
                of_clip[segment.seek // 100].append(segment)  # its clip's start in frames of 10 ms
        return [sum_up(of_clip[first], first) for first in firsts]

    def _detect_language(self, audio: Audio, clips: Sequence[Clip]) -> str:
        """Language with the largest mean probability over clips spread over the recording: more of them if in doubt.

        With a foreign accent single clips are often taken for another language.
        """
        if not self._model.model.is_multilingual:
            return "en"
        votes: dict[str, float] = {}
        seconds = 0.0
        for heard, clip in enumerate(_spread(clips, MAX_DETECTION_CLIPS), start=1):
            samples = clip.read(audio)
            with _translated_errors():
                _, _, probabilities = self._model.detect_language(audio=samples)
            for code, probability in probabilities:
                votes[code] = votes.get(code, 0.0) + probability * clip.duration
            seconds += clip.duration
            first, second = sorted([*votes.values(), 0.0], reverse=True)[:2]
            if heard > 1 and (first - second) / seconds >= CLEAR_LEAD / np.sqrt(heard):
                break
        return max(votes, key=lambda code: votes[code])

    def _checked_language(self, language: str | None) -> str | None:
        if not language:
            return None
        code = language_code(language)
        if not self._model.model.is_multilingual and code != "en":
            raise UsageError(
                f"language {language!r}: this model knows English only; use one without '.en', such as base"
            )
        known = self._model.supported_languages
        if code not in known or (len(known) > 1 and self._model.hf_tokenizer.token_to_id(f"<|{code}|>") is None):
            raise UsageError(f"language {language!r} is unknown to this model: use one of {', '.join(sorted(known))}")
        return code

    def _check_task(self, task: str) -> None:
        if task not in TASKS:
            raise UsageError(f"task {task!r} is unknown: use one of {', '.join(TASKS)}")
        if task == "translate" and not self._model.model.is_multilingual:
            raise UsageError("task 'translate': this model knows English only; use one without '.en', such as base")

    def _check_prompts(self, *prompts: str | None) -> None:
        """Refuse what would be cut off or leave no room for the text."""
        encode = self._model.hf_tokenizer.encode
        length = sum(len(encode(f" {prompt.strip()}", add_special_tokens=False).ids) for prompt in prompts if prompt)
        if length > MAX_PROMPT_TOKENS:
            raise UsageError(
                f"initial_prompt and hotwords have {length} tokens: Whisper takes {MAX_PROMPT_TOKENS}; shorten them"
            )


class _Meter:
    """Reports seconds of speech done."""

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
    except Exception as error:  # whatever the engine raises, it is about this recording: the next may be heard
        raise RecognitionError(
            f"Whisper failed: {first_line(error)}; try a smaller batch_size or --device cpu"
        ) from error


def _spread(clips: Sequence[Clip], limit: int) -> list[Clip]:
    """Some clips from everywhere, in an order in which the first few are far apart."""
    places = sorted({round(at) for at in np.linspace(0, len(clips) - 1, limit)})
    order = sorted(range(len(places)), key=lambda index: f"{index:08b}"[::-1])
    return [clips[places[index]] for index in order]


def _halves(audio: Audio, clip: Clip) -> list[Clip]:
    """Cut a clip at its quietest moment near the middle; none if it is too short to be worth it."""
    if clip.duration < 2 * MIN_HALF_S:
        return []
    length = clip.num_samples
    middle = quietest(clip.read(audio), length // 3, length - length // 3)
    return [clip.cut(0, middle), clip.cut(middle, length)]
