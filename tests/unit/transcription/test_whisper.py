"""How the transcriber handles the output of a model, with a fake model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from oolong_align.audio.recording import Audio, load_audio
from oolong_align.errors import ModelError, RecognitionError, UsageError
from oolong_align.transcription.clips import Clip
from oolong_align.transcription.hypotheses import Hypothesis, Token
from oolong_align.transcription.whisper import WhisperTranscriber
from oolong_align.types import SpeechRange

S = 16000
TWO_MINUTES = load_audio(np.random.default_rng(0).normal(0, 0.1, 120 * S).astype(np.float32))
LOOP = Hypothesis((Token(0.0, 1.0, " no", 0.9),), -0.1, 0.1, 20.0)


class FakeWhisper(WhisperTranscriber):
    """Returns given hypotheses and records the recognised clips."""

    def __init__(self, recognise: Callable[[Clip], Hypothesis], *, multilingual: bool = False) -> None:
        model = SimpleNamespace(
            model=SimpleNamespace(is_multilingual=multilingual), supported_languages=["en"], hf_tokenizer=self
        )
        super().__init__(model, batch_size=2)
        self.recognise = recognise
        self.recognised: list[Clip] = []

    def _recognise_batch(self, audio: Audio, clips: Sequence[Clip], options: dict[str, Any]) -> list[Hypothesis]:
        assert len(clips) <= 2
        self.recognised += clips
        return [self.recognise(clip) for clip in clips]

    def encode(self, text: str, *, add_special_tokens: bool) -> Any:
        return SimpleNamespace(ids=text.split())


def every_second(clip: Clip, *, quality: float = -0.3) -> Hypothesis:
    seconds = range(int(clip.duration))
    return Hypothesis(tuple(Token(float(at), at + 0.9, f" {at}", 0.9) for at in seconds), quality, 0.1, 1.5)


def test_good_clips_are_recognised_once() -> None:
    whisper = FakeWhisper(every_second)
    words = whisper(TWO_MINUTES, [SpeechRange(0, 40), SpeechRange(60, 100)])
    assert words.language == "en"
    assert 2 <= len(whisper.recognised) <= 5
    assert len(words.words) == sum(int(clip.duration) for clip in whisper.recognised)
    assert all(word.end <= 40.2 or word.start >= 59.8 for word in words.words)


def test_repetitive_text_is_recognised_again_in_halves() -> None:
    whisper = FakeWhisper(lambda clip: LOOP if clip.duration > 15 else every_second(clip))
    words = whisper(TWO_MINUTES, [SpeechRange(10, 30)])
    durations = [clip.duration for clip in whisper.recognised]
    assert len(durations) == 3
    assert durations[1] + durations[2] == pytest.approx(durations[0])
    assert "no" not in {word.text for word in words.words}
    assert len(words.words) >= 15


def test_text_that_stays_repetitive_is_dropped() -> None:
    whisper = FakeWhisper(lambda _: LOOP)
    assert whisper(TWO_MINUTES, [SpeechRange(10, 30)]).words == ()
    assert len(whisper.recognised) == 1 + 2
    short = FakeWhisper(lambda _: LOOP)
    assert short(TWO_MINUTES, [SpeechRange(10, 12)]).words == ()
    assert len(short.recognised) == 1


def test_clips_that_the_model_considers_silent_have_no_words() -> None:
    whisper = FakeWhisper(lambda clip: Hypothesis(every_second(clip).tokens, -1.5, 0.9, 1.0))
    assert whisper(TWO_MINUTES, [SpeechRange(10, 30)]).words == ()
    assert len(whisper.recognised) == 1


def first_half(clip: Clip, *, quality: float) -> Hypothesis:
    """Recognise only the first half of a long clip."""
    if clip.duration < 15:
        return every_second(clip, quality=quality)
    tokens = every_second(clip).tokens
    return Hypothesis(tokens[: len(tokens) // 2], -0.3, 0.1, 1.5)


def test_speech_without_words_is_recognised_again() -> None:
    whisper = FakeWhisper(lambda clip: first_half(clip, quality=-0.3))
    words = whisper(TWO_MINUTES, [SpeechRange(10, 34)])
    assert len(whisper.recognised) == 2
    assert len(words.words) >= 23
    assert all(before.end <= after.start for before, after in zip(words.words, words.words[1:], strict=False))


def test_unlikely_text_is_rejected_the_second_time() -> None:
    whisper = FakeWhisper(lambda clip: first_half(clip, quality=-1.4))
    assert len(whisper(TWO_MINUTES, [SpeechRange(10, 34)]).words) == 12
    doubtful = FakeWhisper(lambda clip: every_second(clip, quality=-1.4))
    assert len(doubtful(TWO_MINUTES, [SpeechRange(10, 34)]).words) == 24


def test_progress_counts_seconds_of_speech() -> None:
    calls: list[tuple[str, float, float]] = []
    whisper = FakeWhisper(lambda clip: first_half(clip, quality=-0.3))
    whisper(TWO_MINUTES, [SpeechRange(0, 100)], progress=lambda *call: calls.append(call))
    assert {call[0] for call in calls} == {"transcribing"}
    done = [call[1] for call in calls]
    assert done == sorted(done)
    assert all(call[1] <= call[2] for call in calls)
    assert calls[0][1] == 0
    assert calls[-1][1] == pytest.approx(calls[-1][2])
    assert calls[0][2] == pytest.approx(100.2)


def test_nothing_is_recognised_without_speech() -> None:
    whisper = FakeWhisper(every_second)
    for speech in ([], [SpeechRange(5, 5)], [SpeechRange(200, 300)]):
        assert whisper(TWO_MINUTES, speech).words == ()
        assert whisper(TWO_MINUTES, speech).language == ""
    assert whisper(load_audio(np.zeros(0, np.float32)), [SpeechRange(0, 1)], language="en").language == "en"
    assert whisper.recognised == []


def test_options_are_checked_before_recognition() -> None:
    whisper = FakeWhisper(every_second)
    for options, message in (
        ({"language": "de"}, "Invalid language 'de': this model is English-only"),
        ({"task": "translate"}, "'translate': this model is English-only"),
        ({"task": "sing"}, "Unknown task 'sing'. Available: transcribe, translate"),
        (
            {"initial_prompt": "so " * 200, "hotwords": "and " * 100},
            "have 300 tokens together",
        ),
    ):
        with pytest.raises(UsageError, match=message):
            whisper(TWO_MINUTES, [SpeechRange(0, 1)], **options)
    with pytest.raises(UsageError, match=r"Unsupported language 'xx'\. Available for this model: en"):
        FakeWhisper(every_second, multilingual=True)(TWO_MINUTES, [SpeechRange(0, 1)], language="xx")
    assert whisper.recognised == []
    for language in ("EN", "en-US", "en_GB"):
        assert whisper(TWO_MINUTES, [SpeechRange(0, 1)], language=language).language == "en"
    with pytest.raises(UsageError, match="Invalid batch_size 0: it must be at least 1"):
        WhisperTranscriber(SimpleNamespace(), batch_size=0)


def test_repetitive_text_on_noise_is_dropped_at_once() -> None:
    whisper = FakeWhisper(lambda _: Hypothesis(LOOP.tokens, -0.1, 0.5, 20.0))
    assert whisper(TWO_MINUTES, [SpeechRange(10, 30)]).words == ()
    assert len(whisper.recognised) == 1


class Failing:
    """A model whose engine fails at one step, as CTranslate2 does."""

    model = SimpleNamespace(is_multilingual=True)
    supported_languages = ("en",)
    hf_tokenizer = SimpleNamespace(token_to_id=lambda _: 1, encode=None)

    def __init__(self, error: Exception) -> None:
        self.error = error

    def detect_language(self, *, audio: object) -> Any:
        raise self.error

    @property
    def feature_extractor(self) -> Any:
        raise self.error


@pytest.mark.parametrize(
    "error", [RuntimeError("out of memory\nat 0x0"), ValueError("out of memory"), MemoryError("out of memory")]
)
@pytest.mark.parametrize("language", [None, "en"])
def test_a_failing_engine_is_an_error_of_the_recording(error: Exception, language: str | None) -> None:
    with pytest.raises(RecognitionError, match=r"^Whisper failed: out of memory\. Try a smaller") as caught:
        WhisperTranscriber(Failing(error))(TWO_MINUTES, [SpeechRange(0, 10)], language=language)
    assert caught.value.__cause__ is error
    assert not isinstance(caught.value, ModelError | UsageError)


def test_recordings_do_not_share_a_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    faster_whisper = pytest.importorskip("faster_whisper")
    last_speech: list[float] = []

    class Pipeline:
        def __init__(self, model: object) -> None:
            self.last_speech_timestamp = 0.0

        def transcribe(self, samples: object, **options: object) -> Any:
            last_speech.append(self.last_speech_timestamp)
            self.last_speech_timestamp = 25.0
            raise RuntimeError("in the middle")

    monkeypatch.setattr(faster_whisper, "BatchedInferencePipeline", Pipeline)
    transcriber = WhisperTranscriber(Failing(RuntimeError()))
    for _ in range(2):
        with pytest.raises(RecognitionError, match="in the middle"):
            transcriber(TWO_MINUTES, [SpeechRange(0, 10)], language="en")
    assert last_speech == [0.0, 0.0]


def detected(probabilities: Sequence[float]) -> tuple[str, int]:
    """Return the language and the number of clips used. Each clip is English with the next probability, else German."""
    left = list(probabilities)

    def detect_language(audio: object) -> tuple[str, float, list[tuple[str, float]]]:
        english = left.pop(0)
        return "", 0.0, [("en", english), ("de", 1 - english)]

    whisper = FakeWhisper(every_second, multilingual=True)
    whisper._model.detect_language = detect_language
    whisper._model.supported_languages = ["en", "de"]
    recording = load_audio(np.random.default_rng(0).normal(0, 0.1, 24 * len(left) * S).astype(np.float32))
    spoken = [SpeechRange(24.0 * at, 24.0 * at + 22) for at in range(len(left))]
    return whisper(recording, spoken).language, len(probabilities) - len(left)


def test_the_language_is_detected_from_few_clips_if_they_agree() -> None:
    assert detected([0.9]) == ("en", 1)
    assert detected([0.1]) == ("de", 1)
    assert detected([0.95] * 10) == ("en", 2)
    assert detected([0.8] * 10) == ("en", 3)


def test_the_language_is_detected_from_many_clips_if_they_differ() -> None:
    assert detected([0.9, 0.2, 0.2, 0.7, 0.3, 0.2, 0.4, 0.3, 0.2, 0.1]) == ("de", 10)
    assert detected([0.5, 0.52] * 10) == ("en", 16)
