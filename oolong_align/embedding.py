"""Speaker embeddings: backbone frames of the recording, pooled with masks into one vector a local speaker.

The backbone runs once over the recording in blocks with context. The mean of the features that the model expects
to be subtracted is taken over a sliding 10 s span, which stands for the mean of each 10 s window. Pooling then
costs a matrix product for each window. `exact_window_embeddings` runs the backbone on every window instead.

References
----------
Wang et al., "WeSpeaker: a research and production oriented speaker embedding learning toolkit", ICASSP 2023.
"""

from __future__ import annotations

import tempfile
import threading
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from oolong_align import embedding_graph
from oolong_align.audio import Audio
from oolong_align.errors import ModelError, OutputError
from oolong_align.fbank import NUM_BINS, compute_fbank, count_fbank_frames
from oolong_align.frames import (
    FBANK_STEP_SAMPLES,
    FBANK_WIDTH_SAMPLES,
    VOICE_FRAME_SAMPLES,
    WINDOW_FRAMES,
    WINDOW_SAMPLES,
)
from oolong_align.models import derive
from oolong_align.onnx import open_session
from oolong_align.quantization import quantize_backbone, quantized
from oolong_align.segmentation import LOCAL_SPEAKERS, Segmentation
from oolong_align.types import FloatArray, Progress

Mask = npt.NDArray[np.bool_]

_FBANK_PER_VOICE_FRAME: Final = VOICE_FRAME_SAMPLES // FBANK_STEP_SAMPLES
_BLOCK_VOICE_FRAMES: Final = 375
_CONTEXT_VOICE_FRAMES: Final = 16
_WINDOW_FBANK_FRAMES: Final = count_fbank_frames(WINDOW_SAMPLES)
_WINDOW_VOICE_FRAMES: Final = WINDOW_SAMPLES / VOICE_FRAME_SAMPLES
_VARIANCE_FLOOR: Final = 1e-7
_MIN_CLEAN_FRAMES: Final = -(-WINDOW_FRAMES * FBANK_WIDTH_SAMPLES // WINDOW_SAMPLES)
_POOLED_TOGETHER: Final = 16
_EXACT_BATCH: Final = 4
_MEMORY_BYTES: Final = 64 * 2**20


class EmbeddingModel:
    """A speaker embedding graph, cut at its pooling; ``precision`` is that of the backbone, "fp32" or "int8"."""

    def __init__(
        self,
        path: Path,
        *,
        precision: str = "fp32",
        intra_threads: int | None = None,
        providers: Sequence[str] = (),
    ) -> None:
        backbone = self._derive(path, "backbone", embedding_graph.extract_backbone)
        if precision == "int8":
            backbone = quantized(backbone, quantize_backbone)
        head = self._derive(path, "head", embedding_graph.extract_head)
        self._backbone = open_session(
            backbone,
            inputs={0: (None, None, NUM_BINS)},
            outputs={},
            intra_threads=intra_threads,
            providers=providers,
        )
        self._head = open_session(
            head, inputs={0: (None, None)}, outputs={0: (None, None)}, intra_threads=intra_threads
        )
        self._backbone_input = self._backbone.get_inputs()[0].name
        self._head_input = self._head.get_inputs()[0].name
        self.channels = self._head.get_inputs()[0].shape[1] // 2
        self.dimension: int = self._head.get_outputs()[0].shape[1]
        if not isinstance(self.dimension, int):
            raise ModelError(f"{path}: the embedding has no fixed size; export the graph with one")

    @staticmethod
    def _derive(path: Path, part: str, build: embedding_graph.Extract) -> Path:
        return derive(
            path,
            recipe=f"embedding-{part}",
            version=embedding_graph.RECIPE_VERSION,
            suffix=".onnx",
            build=lambda target: build(path, target),
        )

    def frames(self, features: FloatArray) -> FloatArray:
        """Backbone output before pooling: mean-free features ``(B, T, 80) -> (B, ceil(T / 8), channels)``."""
        (maps,) = self._backbone.run(None, {self._backbone_input: features})
        batch, time = maps.shape[0], maps.shape[-1]
        frames: FloatArray = maps.reshape(batch, self.channels, time).transpose(0, 2, 1)
        return frames

    def project(self, statistics: FloatArray) -> FloatArray:
        """Embedding of pooled statistics: ``(N, 2 channels) -> (N, D)``."""
        (embeddings,) = self._head.run(None, {self._head_input: statistics.astype(np.float32, copy=False)})
        return np.asarray(embeddings, dtype=np.float32)


class VoiceFrames:
    """Backbone frames of a recording, every 80 ms, in half precision; beyond 64 MB in a temporary file.

    128 kB a second in single precision would be 460 MB an hour; half precision halves that, and costs a cosine of
    less than 1e-6 to the embeddings.
    """

    def __init__(self, channels: int) -> None:
        self.channels = channels
        self._length = 0
        self._lock = threading.Lock()
        self._file = tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES)  # noqa: SIM115 -- lives as long as self
        weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        return self._length

    def append(self, frames: FloatArray) -> None:
        """Add frames ``(n, channels)`` at the end.

        Raises
        ------
        OutputError
            If the temporary file cannot be written.
        """
        with self._lock:
            try:
                self._file.seek(0, 2)
                self._file.write(frames.astype(np.float16).tobytes())
                self._file.flush()
            except OSError as error:
                raise OutputError(
                    f"no room for the voice frames in {tempfile.gettempdir()} ({error.strerror or error}): an hour "
                    "takes 230 MB; free some space or set TMPDIR to another folder"
                ) from error
            self._length += len(frames)

    def read(self, first: int, last: int) -> FloatArray:
        """Frames ``[first, last)``, clipped to those that exist, ``float32[n, channels]``."""
        first, last = max(first, 0), min(last, self._length)
        if last <= first:
            return np.empty((0, self.channels), dtype=np.float32)
        row_bytes = 2 * self.channels
        with self._lock:
            self._file.seek(first * row_bytes)
            stored = np.frombuffer(self._file.read((last - first) * row_bytes), dtype=np.float16)
        return stored.reshape(last - first, self.channels).astype(np.float32)


