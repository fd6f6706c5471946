"""What the transcriber does with what a model says; the model is played by the test."""

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


class Played(WhisperTranscriber):
    """Hears what it is told to and remembers which clips it heard."""

    def __init__(self, hear: Callable[[Clip], Hypothesis], *, multilingual: bool = False) -> None:
        model = SimpleNamespace(
            model=SimpleNamespace(is_multilingual=multilingual), supported_languages=["en"], hf_tokenizer=self
        )
        super().__init__(model, batch_size=2)
        self.hear = hear
        self.heard: list[Clip] = []

    def _recognise(self, audio: Audio, clips: Sequence[Clip], options: dict[str, Any]) -> list[Hypothesis]:
        assert len(clips) <= 2
        self.heard += clips
        return [self.hear(clip) for clip in clips]

    def encode(self, text: str, *, add_special_tokens: bool) -> Any:
        return SimpleNamespace(ids=text.split())


def every_second(clip: Clip, *, quality: float = -0.3) -> Hypothesis:
    seconds = range(int(clip.duration))
    return Hypothesis(tuple(Token(float(at), at + 0.9, f" {at}", 0.9) for at in seconds), quality, 0.1, 1.5)


def test_good_clips_are_heard_once() -> None:
    played = Played(every_second)
    words = played(TWO_MINUTES, [SpeechRange(0, 40), SpeechRange(60, 100)])
    assert words.language == "en"
    assert 2 <= len(played.heard) <= 5
    assert len(words.words) == sum(int(clip.duration) for clip in played.heard)
    assert all(word.end <= 40.2 or word.start >= 59.8 for word in words.words)


def test_a_loop_is_heard_again_in_halves() -> None:
    played = Played(lambda clip: LOOP if clip.duration > 15 else every_second(clip))
    words = played(TWO_MINUTES, [SpeechRange(10, 30)])
    durations = [clip.duration for clip in played.heard]
    assert len(durations) == 3
    assert durations[1] + durations[2] == pytest.approx(durations[0])
    assert "no" not in {word.text for word in words.words}
    assert len(words.words) >= 15


def test_what_only_loops_is_dropped() -> None:
    played = Played(lambda _: LOOP)
    assert played(TWO_MINUTES, [SpeechRange(10, 30)]).words == ()
    assert len(played.heard) == 1 + 2
    short = Played(lambda _: LOOP)
    assert short(TWO_MINUTES, [SpeechRange(10, 12)]).words == ()
    assert len(short.heard) == 1


def test_silence_by_the_models_judgement_gives_no_words() -> None:
    played = Played(lambda clip: Hypothesis(every_second(clip).tokens, -1.5, 0.9, 1.0))
    assert played(TWO_MINUTES, [SpeechRange(10, 30)]).words == ()
    assert len(played.heard) == 1


