"""Decode media files to 16 kHz mono samples."""

from __future__ import annotations

from oolong_align.audio.recording import Audio, load_audio

__all__ = ["Audio", "load_audio"]