def compute_voice_frames(model: EmbeddingModel, audio: Audio, *, progress: Progress | None = None) -> VoiceFrames:
    """Run the backbone once over a recording, in blocks of 30 s with 1.28 s of context on each side."""
    store = VoiceFrames(model.channels)
    num_fbank = count_fbank_frames(audio.num_samples)
    num_voice = -(-num_fbank // _FBANK_PER_VOICE_FRAME)
    for first in range(0, num_voice, _BLOCK_VOICE_FRAMES):
        last = min(first + _BLOCK_VOICE_FRAMES, num_voice)
        context = min(first, _CONTEXT_VOICE_FRAMES)
        begin = (first - context) * _FBANK_PER_VOICE_FRAME
        end = min((last + _CONTEXT_VOICE_FRAMES) * _FBANK_PER_VOICE_FRAME, num_fbank)
        features = _mean_free_fbank(audio, begin, end, num_fbank)
        frames = model.frames(features[None])[0]
        store.append(frames[context : context + last - first])
        if progress:
            progress("embedding", last, num_voice)
    return store


def _mean_free_fbank(audio: Audio, begin: int, end: int, total: int) -> FloatArray:
    """Fbank frames ``[begin, end)`` minus the mean of the 10 s around each (shifted inwards at the ends)."""
    half = _WINDOW_FBANK_FRAMES // 2
    span = min(_WINDOW_FBANK_FRAMES, total)
    low = max(min(begin - half, total - span), 0)
    high = min(max(end + half, span), total)
    features = read_fbank(audio, low, high)
    cumulative = np.zeros((len(features) + 1, NUM_BINS), dtype=np.float64)
    np.cumsum(features, axis=0, dtype=np.float64, out=cumulative[1:])
    first = np.clip(np.arange(begin, end) - half, 0, total - span) - low
    mean = (cumulative[first + span] - cumulative[first]) / span
    return (features[begin - low : end - low] - mean).astype(np.float32)


def read_fbank(audio: Audio, first: int, last: int) -> FloatArray:
    """Fbank frames ``[first, last)`` of a recording, ``(frames, 80)``."""
    start = first * FBANK_STEP_SAMPLES
    stop = (last - 1) * FBANK_STEP_SAMPLES + FBANK_WIDTH_SAMPLES
    return compute_fbank(audio.read(start, stop))


def pool_statistics(frames: FloatArray, masks: Mask) -> FloatArray:
    """Mean and unbiased standard deviation over the frames of each mask.

    Parameters
    ----------
    frames : ndarray, shape (T, C)
    masks : ndarray, shape (M, T)
        Boolean. An empty mask gives zeros.

    Returns
    -------
    ndarray, shape (M, 2 C)
    """
    weights = masks.astype(np.float32)
    count = weights.sum(axis=1, keepdims=True)
    mean = (weights @ frames) / np.maximum(count, 1)
    square = (weights @ np.square(frames)) / np.maximum(count, 1)
    variance = (square - np.square(mean)) * count / np.maximum(count - 1, 1)
    deviation = np.sqrt(np.maximum(variance, 0) + _VARIANCE_FLOOR)
    return np.concatenate([mean, deviation], axis=1)


def pool_span(frames: VoiceFrames, first: int, last: int) -> FloatArray:
    """Statistics of the frames ``[first, last)``, ``(1, 2 C)``, read in blocks of 30 s; zeros if there are none."""
    first, last = max(first, 0), min(last, len(frames))
    total, squares = np.zeros((2, frames.channels), dtype=np.float64)
    for begin in range(first, last, _BLOCK_VOICE_FRAMES):
        block = frames.read(begin, min(begin + _BLOCK_VOICE_FRAMES, last)).astype(np.float64)
        total += block.sum(axis=0)
        squares += np.square(block).sum(axis=0)
    count = max(last - first, 1)
    mean = total / count
    variance = (squares - count * np.square(mean)) / max(count - 1, 1)
    deviation = np.sqrt(np.maximum(variance, 0) + _VARIANCE_FLOOR)
    return np.concatenate([mean, deviation]).astype(np.float32)[None]


def embedding_masks(activity: npt.NDArray[np.uint8], *, exclude_overlap: bool) -> Mask:
    """Frames that stand for each local speaker: those alone if there are enough, otherwise all of its frames.

    ``(windows, 589, 3) -> (windows, 589, 3)``
    """
    active = activity > 0
    if not exclude_overlap:
        return active
    clean = active & (activity.sum(axis=2, keepdims=True) < 2)
    enough = clean.sum(axis=1, keepdims=True) > _MIN_CLEAN_FRAMES
    return np.where(enough, clean, active)


def pooled_window_embeddings(
    model: EmbeddingModel, frames: VoiceFrames, segmentation: Segmentation, *, exclude_overlap: bool
) -> FloatArray:
    """Embed each (window, local speaker) from the recording's backbone frames.

    Returns
    -------
    ndarray, shape (windows, 3, D)
        ``float32``; inactive local speakers hold the embedding of nothing, which the caller must not use.

    Notes
    -----
    Frame g of the recording lies at ``g - start / 1280`` in a window's own 125 frames and takes the activity of the
    segmentation frame there. Neighbouring windows share one matrix product.
    """
    num_windows = len(segmentation.activity)
    masks = embedding_masks(segmentation.activity, exclude_overlap=exclude_overlap)
    embeddings = np.empty((num_windows, LOCAL_SPEAKERS, model.dimension), dtype=np.float32)
    for first in range(0, num_windows, _POOLED_TOGETHER):
        chosen = range(first, min(first + _POOLED_TOGETHER, num_windows))
        starts = np.array(chosen) * segmentation.step_samples / VOICE_FRAME_SAMPLES
        low = int(np.ceil(starts[0]))
        block = frames.read(low, int(np.ceil(starts[-1] + _WINDOW_VOICE_FRAMES)))
        grid = low + np.arange(len(block))
        inside = grid[None, :] - starts[:, None]  # (windows, block frames), in frames from the window's start
        index = np.floor(inside * WINDOW_FRAMES / _WINDOW_VOICE_FRAMES).astype(np.int64)
        covered = (index >= 0) & (index < WINDOW_FRAMES)
        rows = np.arange(first, chosen.stop)[:, None]
        picked = masks[rows, np.clip(index, 0, WINDOW_FRAMES - 1)] & covered[:, :, None]
        statistics = pool_statistics(block, picked.transpose(0, 2, 1).reshape(-1, len(block)))
        embeddings[first : chosen.stop] = model.project(statistics).reshape(len(chosen), LOCAL_SPEAKERS, -1)
    return embeddings


def exact_window_embeddings(
    model: EmbeddingModel,
    audio: Audio,
    segmentation: Segmentation,
    *,
    exclude_overlap: bool,
    progress: Progress | None = None,
) -> FloatArray:
    """Embed each (window, local speaker) with a backbone pass over each window, as the reference does.

    Ten passes over the audio at a step of 1 s; for comparison. Returns ``float32[windows, 3, D]``.
    """
    num_windows = len(segmentation.activity)
    masks = embedding_masks(segmentation.activity, exclude_overlap=exclude_overlap)
    embeddings = np.empty((num_windows, LOCAL_SPEAKERS, model.dimension), dtype=np.float32)
    for first, features in _window_features(audio, num_windows, segmentation.step_samples):
        for offset, frames in enumerate(model.frames(features)):
            index = np.arange(len(frames)) * WINDOW_FRAMES // len(frames)
            statistics = pool_statistics(np.ascontiguousarray(frames), masks[first + offset, index].T)
            embeddings[first + offset] = model.project(statistics)
        if progress:
            progress("embedding", first + len(features), num_windows)
    return embeddings


def _window_features(audio: Audio, num_windows: int, step_samples: int) -> Iterator[tuple[int, FloatArray]]:
    for first in range(0, num_windows, _EXACT_BATCH):
        batch = []
        for window in range(first, min(first + _EXACT_BATCH, num_windows)):
            samples = audio.read(window * step_samples, window * step_samples + WINDOW_SAMPLES)
            features = compute_fbank(np.pad(samples, (0, WINDOW_SAMPLES - len(samples))))
            batch.append(features - features.mean(axis=0))
        yield first, np.stack(batch)
