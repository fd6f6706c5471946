"""Networks in PyTorch whose checkpoints `export_onnx.py` turns into the graphs that the program runs.

Each module describes one network as ``NETWORK``, a `Network`; `export_onnx.NETWORKS` lists them. Only what the
program needs is there: no training, no loading of anything but tensors.
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
    """How checkpoints of one architecture become a graph.

    Attributes
    ----------
    name : str
        For messages.
    input, output : str
        Names in the graph.
    input_axes, output_axes : tuple of str or None
        For each axis the name that makes it a free one, or ``None`` where its size is that of the network.
    recognises : callable
        Whether the tensors of a checkpoint, by name, are those of the architecture; must not raise.
    build : callable
        From such tensors to the network in evaluation mode: one input, one output, both ``float32``. Raises
        ``KeyError``, ``ValueError`` or ``RuntimeError`` if a tensor is missing, too many, or has another shape.
    prepare : callable
        From mono samples at 16 kHz, ``float32[N]`` in [-1, 1], to a batch of the network's input. The graph is traced
        with its first row and compared with the network on all of it.
    framework : str, optional
        Metadata of the graph: the toolkit whose features an embedding network expects, as
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
    """Windows of 10 s without overlap, ``(windows, 160000)``; what is shorter than one is filled with silence.

    Windows without any sound are left out: a network that normalises its input divides by their variance, and what it
    gives is rounding.

    Raises
    ------
    InputError
        If there is no other.
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
    """Features of `whole_windows`, each minus its mean over time, ``(windows, 998, 80)``."""
    features = np.stack([compute_fbank(window, fbank_window) for window in whole_windows(samples)])
    features -= features.mean(axis=1, keepdims=True)
    return features
