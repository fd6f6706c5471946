"""Speaker embeddings: backbone frames of the recording, pooled over a span or a mask into one vector.

The backbone runs once over the speech of a recording, separately for each stretch between two changes of speaker. The
model expects features minus their mean over a 10 s window; the mean of the 10 s around each frame replaces it.

References
----------
Wang et al., "WeSpeaker: a research and production oriented speaker embedding learning toolkit", ICASSP 2023.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from oolong_align.audio.recording import Audio
from oolong_align.diarization.fbank import (
    NUM_BINS,
    FbankWindow,
    count_fbank_frames,
    find_fbank_window,
    read_mean_free_fbank,
)
from oolong_align.diarization.frame_store import FrameStore, Mask, Stored
from oolong_align.diarization.pooling import pool_statistics
from oolong_align.errors import ModelError
from oolong_align.networks import embedding_graph
from oolong_align.networks.quantization import quantize_backbone, quantized
from oolong_align.networks.session import count_parallel_calls, open_session
from oolong_align.timing.grid import (
    FBANK_STEP_SAMPLES,
    VOICE_FRAME_SAMPLES,
    Spans,
)
from oolong_align.types import FloatArray, Progress
from oolong_align.util.parallel import ordered_map
from oolong_align.weights import derive

_FBANK_PER_VOICE_FRAME: Final = VOICE_FRAME_SAMPLES // FBANK_STEP_SAMPLES
# In voice frames of 80 ms. The boundaries between blocks change the embeddings of pieces by a cosine distance of 2e-4
# to 5e-4 on average; embeddings from separate backbone passes over each window differ by 2e-2. For a network that
# averages over all of its input, such as CAM++, it is 4e-2 with any block from 4 to 30 s. A window has 10 s.
_BLOCK: Final = 125
_CONTEXT: Final = 3
_READ: Final = 1500
_PROBED: Final = 4


class EmbeddingModel:
    """A speaker embedding graph, split at its pooling; ``precision`` is that of the backbone, "fp32" or "int8".

    Attributes
    ----------
    channels, dimension : int
        Size of a backbone frame and of an embedding.
    per_voice_frame : int
        Backbone frames in 80 ms.
    fbank_window : {"hamming", "povey"}
        Window of the features, from the graph's metadata.
    threads : int
        Number of calls to run in parallel, each on one thread.
    """

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
        pooling = self._derive(path, "pooling", embedding_graph.extract_pooling)
        self._backbone = open_session(backbone, inputs={0: (None, None, NUM_BINS)}, outputs={}, providers=providers)
        self._head = open_session(head, inputs={0: (None, None)}, outputs={0: (None, None)})
        self._pooling = open_session(pooling, inputs={}, outputs={0: (None, None)})
        self.fbank_window = find_fbank_window(path, self._backbone.get_modelmeta().custom_metadata_map)
        self._backbone_input = self._backbone.get_inputs()[0].name
        self._head_input = self._head.get_inputs()[0].name
        self.channels = self._head.get_inputs()[0].shape[1] // 2
        self.dimension: int = self._head.get_outputs()[0].shape[1]
        if not isinstance(self.dimension, int):
            raise ModelError(f"{path}: the embedding has no fixed size. Export the graph with a fixed size")
        self.threads = count_parallel_calls(self._backbone, intra_threads)
        probe = self.frames(np.zeros((1, _PROBED * _FBANK_PER_VOICE_FRAME, NUM_BINS), dtype=np.float32))
        if not (
            np.isfinite(probe).all()
            and np.isfinite(self.project(pool_statistics(probe[0], np.ones((1, probe.shape[1]), dtype=np.bool_)))).all()
        ):
            raise ModelError(f"{path}: the output is not finite. The file may be damaged: download it again")
        self.per_voice_frame, rest = divmod(probe.shape[1], _PROBED)
        if rest or not self.per_voice_frame:
            raise ModelError(
                f"{path}: the backbone outputs {probe.shape[1]} frames for {_PROBED * 80} ms. "
                "Use a network with a frame step of 80, 40, 20 or 10 ms"
            )

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
        """Backbone output before pooling: mean-free features ``(B, T, 80) -> (B, frames, channels)``."""
        (maps,) = self._backbone.run(None, {self._backbone_input: features})
        batch, time = maps.shape[0], maps.shape[-1]
        frames: FloatArray = maps.reshape(batch, self.channels, time).transpose(0, 2, 1)
        return frames

    def project(self, statistics: FloatArray) -> FloatArray:
        """Embedding of pooled statistics: ``(N, 2 channels) -> (N, D)``."""
        (embeddings,) = self._head.run(None, {self._head_input: statistics.astype(np.float32, copy=False)})
        return np.asarray(embeddings, dtype=np.float32)

    def pool(self, frames: Stored, masks: Mask) -> FloatArray:
        """Embedding of the voice frames of each mask, equal to `project` of `pool_statistics`.

        ``(T per_voice_frame, channels), (M, T) -> (M, D)``.
        """
        if self.per_voice_frame > 1:
            masks = masks.repeat(self.per_voice_frame, axis=1)
        count = masks.sum(axis=1, keepdims=True)
        inputs = {
            "pool_frames": frames,
            "pool_weights": (masks / np.maximum(count, 1)).astype(np.float32),
            "pool_correction": (count / np.maximum(count - 1, 1)).astype(np.float32),
        }
        return np.asarray(self._pooling.run(None, inputs)[0], dtype=np.float32)


def compute_frames(
    model: EmbeddingModel, audio: Audio, *, stretches: Spans | None = None, progress: Progress | None = None
) -> FrameStore:
    """Run the backbone once over a recording, separately for each stretch, in blocks of at most 10 s.

    The input of the backbone ends at the bounds of a stretch, so the frames of a stretch with one speaker depend on
    that speaker alone, apart from the mean that is subtracted from the features. Blocks of one stretch get 0.24 s of
    context from their neighbours.

    Parameters
    ----------
    model : EmbeddingModel
    audio : Audio
    stretches : ndarray, shape (N, 2), optional
        First voice frame and the one after the last, sorted, without overlap; by default the whole recording is one
        stretch.
    progress : callable, optional
        Called as ``progress("embedding", done, total)``, in frames of 80 ms.
    """
    length = count_voice_frames(audio.num_samples)
    if stretches is None:
        stretches = np.array([[0, length]])
    present = np.zeros(length, dtype=np.bool_)
    for first, last in stretches.tolist():
        present[first:last] = True
    rows = model.per_voice_frame
    store = FrameStore(model.channels, present, rows=rows)
    total, done = int(present.sum()), 0

    def run(block: tuple[FloatArray, slice]) -> Stored:
        features, own = block
        frames = model.frames(features.reshape(1, -1, NUM_BINS))[0]
        stored: Stored = frames[own.start * rows : own.stop * rows].astype(np.float16)
        return stored

    blocks = _feature_blocks(audio, model.fbank_window, stretches, length)
    for _, frames in ordered_map(run, blocks, threads=model.threads):
        store.append(frames)
        done += len(frames) // rows
        if progress:
            progress("embedding", done, total)
    return store


def count_voice_frames(num_samples: int) -> int:
    """Count the backbone frames of a recording, 80 ms apart."""
    return -(-count_fbank_frames(num_samples) // _FBANK_PER_VOICE_FRAME)


def _feature_blocks(
    audio: Audio, window: FbankWindow, stretches: Spans, length: int
) -> Iterator[tuple[FloatArray, slice]]:
    """Yield the mean-free features of a block with its context, ``(frames, 8, 80)``, and the slice without context."""
    held = np.empty((0, _FBANK_PER_VOICE_FRAME, NUM_BINS), dtype=np.float32)
    start = stop = 0
    for low, first, last, high in _blocks(stretches):
        if high > stop:
            begin = max(low, stop)
            stop = min(max(high, begin + _READ), length)
            held, start = np.concatenate([held[low - start :], _read_features(audio, window, begin, stop)]), low
        yield held[low - start : high - start], slice(first - low, last - low)


def _blocks(stretches: Spans) -> Iterator[tuple[int, int, int, int]]:
    """Yield the blocks of each stretch: start of context, start of block, end of block, end of context."""
    for first, last in stretches.tolist():
        for begin in range(first, last, _BLOCK):
            end = min(begin + _BLOCK, last)
            yield max(begin - _CONTEXT, first), begin, end, min(end + _CONTEXT, last)


def _read_features(audio: Audio, window: FbankWindow, first: int, last: int) -> FloatArray:
    """Mean-free features of voice frames, ``(frames, 8, 80)``; zeros after the end of the recording."""
    begin, end = first * _FBANK_PER_VOICE_FRAME, last * _FBANK_PER_VOICE_FRAME
    features = read_mean_free_fbank(audio, begin, min(end, count_fbank_frames(audio.num_samples)), window)
    filled = np.pad(features, ((0, end - begin - len(features)), (0, 0)))
    return filled.reshape(-1, _FBANK_PER_VOICE_FRAME, NUM_BINS)
