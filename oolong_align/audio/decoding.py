"""Decode a media file to 16 kHz mono samples, block by block, with PyAV; `audio.recording` checks and stores them.

Hostile or broken files, and the defence against each:

- Playlists, ``ffconcat`` and SDP files that refer to other files or URLs: Python opens the one file; formats that refer
  to others are refused, and so is every protocol.
- Wrong durations in the header: nothing is allocated from them.
- Jumping timestamps: at most one hour of silence is inserted.
- Sample rates at which a small file expands to terabytes: rates below 1 kHz are refused.
- Damaged packets: skipped and counted.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import av
import numpy as np
import numpy.typing as npt

from oolong_align.errors import AudioError
from oolong_align.timing.grid import SAMPLE_RATE, samples_to_seconds, seconds_to_samples

if TYPE_CHECKING:
    from oolong_align.types import FloatArray, Progress

# Timestamps drift by a few ms (containers round them, encoders add padding); a larger step is a real gap.
GAP_S: Final = 0.1
MAX_SILENCE_S: Final = 3600.0
MIN_RATE: Final = 1000
MAX_ERRORS_IN_A_ROW: Final = 100
_CANCELLED: Final = 0.02
_ENERGY_STEP: Final = 16
# The segmentation model's first layer normalises its input down to a floor: below -60 dBFS, speakers are missed.
FAINT_PEAK: Final = 0.002
# Formats without a header: FFmpeg estimates their duration from the bit rate of the first frames.
GUESSED_LENGTH: Final = frozenset({"aac", "ac3", "eac3", "dts", "loas", "truehd"})

# Formats that contain no audio but refer to other files.
REFERRING: Final = frozenset({"concat", "dash", "hls", "imf", "lavfi", "rtp", "rtsp", "sdp", "webm_dash_manifest"})

# PyAV before 12.1 sends FFmpeg's messages to this logger, and without a handler Python prints them on stderr.
logging.getLogger("libav").addHandler(logging.NullHandler())

# PyAV 19 and later always replace invalid characters in tags.
_LENIENT: Final = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}


class Decoder:
    """Iterate once over the samples of a file, then read ``warnings``.

    Yields
    ------
    ndarray, float32, shape (samples,)
        Blocks of about one second: 16 kHz, mean of the channels, full scale 1. They may contain NaN or values beyond
        full scale.

    Raises
    ------
    AudioError
        If the file cannot be opened or nothing can be decoded. The message starts with the path.
    """

    def __init__(self, path: Path, progress: Progress | None = None) -> None:
        self.warnings: list[str] = []
        self._path = path
        self._progress = progress

    def __iter__(self) -> Iterator[FloatArray]:
        path = self._path
        try:
            with path.open("rb") as file:
                yield from self._decode(file)
        except AudioError:
            raise
        except FileNotFoundError as error:
            hint = "URLs are not supported: download it first" if ":/" in str(path) else "Check the path"
            raise AudioError(f"{path}: No such file. {hint}.") from error
        except IsADirectoryError as error:
            raise AudioError(f"{path}: Is a folder. Give the files in it.") from error
        except (OSError, ValueError, av.error.FFmpegError) as error:
            raise AudioError(f"{path}: Could not read the file ({_reason(error)}). Check it.") from error

    def _decode(self, file: BinaryIO) -> Iterator[FloatArray]:
        path = self._path
        try:
            container = av.open(file, options=_guards(), **_LENIENT)
        except av.error.FFmpegError as error:
            if file.seekable() and file.seek(0, 2) == 0:
                raise AudioError(f"{path}: The file is empty. Record or copy it again.") from error
            raise AudioError(
                f"{path}: FFmpeg cannot read this file ({_reason(error)}). Check that it is a complete audio or video "
                "file, not a playlist."
            ) from error
        with container:
            if not container.streams.audio:
                raise AudioError(f"{path}: No audio stream. Give a file with sound.")
            stream = container.streams.audio[0]
            if stream.codec_context is None:
                raise AudioError(f"{path}: FFmpeg has no decoder for this audio. Convert it, for example to FLAC.")
            claimed_s = _claimed_seconds(container, stream)
            mixer = _Mixer(path, container.start_time / av.time_base if container.start_time is not None else None)
            damage: list[float] = []
            decoded = 0
            peak = 0.0
            for frame in _frames(container, stream, mixer, damage):
                for block in mixer.add(frame):
                    decoded += len(block)
                    peak = max(peak, _peak(block))
                    yield block
                    if self._progress:
                        self._progress("decoding", mixer.clock_s, max(claimed_s, mixer.clock_s))
            for block in mixer.drain():
                decoded += len(block)
                peak = max(peak, _peak(block))
                yield block
            if self._progress:
                self._progress("decoding", mixer.clock_s, mixer.clock_s)
            self._check_length(samples_to_seconds(decoded), claimed_s, damage, container.format.name)
            if len(container.streams.audio) > 1:
                self.warnings.append(
                    f"{path}: The file has {len(container.streams.audio)} audio streams; only the first is used. "
                    "Extract another one with ffmpeg -i FILE -map 0:a:1 OTHER.wav"
                )
            if mixer.cancels:
                self.warnings.append(
                    f"{path}: The channels cancel each other out when mixed (one has reversed polarity). Extract one "
                    "of them with ffmpeg -i FILE -af 'pan=mono|c0=c0' OTHER.wav"
                )
            elif 0.0 < peak < FAINT_PEAK:
                level = 20.0 * math.log10(peak)
                self.warnings.append(
                    f"{path}: The recording is very quiet (peak {level:.0f} dBFS); speech and speakers may be missed. "
                    f"Record it louder, or amplify it with ffmpeg -i FILE -af volume={-6 - level:.0f}dB OTHER.wav"
                )

    def _check_length(self, decoded_s: float, claimed_s: float, damage: list[float], format_name: str) -> None:
        path = self._path
        if not decoded_s and (damage or claimed_s):
            raise AudioError(f"{path}: No audio could be decoded: the file is damaged or cut off. Get a new copy.")
        if damage:
            places = ", ".join(f"{second:.1f} s" for second in damage[:3]) + (", ..." if len(damage) > 3 else "")
            self.warnings.append(f"{path}: Skipped {len(damage)} damaged parts, near {places}.")
        if claimed_s - decoded_s > max(1.0, 0.05 * claimed_s) and format_name not in GUESSED_LENGTH:
            self.warnings.append(
                f"{path}: Decoded {decoded_s:.1f} s, but the header says {claimed_s:.1f} s; the file may be cut off."
            )


def probe(path: Path) -> tuple[str, str]:
    """Return FFmpeg's names for a file's container and for the codec of its first audio stream ("" if unknown).

    Raises
    ------
    AudioError
        If the file cannot be opened.
    """
    try:
        with path.open("rb") as file, av.open(file, options=_guards(), **_LENIENT) as container:
            streams = container.streams.audio
            context = streams[0].codec_context if streams else None
            return str(container.format.name), str(context.name) if context else ""
    except (OSError, ValueError, av.error.FFmpegError) as error:
        raise AudioError(f"{path}: Could not read the file ({_reason(error)}). Check it.") from error


def _guards() -> dict[str, str]:
    """Options that keep FFmpeg from opening other files; FFmpeg has allow lists only."""
    return {"format_whitelist": ",".join(sorted(av.formats_available - REFERRING)), "protocol_whitelist": "none"}


class _Mixer:
    """Mixes frames to one channel, resamples them, and places them according to their timestamps.

    Frames are processed in batches of one second, because codecs produce 10 to 100 of them per second.
    """

    def __init__(self, path: Path, start_s: float | None) -> None:
        self.clock_s = 0.0  # total duration added so far, including silence
        self._path = path
        self._start_s = start_s
        self._silence_left_s = MAX_SILENCE_S
        self._signature: tuple[str, int, int] | None = None
        self._resampler: Any = None
        self._batch: list[npt.NDArray[Any]] = []
        self._batch_samples = 0
        self._energy = np.zeros(2)

    @property
    def cancels(self) -> bool:
        """Whether averaging the channels removes nearly all of their energy."""
        unrelated, found = self._energy
        return bool(found < _CANCELLED * unrelated)

    def add(self, frame: Any) -> Iterator[FloatArray]:
        """Add a frame and yield the samples that are ready."""
        if not frame.samples:
            return
        if frame.time is not None:
            yield from self._fill_gap(frame.time)
        pcm = _to_array(frame)
        signature = (frame.format.name, pcm.size // frame.samples, frame.sample_rate)
        if signature != self._signature:
            yield from self.drain()
            self._start(signature)
        self._batch.append(pcm)
        self._batch_samples += frame.samples
        self.clock_s += frame.samples / frame.sample_rate
        if self._batch_samples >= frame.sample_rate:
            yield from self._flush()

    def drain(self) -> Iterator[FloatArray]:
        """Yield the samples that remain in the batch and the resampler."""
        yield from self._flush()
        if self._resampler is not None:
            yield from _samples_of(self._resampler.resample(None))
        self._resampler = None
        self._signature = None

    def _fill_gap(self, frame_s: float) -> Iterator[FloatArray]:
        if self._start_s is None:
            self._start_s = frame_s
        gap_s = frame_s - self._start_s - self.clock_s
        if gap_s <= GAP_S:
            return
        if gap_s > self._silence_left_s:  # broken timestamps: restart the clock here
            self._start_s += gap_s
            return
        yield from self.drain()
        self._silence_left_s -= gap_s
        self.clock_s += gap_s
        missing = seconds_to_samples(gap_s)
        while missing > 0:
            block = np.zeros(min(missing, 60 * SAMPLE_RATE), dtype=np.float32)
            missing -= len(block)
            yield block

    def _start(self, signature: tuple[str, int, int]) -> None:
        rate = signature[2]
        if rate < MIN_RATE:
            raise AudioError(f"{self._path}: A sample rate of {rate} Hz is too low for speech. Check the recorder.")
        self._signature = signature
        if rate != SAMPLE_RATE:
            self._resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)

    def _flush(self) -> Iterator[FloatArray]:
        if not self._batch or self._signature is None:
            return
        _, channels, rate = self._signature
        pcm = np.concatenate(self._batch, axis=1)
        if pcm.shape[0] == 1:
            pcm = pcm.reshape(-1, channels).T  # (channels, samples)
        if channels > 1:
            self._energy += _energy(pcm)
        samples = _mix(pcm)
        self._batch.clear()
        self._batch_samples = 0
        if self._resampler is None:
            yield samples
            return
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="flt", layout="mono")  # (1, samples)
        frame.sample_rate = rate
        yield from _samples_of(self._resampler.resample(frame))


def _frames(container: Any, stream: Any, mixer: _Mixer, damage: list[float]) -> Iterator[Any]:
    """Yield decoded frames; skip packets that cannot be read or decoded, and append their times to ``damage``."""
    in_a_row = 0
    packets = container.demux(stream)
    while in_a_row < MAX_ERRORS_IN_A_ROW:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.error.FFmpegError:
            damage.append(mixer.clock_s)
            in_a_row += 1
            packets = container.demux(stream)
            continue
        in_a_row = 0
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            damage.append(mixer.clock_s)
            continue
        yield from frames


def _to_array(frame: Any) -> npt.NDArray[Any]:
    """Return the samples of a frame unconverted: ``(channels, samples)``, or ``(1, samples * channels)``."""
    if (frame.format.is_planar and len(frame.layout.channels) > 8) or frame.format.name.startswith("s64"):
        # PyAV handles at most eight planes safely and no 64-bit integers; FFmpeg repacks both.
        repacker = av.AudioResampler(format="flt", layout=frame.layout, rate=frame.sample_rate)
        return np.concatenate([part.to_ndarray() for part in repacker.resample(frame)], axis=1)
    return np.asarray(frame.to_ndarray())


def _mix(pcm: npt.NDArray[Any]) -> FloatArray:
    """Mean of the channels at full scale 1, ``(channels, samples) -> (samples,)``."""
    with np.errstate(over="ignore", invalid="ignore"):  # the caller checks the samples
        samples: FloatArray = pcm.mean(axis=0, dtype=np.float32)
    if pcm.dtype.kind == "u":
        samples -= 128.0
    if pcm.dtype.kind in "iu":
        samples /= 2.0 ** (8 * pcm.dtype.itemsize - 1)
    return samples


def _energy(pcm: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Energy of the mean expected for unrelated channels, and the actual energy, shape (2,); from every 16th sample."""
    some = pcm[:, ::_ENERGY_STEP].astype(np.float64) - (128.0 if pcm.dtype.kind == "u" else 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.array([np.square(some).sum() / len(pcm) ** 2, np.square(some.mean(axis=0)).sum()])


def _peak(samples: FloatArray) -> float:
    return float(np.abs(samples).max(initial=0.0))


def _samples_of(frames: list[Any]) -> Iterator[FloatArray]:
    for frame in frames:
        yield frame.to_ndarray()[0].copy()


def _claimed_seconds(container: Any, stream: Any) -> float:
    """Duration of the stream according to the header; 0 if the header has none."""
    if stream.duration is not None and stream.time_base is not None:
        return max(float(stream.duration * stream.time_base), 0.0)
    if container.duration is not None and len(container.streams) == 1:
        return max(float(container.duration / av.time_base), 0.0)
    return 0.0


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).lower()
