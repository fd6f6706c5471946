"""Reads transcripts of recognisers from JSON, SubRip and WebVTT files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from oolong_align.errors import InputError, warn
from oolong_align.interop.fields import UnknownShapeError
from oolong_align.interop.recognised import RecognisedTranscript
from oolong_align.interop.recognisers import read_recognised
from oolong_align.interop.subtitles import SUBTITLES, clashing_cues, is_subtitles, read_subtitles
from oolong_align.interop.whisper_cpp import WHISPER_CPP

__all__ = ["read_bytes", "read_transcript"]

_UNDECODED: Final = re.compile("[\udc80-\udcff]")


def read_transcript(path: Path) -> RecognisedTranscript:
    """Read a recogniser's JSON, SubRip or WebVTT file. The format is detected from the content and the suffix.

    Parameters
    ----------
    path : Path
        UTF-8, UTF-16 or UTF-32. whisper.cpp can split a character between two tokens; the parts are joined. For all
        other tools, bytes that are not UTF-8 are an error, because text in another encoding would be corrupted.
        Speaker names in subtitles are dropped (see `oolong_align.interop.subtitles`). If cues overlap or run
        backwards, an `OolongWarning` is issued, because the times of their words are estimated.

    Raises
    ------
    InputError
        If the file cannot be read, or is neither a subtitle file nor supported JSON.
    """
    data = read_bytes(path)
    try:
        encoding = json.detect_encoding(data)
        text = data.decode(encoding, "surrogateescape" if encoding.startswith("utf-8") else "strict")
        is_text = is_subtitles(text, path.suffix)
        document = None if is_text else json.loads(text, strict=False)
    except RecursionError:
        raise InputError(f"Could not read {path}: the JSON is nested too deeply for a transcript") from None
    except ValueError as error:
        raise InputError(
            f"Could not read {path}: not valid JSON ({error}). Use the JSON, SRT or VTT file that the recogniser "
            "wrote. Give the transcript first, then the recording; use --turns for RTTM."
        ) from None
    try:
        transcript = read_subtitles(text, path.suffix) if is_text else read_recognised(document)
    except UnknownShapeError as error:
        raise InputError(
            f"Could not read {path}: {error.reason}. Use the JSON file as the recogniser wrote it."
        ) from None
    except InputError as error:
        raise InputError(f"Could not read {path}: {error}") from None
    if transcript.tool != WHISPER_CPP and _UNDECODED.search(text):
        raise InputError(f"Could not read {path}: not UTF-8. Save it as UTF-8.")
    clashing = clashing_cues(transcript.segments) if transcript.tool in SUBTITLES else []
    if clashing:
        warn(
            f"{path}: {len(clashing)} of {len(transcript.segments)} cues overlap or end before they start, the first "
            f"at {clashing[0].start:.3f} s. The times and speakers of their words are estimates. Correct the cue "
            "times, or use the recogniser's JSON."
        )
    return transcript


def read_bytes(path: Path) -> bytes:
    """Return the content of a file.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"Could not read {path}: {error.strerror or error}. Check the path.") from error
