"""A diarizer and a transcriber for oolong-align that read existing results from files and run no model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from oolong_align.errors import InputError, UsageError
from oolong_align.hookspecs import (
    Config,
    DiarizeCall,
    DiarizerEntry,
    OptionGroup,
    TranscribeCall,
    TranscriberEntry,
    hookimpl,
)
from oolong_align.types import Diarization, Progress, SpeechRange, Transcript, Words
from oolong_align_replay.files import check_path, file_for

if TYPE_CHECKING:
    from oolong_align.hookspecs import Audio

__all__ = ["ReplayDiarizer", "ReplayTranscriber"]

NAME: Final = "replay"
TURNS: Final = "--replay_turns"
WORDS: Final = "--replay_words"


class ReplayDiarizer:
    """Reads the turns of each recording.

    Parameters
    ----------
    path : Path
        An RTTM file, this program's JSON, or a folder with one such file for each recording.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(
        self,
        audio: Audio,
        *,
        num_speakers: int | None = None,
        min_speakers: int | None = None,
        max_speakers: int | None = None,
        progress: Progress | None = None,
    ) -> Diarization:
        """Return the turns.

        Raises
        ------
        InputError
            If there are none for this recording, or their number of speakers is outside the requested bounds.
        """
        from oolong_align_replay.turns import read_diarization

        path = file_for(audio, self._path, (".rttm", ".json"))
        found = read_diarization(path, audio)
        number = len(found.speaker_ids)
        least, most = num_speakers or min_speakers or 0, num_speakers or max_speakers or number
        # Silence has no speakers, whatever the bounds.
        if number and not least <= number <= most:
            raise InputError(f"{path}: Found {number} speakers, expected {least} to {most}. A replay cannot change it")
        if progress:
            progress("replaying turns", 1, 1)
        return found


class ReplayTranscriber:
    """Reads the words of each recording.

    Parameters
    ----------
    path : Path
        A JSON file, or a folder with one for each recording.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, audio: Audio, speech: Sequence[SpeechRange], *, progress: Progress | None = None) -> Words:
        """Return the words inside the speech ranges.

        Raises
        ------
        InputError
            If there are none for this recording.
        """
        from oolong_align_replay.words import read_recognised, words_in_speech

        path = file_for(audio, self._path, (".json",))
        found = words_in_speech(read_recognised(path), speech, audio, path)
        if progress:
            progress("replaying words", 1, 1)
        return found


@hookimpl
def oolong_add_options(options: OptionGroup) -> None:
    """Add ``--replay_turns`` and ``--replay_words``."""
    options.add(
        TURNS,
        commands=("transcribe", "diarize", "align"),
        metavar="PATH",
        help="RTTM or JSON file for --diarizer replay, or a folder with <stem>.rttm or <stem>.json.",
    )
    options.add(
        WORDS,
        commands=("transcribe",),
        metavar="PATH",
        help="JSON file for --transcriber replay, or a folder with <stem>.json.",
    )


@hookimpl
def oolong_configure(config: Config) -> None:
    """Check before any work that the files exist and are used."""
    if config.diarizer.name == NAME:
        _turns(config)
    elif config.options.get("replay_turns"):
        raise UsageError(f"Option {TURNS} requires --diarizer {NAME}. Add it, or remove {TURNS}")
    if config.command == "transcribe" and config.transcriber.name == NAME:
        _words(config)
    elif config.options.get("replay_words"):
        raise UsageError(f"Option {WORDS} requires --transcriber {NAME}. Add it, or remove {WORDS}")


@hookimpl
def oolong_diarizers() -> list[DiarizerEntry]:
    """Offer ``--diarizer replay``."""
    return [DiarizerEntry(NAME, "turns from RTTM or JSON", _build_diarizer)]


@hookimpl
def oolong_transcribers() -> list[TranscriberEntry]:
    """Offer ``--transcriber replay``."""
    return [TranscriberEntry(NAME, "words from JSON", _build_transcriber)]


@hookimpl
def oolong_align(words: Words, diarization: Diarization) -> Transcript | None:
    """Return the stored transcript if both its turns and its words are replayed."""
    from oolong_align_replay.words import StoredWords

    if isinstance(words, StoredWords) and words.words and words.fits(diarization):
        return words.transcript
    return None


def _build_diarizer(config: Config) -> DiarizeCall:
    return ReplayDiarizer(_turns(config))


def _build_transcriber(config: Config) -> TranscribeCall:
    return ReplayTranscriber(_words(config))


def _turns(config: Config) -> Path:
    return check_path(TURNS, config.options.get("replay_turns"), "meeting.rttm")


def _words(config: Config) -> Path:
    return check_path(WORDS, config.options.get("replay_words"), "meeting.json")
