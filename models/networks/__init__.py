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
    input_axes, output_axes : tuple of str or int
        For each axis its fixed size, or the name that makes it a free one.
    recognises : callable
        Whether the tensors of a checkpoint, by name, are those of the architecture; must not raise.
    build : callable
        From such tensors to the network in evaluation mode: one input, one output, both ``float32``. Raises
        ``ValueError`` or ``RuntimeError`` if a shape is wrong or a tensor is missing.
    prepare : callable
        From mono samples at 16 kHz, ``float32[N]`` in [-1, 1], to a batch of the network's input. The graph is traced
        with a part of it and compared with the network on all of it.
    """

    name: str
    input: str
    output: str
    input_axes: tuple[str | int, ...]
    output_axes: tuple[str | int, ...]
    recognises: Callable[[State], bool]
    build: Callable[[State], nn.Module]
    prepare: Callable[[FloatArray], FloatArray]
