"""Build the networks of pyannote.audio with the weights of the program, and check that they match its graphs.

Used by ``reference.py``. torch and pyannote.audio are imported in the functions that need them, so that graph
weights can be read and converted without either.
"""

from __future__ import annotations

import os
import pickle
import sys
import types
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from oolong_align.errors import ModelError, UsageError
from oolong_align.networks.embedding_graph import VARIANCE_FLOOR

Array: TypeAlias = npt.NDArray[np.float32]

BATCH_NORM_EPSILON = 1e-5


@dataclass(frozen=True)
class GraphWeights:
    """Weights of a WeSpeaker ResNet graph whose batch normalisations are folded into its convolutions.

    Attributes
    ----------
    convolutions : list of (ndarray, ndarray)
        Kernel ``(out, in, height, width)`` and bias ``(out,)``, in execution order.
    projection : tuple of (ndarray, ndarray)
        Weight ``(D, 2C)`` and bias ``(D,)`` of the last layer, including the subtraction of a mean.
    """

    convolutions: list[tuple[Array, Array]]
    projection: tuple[Array, Array]


def read_graph(path: Path) -> GraphWeights:
    """Read the weights of an ONNX graph.

    Raises
    ------
    ModelError
        If the file is not a WeSpeaker ResNet graph.
    """
    from onnx import numpy_helper

    from oolong_align.networks.session import load_graph

    graph = load_graph(path).graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    layers = [node for node in graph.node if node.op_type == "Gemm"]
    if len(layers) != 1 or not all(
        len(node.input) == 3 and {*node.input[1:]} <= stored.keys() for node in [*convolutions, *layers]
    ):
        raise ModelError(
            f"{path} is not a WeSpeaker ResNet graph with folded batch normalisation and one last layer; use the file "
            "of the default bundle (oolong models path embedding)"
        )
    weight, bias = (stored[name] for name in layers[0].input[1:])
    if not any(attribute.name == "transB" and attribute.i for attribute in layers[0].attribute):
        weight = weight.T
    for node in graph.node:
        if node.op_type == "Sub" and node.input[0] == layers[0].output[0] and node.input[1] in stored:
            bias = bias - stored[node.input[1]]
    kernels = [(stored[node.input[1]], stored[node.input[2]]) for node in convolutions]
    return GraphWeights(kernels, (np.ascontiguousarray(weight), bias))


