"""The recording for a page: as it is where browsers play it, encoded again where they do not, or a link to it.

Leaves out everything about the page itself, which is `oolong_align.formats.html`.
"""

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
BIT_RATE: Final = 24_000  # Opus is clear for speech at this rate

_WAV: Final = frozenset(("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_f32le"))
# What Chromium, Firefox and Safari play, by FFmpeg's names of container and codec.
_PLAYED: Final = {
    "wav": ("audio/wav", _WAV),
    "flac": ("audio/flac", frozenset(("flac",))),
    "mp3": ("audio/mpeg", frozenset(("mp3", "mp3float"))),
    "ogg": ("audio/ogg", frozenset(("opus", "vorbis", "libopus", "libvorbis"))),
    "mov,mp4,m4a,3gp,3g2,mj2": ("audio/mp4", frozenset(("aac",))),
    "matroska,webm": ("audio/webm", frozenset(("opus", "vorbis", "libopus", "libvorbis"))),
}


def page_audio(recording: Path, page: Path, choice: str = "auto") -> PageAudio | None:
    """Make a recording ready for a page.

    Parameters
    ----------
    recording : Path
        Any media file.
    page : Path
        Where the page will be; links are relative to it.
    choice : str
        One of `oolong_align.options.AUDIO_CHOICES`. ``auto`` embeds up to 16 MB as they are and links what is larger;
        what browsers do not play is encoded again as Opus, and embedded if that is no larger. ``embed`` encodes what is
        larger as well, and embeds it.

    Returns
    -------
    PageAudio or None
        ``None`` for the choice ``none``; with an `OolongWarning` for a pipe, which nobody can read again.

    Raises
    ------
    AudioError
        If the recording cannot be read or decoded.
    """
    if choice == "none":
        return None
    if recording.is_fifo():
        warn(f"{recording}: is a pipe, so the page has no recording; give a file, or --html_audio none")
        return None
    if choice == "link":
        return PageAudio(name=recording.name, address=_address(recording, page))
    try:
        media_type = _played_type(recording)
        small = recording.stat().st_size <= LARGEST_EMBEDDED
        if media_type and small:
            return PageAudio(name=recording.name, data=recording.read_bytes(), media_type=media_type)
    except OSError as error:
        raise AudioError(f"{recording}: cannot be read: {error.strerror or error}; check the file") from error
    if media_type and choice == "auto":
        return PageAudio(name=recording.name, address=_address(recording, page))
    data = _encode(recording)
    if choice == "auto" and len(data) > LARGEST_EMBEDDED:
        return PageAudio(name=recording.name, address=_address(recording, page))
    return PageAudio(name=recording.name, data=data, media_type="audio/webm")


def _address(recording: Path, page: Path) -> str:
    try:
        relative = os.path.relpath(recording.resolve(), page.parent.resolve())
    except ValueError:  # another drive
        return recording.resolve().as_uri()
    return "./" + quote(Path(relative).as_posix(), errors="surrogateescape")


def _played_type(recording: Path) -> str:
    """Media type of a file that browsers play, empty for another."""
    container, codec = probe(recording)
    media_type, codecs = _PLAYED.get(container, ("", frozenset[str]()))
    if container == "matroska,webm" and recording.suffix.lower() != ".webm":
        return ""  # Matroska in general is not played everywhere
    return media_type if codec in codecs else ""


def _encode(recording: Path) -> bytes:
    """Encode what the transcript was made from as mono Opus in WebM, the same bytes for the same file."""
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
