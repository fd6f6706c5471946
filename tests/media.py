"""Small media files for tests, written with PyAV or byte by byte."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt


def tone(seconds: float, rate: int, *, channels: int = 1, hertz: float = 300.0) -> npt.NDArray[np.float32]:
    """Sine with amplitude 0.5 in the first channel, halved in each further channel, shape (channels, samples)."""
    wave = 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return np.stack([wave / 2**channel for channel in range(channels)]).astype(np.float32)


def write_media(
    path: Path,
    samples: npt.NDArray[np.float32],
    rate: int,
    *,
    codec: str,
    layout: str = "mono",
    container: str | None = None,
    gap: tuple[float, float] | None = None,
    picture: bool = False,
) -> Path:
    """Encode (channels, samples), omitting packets within ``gap`` (seconds); ``picture`` adds a video stream."""
    with av.open(str(path), "w", format=container) as file:
        stream: Any = file.add_stream(codec, rate=rate)
        stream.layout = layout
        context = stream.codec_context
        if picture:
            _add_picture(file)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
        frame.sample_rate = rate
        frame.pts = 0
        cutter = av.AudioResampler(
            format=stream.format.name, layout=layout, rate=rate, frame_size=context.frame_size or 1024
        )
        for part in [*cutter.resample(frame), *cutter.resample(None)]:
            if gap and gap[0] <= float(part.pts * part.time_base) < gap[1]:
                continue
            for packet in stream.encode(part):
                file.mux(packet)
        for packet in stream.encode(None):
            file.mux(packet)
    return path


def _add_picture(file: Any) -> None:
    video = file.add_stream("mpeg4", rate=5)
    video.width = video.height = 64
    video.pix_fmt = "yuv420p"
    for _ in range(5):
        for packet in video.encode(av.VideoFrame(64, 64, "yuv420p")):
            file.mux(packet)
    for packet in video.encode(None):
        file.mux(packet)


def write_wav(
    path: Path, samples: npt.NDArray[Any], rate: int, *, channels: int = 1, claimed_bytes: int | None = None
) -> Path:
    """Write interleaved samples unconverted; ``claimed_bytes`` is the data size written to the header."""
    data = samples.tobytes()
    size = len(data) if claimed_bytes is None else claimed_bytes
    width = samples.dtype.itemsize
    kind = 3 if samples.dtype.kind == "f" else 1
    header = struct.pack("<IHHIIHH", 16, kind, channels, rate, rate * channels * width, channels * width, 8 * width)
    riff = (36 + size) & 0xFFFFFFFF
    path.write_bytes(
        b"RIFF" + struct.pack("<I", riff) + b"WAVEfmt " + header + b"data" + struct.pack("<I", size) + data
    )
    return path
