"""PyTorch networks whose checkpoints `export_onnx.py` converts to the graphs that the program runs.

Each module describes one network in ``NETWORK``, a `Network`; `export_onnx.NETWORKS` lists them. The networks support
inference only, and load only tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from oolong_align.diarization.fbank import FbankWindow, compute_fbank
from oolong_align.errors import InputError
from oolong_align.timing.grid import WINDOW_SAMPLES

FloatArray: TypeAlias = npt.NDArray[np.float32]
State: TypeAlias = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Conversion of one architecture's checkpoints to a graph.

    Attributes
    ----------
    name : str
        Name in messages.
    input, output : str
        Names in the graph.
    input_axes, output_axes : tuple of str or None
        For each axis its name if its size is dynamic, or ``None`` if the network fixes its size.
    recognises : callable
        Takes the tensors of a checkpoint by name and returns whether they belong to the architecture. Must not raise.
    build : callable
        Takes these tensors and returns the network in evaluation mode, with one input and one output, both
        ``float32``. Raises ``KeyError``, ``ValueError`` or ``RuntimeError`` if a tensor is missing, unexpected, or has
        another shape.
    prepare : callable
        Takes mono samples at 16 kHz, ``float32[N]`` in [-1, 1], and returns a batch of the network's input. The graph
        is traced with the first row and compared with the network on all rows.
    framework : str, optional
        Toolkit whose features an embedding network expects. Stored in the metadata of the graph, where
        `oolong_align.diarization.fbank.find_fbank_window` reads it.
    """

    name: str
    input: str
    output: str
    input_axes: tuple[str | None, ...]
    output_axes: tuple[str | None, ...]
    recognises: Callable[[State], bool]
    build: Callable[[State], nn.Module]
    prepare: Callable[[FloatArray], FloatArray]
    framework: str | None = None


def whole_windows(samples: FloatArray) -> FloatArray:
    """Split audio into windows of 10 s without overlap, ``(windows, 160000)``; pad shorter audio with silence.

    Constant windows are left out: networks that normalise their input divide by its variance, so the outputs would
    consist of rounding errors.

    Raises
    ------
    InputError
        If all windows are constant.
    """
    windows = max(len(samples) // WINDOW_SAMPLES, 1)
    filled = np.zeros(windows * WINDOW_SAMPLES, dtype=np.float32)
    filled[: len(samples)] = samples[: len(filled)]
    rows = filled.reshape(windows, WINDOW_SAMPLES)
    sounding = rows[np.ptp(rows, axis=1) > 0]
    if not len(sounding):
        raise InputError("the audio to compare on is silent; use a recording with speech")
    return sounding


def mean_free_fbank(samples: FloatArray, fbank_window: FbankWindow = "hamming") -> FloatArray:
    """Compute features of `whole_windows`, each minus its mean over time, ``(windows, 998, 80)``."""
    features = np.stack([compute_fbank(window, fbank_window) for window in whole_windows(samples)])
    features -= features.mean(axis=1, keepdims=True)
    return features