def half_deaf(clip: Clip, *, quality: float) -> Hypothesis:
    """Hears the first half of a long clip only."""
    if clip.duration < 15:
        return every_second(clip, quality=quality)
    tokens = every_second(clip).tokens
    return Hypothesis(tokens[: len(tokens) // 2], -0.3, 0.1, 1.5)


def test_speech_that_was_left_out_is_heard_again() -> None:
    played = Played(lambda clip: half_deaf(clip, quality=-0.3))
    words = played(TWO_MINUTES, [SpeechRange(10, 34)])
    assert len(played.heard) == 2
    assert len(words.words) >= 23
    assert all(before.end <= after.start for before, after in zip(words.words, words.words[1:], strict=False))


def test_a_second_hearing_must_be_believed() -> None:
    played = Played(lambda clip: half_deaf(clip, quality=-1.4))
    assert len(played(TWO_MINUTES, [SpeechRange(10, 34)]).words) == 12
    doubtful = Played(lambda clip: every_second(clip, quality=-1.4))
    assert len(doubtful(TWO_MINUTES, [SpeechRange(10, 34)]).words) == 24


def test_progress_counts_seconds_of_speech() -> None:
    calls: list[tuple[str, float, float]] = []
    played = Played(lambda clip: half_deaf(clip, quality=-0.3))
    played(TWO_MINUTES, [SpeechRange(0, 100)], progress=lambda *call: calls.append(call))
    assert {call[0] for call in calls} == {"transcribing"}
    done = [call[1] for call in calls]
    assert done == sorted(done)
    assert all(call[1] <= call[2] for call in calls)
    assert calls[0][1] == 0
    assert calls[-1][1] == pytest.approx(calls[-1][2])
    assert calls[0][2] == pytest.approx(100.2)


def test_nothing_is_heard_without_speech() -> None:
    played = Played(every_second)
    for speech in ([], [SpeechRange(5, 5)], [SpeechRange(200, 300)]):
        assert played(TWO_MINUTES, speech).words == ()
        assert played(TWO_MINUTES, speech).language == ""
    assert played(load_audio(np.zeros(0, np.float32)), [SpeechRange(0, 1)], language="en").language == "en"
    assert played.heard == []


def test_options_are_checked_before_anything_is_heard() -> None:
    played = Played(every_second)
    for options, message in (
        ({"language": "de"}, "language 'de': this model knows English only"),
        ({"task": "translate"}, "'translate': this model knows English only"),
        ({"task": "sing"}, "task 'sing' is unknown: use one of transcribe, translate"),
        ({"initial_prompt": "so " * 200, "hotwords": "and " * 100}, "have 300 tokens: Whisper takes 220"),
    ):
        with pytest.raises(UsageError, match=message):
            played(TWO_MINUTES, [SpeechRange(0, 1)], **options)
    with pytest.raises(UsageError, match="language 'xx' is unknown to this model: use one of en"):
        Played(every_second, multilingual=True)(TWO_MINUTES, [SpeechRange(0, 1)], language="xx")
    assert played.heard == []
    for language in ("EN", "en-US", "en_GB"):
        assert played(TWO_MINUTES, [SpeechRange(0, 1)], language=language).language == "en"
    with pytest.raises(UsageError, match="batch_size must be at least 1, not 0"):
        WhisperTranscriber(SimpleNamespace(), batch_size=0)


def test_a_loop_made_of_noise_is_dropped_at_once() -> None:
    played = Played(lambda _: Hypothesis(LOOP.tokens, -0.1, 0.5, 20.0))
    assert played(TWO_MINUTES, [SpeechRange(10, 30)]).words == ()
    assert len(played.heard) == 1


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
    with pytest.raises(RecognitionError, match=r"^Whisper failed: out of memory; try a smaller") as caught:
        WhisperTranscriber(Failing(error))(TWO_MINUTES, [SpeechRange(0, 10)], language=language)
    assert caught.value.__cause__ is error
    assert not isinstance(caught.value, ModelError | UsageError)


def test_recordings_share_no_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
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
    """Language and number of clips heard for it; each clip is English with the next probability, else German."""
    left = list(probabilities)

    def detect_language(audio: object) -> tuple[str, float, list[tuple[str, float]]]:
        english = left.pop(0)
        return "", 0.0, [("en", english), ("de", 1 - english)]

    played = Played(every_second, multilingual=True)
    played._model.detect_language = detect_language
    played._model.supported_languages = ["en", "de"]
    recording = load_audio(np.random.default_rng(0).normal(0, 0.1, 24 * len(left) * S).astype(np.float32))
    spoken = [SpeechRange(24.0 * at, 24.0 * at + 22) for at in range(len(left))]
    return played(recording, spoken).language, len(probabilities) - len(left)


def test_the_language_is_detected_from_few_clips_where_they_agree() -> None:
    assert detected([0.9]) == ("en", 1)
    assert detected([0.1]) == ("de", 1)
    assert detected([0.95] * 10) == ("en", 2)
    assert detected([0.8] * 10) == ("en", 3)


def test_the_language_is_detected_from_many_clips_where_they_differ() -> None:
    assert detected([0.9, 0.2, 0.2, 0.7, 0.3, 0.2, 0.4, 0.3, 0.2, 0.1]) == ("de", 10)
    assert detected([0.5, 0.52] * 10) == ("en", 16)
