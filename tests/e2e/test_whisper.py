from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from oolong_align.audio.recording import Audio, load_audio
from oolong_align.diarization.vad import VoiceActivityDetector
from oolong_align.errors import UsageError
from oolong_align.transcription.whisper import WhisperTranscriber
from oolong_align.types import SpeechRange, Words, join_words
from oolong_align.weights import find_whisper

pytestmark = pytest.mark.data

PADDING_S = 0.2


@pytest.fixture(scope="module")
def base() -> WhisperTranscriber:
    return WhisperTranscriber.from_pretrained("base")


@pytest.fixture(scope="module")
def detector() -> VoiceActivityDetector:
    return VoiceActivityDetector.from_pretrained()


def check_times(words: Words, speech: Sequence[SpeechRange]) -> None:
    for word in words.words:
        assert word.start <= word.end
        assert word.text == word.text.strip() != ""
        for time in (word.start, word.end):
            assert any(span.start - PADDING_S - 1e-4 <= time <= span.end + PADDING_S + 1e-4 for span in speech)
    assert all(before.end <= after.start for before, after in zip(words.words, words.words[1:], strict=False))


def plain(words: Words) -> list[str]:
    return re.findall(r"[a-z0-9']+", join_words(words.words).lower())


def test_telephone_conversation(base: WhisperTranscriber, detector: VoiceActivityDetector, data_dir: Path) -> None:
    with load_audio(data_dir / "real" / "sample.flac") as audio:
        speech = detector(audio)
        words = base(audio, speech)
        alone = base(audio, speech, language="en")
    assert words == alone
    assert words.language == "en"
    check_times(words, speech)
    text = " ".join(plain(words))
    for phrase in ("oh hello", "i'm originally from chicago", "new jersey", "call me a yankee"):
        assert phrase in text
    (yankee,) = (word for word in words.words if word.text.lower().startswith("yankee"))
    assert yankee.start == pytest.approx(26.9, abs=0.7)
    assert yankee.probability
    assert yankee.probability > 0.5


@pytest.mark.slow
def test_the_result_does_not_depend_on_the_batch_size(detector: VoiceActivityDetector, data_dir: Path) -> None:
    tiny = WhisperTranscriber.from_pretrained("tiny.en")
    with load_audio(data_dir / "real" / "aws_auto0_call.flac") as audio:
        speech = [span for span in detector(audio) if span.end < 60]
        words = tiny(audio, speech)
        assert tiny(audio, speech) == words
        one_by_one = WhisperTranscriber(tiny._model, batch_size=1)(audio, speech)
    check_times(words, speech)
    assert plain(one_by_one) == plain(words)


def test_music_between_speech_has_no_words(
    base: WhisperTranscriber, detector: VoiceActivityDetector, data_dir: Path
) -> None:
    with (
        load_audio(data_dir / "real" / "jfk.flac") as speech,
        load_audio(next((data_dir / "nonspeech").glob("Kevin*"))) as music,
    ):
        said, played = speech.read(0, 11 * 16000), music.read(20 * 16000, 50 * 16000)
    audio = load_audio(np.concatenate([said, played, said, np.zeros(20 * 16000, np.float32)]))
    ranges = detector(audio)
    words = base(audio, ranges)
    check_times(words, ranges)
    assert all(word.end < 11.5 or 40.5 < word.start < word.end < 52.5 for word in words.words)
    half = "and so my fellow americans ask not what your country can do for you ask what you can do for your country"
    assert plain(words) == (half.split() * 2)


def test_hard_noise_has_at_most_one_word(
    base: WhisperTranscriber, detector: VoiceActivityDetector, data_dir: Path
) -> None:
    for path in sorted((data_dir / "nonspeech_hard").glob("*.flac")):
        with load_audio(path) as audio:
            assert len(base(audio, detector(audio), language="en").words) <= 1, path


def test_noise_in_a_speech_range_has_no_repetitive_text(base: WhisperTranscriber, data_dir: Path) -> None:
    with load_audio(data_dir / "nonspeech_hard" / "kitchen.flac") as audio:
        words = base(audio, [SpeechRange(0, audio.duration)], language="en")
    assert len(words.words) < 20


