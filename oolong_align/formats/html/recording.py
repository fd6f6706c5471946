"""The recording of a page: the file itself if browsers play it, otherwise encoded as Opus, or a link."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import numpy as np

from oolong_align.audio.decoding import Decoder, probe
from oolong_align.errors import AudioError, warn
from oolong_align.formats.html import PageAudio
from oolong_align.timing.grid import SAMPLE_RATE

__all__ = ["page_audio"]

LARGEST_EMBEDDED: Final = 16_000_000  # bytes
BIT_RATE: Final = 24_000  # bits per second; speech in Opus is clear at this rate

_WAV: Final = frozenset(("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_f32le"))
# Formats that Chromium, Firefox and Safari play: FFmpeg container -> media type and codecs.
_PLAYED: Final = {
    "wav": ("audio/wav", _WAV),
    "flac": ("audio/flac", frozenset(("flac",))),
    "mp3": ("audio/mpeg", frozenset(("mp3", "mp3float"))),
    "ogg": ("audio/ogg", frozenset(("opus", "vorbis", "libopus", "libvorbis"))),
    "mov,mp4,m4a,3gp,3g2,mj2": ("audio/mp4", frozenset(("aac",))),
    "matroska,webm": ("audio/webm", frozenset(("opus", "vorbis", "libopus", "libvorbis"))),
}


def page_audio(recording: Path, page: Path, choice: str = "auto") -> PageAudio | None:
    """Prepare a recording for a page.

    Parameters
    ----------
    recording : Path
        Any media file.
    page : Path
        Path of the page; links are relative to it.
    choice : str
        One of `oolong_align.options.AUDIO_CHOICES`. ``auto`` embeds files up to 16 MB unchanged and links larger ones;
        files that browsers do not play are encoded as Opus, and embedded if the result is at most 16 MB. ``embed``
        always embeds: files above 16 MB are encoded as Opus. ``link`` never embeds.

    Returns
    -------
    PageAudio or None
        ``None`` if ``choice`` is ``none``, and, with an `OolongWarning`, for a pipe, which cannot be read twice.

    Raises
    ------
    AudioError
        If the recording cannot be read or decoded.
    """
    if choice == "none":
        return None
    if recording.is_fifo():
        warn(f"{recording}: The page has no audio: a pipe cannot be read twice. Use a file, or --html_audio none.")
        return None
    if choice == "link":
        return PageAudio(name=recording.name, address=_address(recording, page))
    try:
        media_type = _played_type(recording)
        small = recording.stat().st_size <= LARGEST_EMBEDDED
        if media_type and small:
            return PageAudio(name=recording.name, data=recording.read_bytes(), media_type=media_type)
    except OSError as error:
        raise AudioError(
            f"{recording}: Could not read the file ({error.strerror or error}). Check the path."
        ) from error
    if media_type and choice == "auto":
        return PageAudio(name=recording.name, address=_address(recording, page))
    data = _encode(recording)
    if choice == "auto" and len(data) > LARGEST_EMBEDDED:
        return PageAudio(name=recording.name, address=_address(recording, page))
    return PageAudio(name=recording.name, data=data, media_type="audio/webm")


def _address(recording: Path, page: Path) -> str:
    try:
        relative = os.path.relpath(recording.resolve(), page.parent.resolve())
    except ValueError:  # on another drive
        return recording.resolve().as_uri()
    return "./" + quote(Path(relative).as_posix(), errors="surrogateescape")


def _played_type(recording: Path) -> str:
    """Return the media type of a file, or an empty string if browsers do not play it."""
    container, codec = probe(recording)
    media_type, codecs = _PLAYED.get(container, ("", frozenset[str]()))
    if container == "matroska,webm" and recording.suffix.lower() != ".webm":
        return ""  # not all browsers play Matroska files other than WebM
    return media_type if codec in codecs else ""


def _encode(recording: Path) -> bytes:
    """Encode the decoded recording as mono Opus in WebM; equal files produce equal bytes."""
    import av

    target = io.BytesIO()
    container: Any
    with av.open(target, "w", format="webm", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libopus", rate=SAMPLE_RATE, layout="mono")
        stream.bit_rate = BIT_RATE
        for samples in Decoder(recording):
            frame = av.AudioFrame.from_ndarray(np.clip(samples, -1, 1)[np.newaxis], format="flt", layout="mono")
            frame.sample_rate = SAMPLE_RATE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return target.getvalue()