def place_weights(weights: GraphWeights, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    """Convert weights to the state of a torch module with separate batch normalisations.

    Parameters
    ----------
    weights : GraphWeights
    shapes : mapping of str to tuple of int
        Shapes of the module's state, in its order: a normalisation follows each kernel.

    Returns
    -------
    dict of str to ndarray
        An array for each name. Each normalisation only adds the bias: its running variance and the epsilon add up
        to 1.

    Raises
    ------
    ModelError
        If the number of layers or their shapes differ.
    """
    kernels = [name for name, shape in shapes.items() if len(shape) == 4]
    norms = [name.removesuffix("running_mean") for name in shapes if name.endswith("running_mean")]
    matrices = [name.removesuffix("weight") for name, shape in shapes.items() if len(shape) == 2]
    if not len(kernels) == len(norms) == len(weights.convolutions) or len(matrices) != 1:
        raise ModelError(
            f"the graph has {len(weights.convolutions)} convolutions, the module {len(kernels)} with {len(norms)} "
            f"normalisations and {len(matrices)} matrices; use a WeSpeaker ResNet34 graph"
        )
    state: dict[str, Array] = {}
    for kernel, norm, (weight, bias) in zip(kernels, norms, weights.convolutions, strict=True):
        size = len(bias)
        state[kernel] = weight
        state[f"{norm}weight"] = np.ones(size, dtype=np.float32)
        state[f"{norm}bias"] = bias
        state[f"{norm}running_mean"] = np.zeros(size, dtype=np.float32)
        state[f"{norm}running_var"] = np.full(size, 1 - BATCH_NORM_EPSILON, dtype=np.float32)
        state[f"{norm}num_batches_tracked"] = np.zeros((), dtype=np.int64)
    state[f"{matrices[0]}weight"], state[f"{matrices[0]}bias"] = weights.projection
    for name, shape in shapes.items():
        found = state[name].shape if name in state else "nothing"
        if found != shape:
            raise ModelError(f"the module's {name} has the shape {shape}, the graph has {found}; use a ResNet34 graph")
    return state


def import_pyannote() -> None:
    """Import pyannote.audio without its telemetry.

    The torchaudio wheel on the package index is built for CUDA, and its native library cannot be loaded with torch for
    the CPU. pyannote.audio uses only its Kaldi features, which are pure Python, so this imports torchaudio without the
    native library.

    Raises
    ------
    UsageError
        If pyannote.audio 4 is not installed.
    """
    os.environ.update(PYANNOTE_METRICS_ENABLED="false", HF_HUB_OFFLINE="1")
    library = types.ModuleType("torchaudio._extension")
    library._IS_TORCHAUDIO_EXT_AVAILABLE = library._IS_ALIGN_AVAILABLE = False  # type: ignore[attr-defined]
    library._check_cuda_version = lambda: None  # type: ignore[attr-defined]
    library.fail_if_no_align = lambda function: function  # type: ignore[attr-defined]
    sys.modules.setdefault("torchaudio._extension", library)
    warnings.simplefilter("ignore")  # from pyannote.audio: torchcodec without FFmpeg, masks with few frames
    try:
        import pyannote.audio
    except ImportError as error:
        raise UsageError(
            f"{sys.executable} has no pyannote.audio ({error}). In a separate environment: pip install '.[reference]'"
        ) from error
    if not pyannote.audio.__version__.startswith("4."):
        raise UsageError(f"pyannote.audio is {pyannote.audio.__version__}, but 4 is needed: pip install '.[reference]'")


def load_segmentation(checkpoint: Path) -> Any:
    """Build pyannote's segmentation network from a checkpoint without running code from the file.

    Raises
    ------
    ModelError
        If the file is not a checkpoint of segmentation-3.0, or contains more than tensors and its specifications.
    """
    import torch
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from pyannote.audio.models.segmentation import PyanNet
    from torch.torch_version import TorchVersion

    try:
        with torch.serialization.safe_globals([Problem, Resolution, Specifications, TorchVersion]):
            stored = torch.load(checkpoint, map_location="cpu", weights_only=True)
        model = PyanNet(**stored["hyper_parameters"])
        model.specifications = stored["pyannote.audio"]["specifications"]
        model.build()
        model.load_state_dict(stored["state_dict"])
    except pickle.UnpicklingError as error:  # the message advises to load the file unsafely
        raise ModelError(
            f"{checkpoint} is not a checkpoint of pyannote's segmentation-3.0: it is damaged or wants to run code, "
            "and is not read; use its pytorch_model.bin"
        ) from error
    except Exception as error:
        reason = str(error).strip().splitlines()
        raise ModelError(
            f"{checkpoint} is not a checkpoint of pyannote's segmentation-3.0 ({reason[0] if reason else error!r}); "
            "use its pytorch_model.bin"
        ) from error
    return model.eval()


def load_embedding(graph: Path) -> Any:
    """Build pyannote's WeSpeaker ResNet34 with the weights of an ONNX graph."""
    import torch
    from pyannote.audio.models.embedding import WeSpeakerResNet34

    model = WeSpeakerResNet34()
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    state = place_weights(read_graph(graph), shapes)
    model.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in state.items()})
    return model.eval()


def embed_as_graph(model: Any, waveform: Any) -> Array:
    """Compute embeddings as published graphs do, with a variance floor that the pooling of pyannote.audio lacks.

    Without the floor, silent channels alone cause a difference of 5e-4, which would hide a wrong weight.
    """
    import torch

    frames = model.forward_frames(waveform).flatten(1, 2)  # (1, channels, frames)
    statistics = torch.cat([frames.mean(dim=2), (frames.var(dim=2) + VARIANCE_FLOOR).sqrt()], dim=1)
    embedding: Array = model.resnet.seg_1(statistics).numpy()
    return embedding


def check_network(name: str, ours: Path, features: Array, theirs: Array, tolerance: float) -> None:
    """Compare the outputs of pyannote's network and an ONNX graph for the same input, and report the difference.

    Raises
    ------
    ModelError
        If the largest difference is above ``tolerance`` times the largest value.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(str(ours), providers=["CPUExecutionProvider"])
    expected = session.run(None, {session.get_inputs()[0].name: features})[0]
    largest, scale = float(np.abs(expected - theirs).max()), float(np.abs(expected).max())
    print(f"{name}: largest difference to {ours}: {largest:.2g}, largest value {scale:.3g}", file=sys.stderr)
    if not largest <= tolerance * scale:
        raise ModelError(
            f"the {name} does not have the weights of {ours}: the outputs differ by {largest:.3g}. Use its own weights"
        )