def test_translation_is_english_in_whole_words(base: WhisperTranscriber, data_dir: Path) -> None:
    with load_audio(data_dir / "real" / "multilingual.flac") as audio:
        german = [SpeechRange(42.0, 59.0)]
        assert base(audio, german).language == "de"
        for language in ("de", "zh"):
            words = base(audio, german, language=language, task="translate")
            assert words.language == language
            assert sum(word.leading_space for word in words.words) >= len(words.words) - 1
    assert {"software", "use"} & set(plain(words))


def test_prompts_reach_the_model(base: WhisperTranscriber, data_dir: Path) -> None:
    with load_audio(data_dir / "real" / "jfk.flac") as audio:
        speech = [SpeechRange(0, 11)]
        words = base(audio, speech, language="en", initial_prompt="ASK NOT WHAT YOUR COUNTRY CAN DO FOR YOU")
        assert "NOT" in join_words(words.words)
        assert base(audio, speech, language="en", hotwords="Amerikans").words
        with pytest.raises(UsageError, match=r"Whisper accepts 220\. Shorten them"):
            base(audio, speech, initial_prompt="so " * 300)


def test_an_english_only_model(data_dir: Path) -> None:
    tiny = WhisperTranscriber.from_pretrained("tiny.en", device="cpu", compute_type="float32", threads=1)
    with load_audio(data_dir / "real" / "jfk.flac") as audio:
        words = tiny(audio, [SpeechRange(0, 11)])
        assert (words.language, "country" in plain(words)) == ("en", True)
        with pytest.raises(UsageError, match="English-only"):
            tiny(audio, [SpeechRange(0, 11)], language="fr")


def test_nothing_is_printed(data_dir: Path) -> None:
    code = (
        "import sys; from oolong_align.transcription.whisper import WhisperTranscriber;"
        "from oolong_align.audio.recording import load_audio;"
        "from oolong_align.types import SpeechRange;"
        "WhisperTranscriber.from_pretrained(sys.argv[1])(load_audio(sys.argv[2]), [SpeechRange(0, 11)])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(find_whisper("tiny.en")), data_dir / "real" / "jfk.flac"],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert (result.stdout, result.stderr) == ("", "")


def words_of_whole_recording(transcriber: WhisperTranscriber, audio: Audio) -> int:
    """Count the words of plain faster-whisper with the same model."""
    samples = audio.read(0, audio.num_samples)
    segments, _ = transcriber._model.transcribe(samples, language="en", word_timestamps=True)
    return sum(len(segment.words) for segment in segments)


@pytest.mark.slow
def test_clips_lose_no_speech(base: WhisperTranscriber, detector: VoiceActivityDetector, data_dir: Path) -> None:
    in_clips = in_whole = 0
    for name in ("so_dev1", "so_dev6"):
        with load_audio(data_dir / "conversations" / f"{name}.flac") as audio:
            speech = detector(audio)
            words = base(audio, speech)
            check_times(words, speech)
            assert words.language == "en"
            in_clips += len(words.words)
            in_whole += words_of_whole_recording(base, audio)
    print(f"words: {in_clips} in clips, {in_whole} in the whole recording")
    assert in_clips >= 0.99 * in_whole


FORKED = """
import multiprocessing, sys
from oolong_align.audio.recording import load_audio
from oolong_align.errors import UsageError
from oolong_align.types import SpeechRange
from oolong_align.transcription.whisper import WhisperTranscriber


def recognise(transcriber=None):
    with load_audio(sys.argv[1]) as audio:
        transcriber = transcriber or WhisperTranscriber.from_pretrained("tiny.en", threads=1)
        return len(transcriber(audio, [SpeechRange(0.0, 4.0)]).words)


def attempt(*arguments):
    try:
        return f"{recognise(*arguments)} words"
    except UsageError as error:
        return str(error)


if __name__ == "__main__":
    loaded = WhisperTranscriber.from_pretrained("tiny.en", threads=1)
    for transcriber in (None, loaded):
        child = multiprocessing.get_context("fork").Process(target=lambda: print(attempt(transcriber), flush=True))
        child.start()
        child.join(60)
        child.kill()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.apply(attempt))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform does not support fork")
def test_the_error_in_a_forked_process_recommends_spawn(data_dir: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(FORKED)
    command = [sys.executable, "-W", "ignore::DeprecationWarning", str(script), str(data_dir / "real" / "jfk.flac")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines()[:2]:
        assert 'Start processes with multiprocessing.get_context("spawn")' in line
    assert re.fullmatch(r"[1-9]\d* words", done.stdout.splitlines()[2])
