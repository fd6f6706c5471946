"""Split a published speaker embedding graph at its statistics pooling into a backbone and a head.

The published graph turns features into one embedding. Pooling the same frames with many masks requires the two parts
separately. Only graphs that pool by mean and standard deviation can be split.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from oolong_align.errors import ModelError
from oolong_align.networks.session import extract_part, load_graph

if TYPE_CHECKING:
    import onnx

RECIPE_VERSION: Final = 2
VARIANCE_FLOOR: Final = 1e-7

Extract: TypeAlias = Callable[[Path, Path], None]


def extract_backbone(source: Path, target: Path) -> None:
    """Write the part ``features [B, T, F] -> frames [B, ..., T/8]``."""
    import onnx

    model = load_graph(source)
    frames, _ = _find_pooling(model, source)
    onnx.save(extract_part(model, [model.graph.input[0].name], [frames]), str(target))


def extract_head(source: Path, target: Path) -> None:
    """Write the part ``mean and standard deviation [B, 2C] -> embedding [B, D]``."""
    import onnx

    model = load_graph(source)
    _, statistics = _find_pooling(model, source)
    onnx.save(extract_part(model, [statistics], [model.graph.output[0].name]), str(target))


def extract_pooling(source: Path, target: Path) -> None:
    """Write `extract_head` with the pooling of stored frames before it.

    ``frames float16[T, C], weights [M, T], correction [M, 1] -> embedding [M, D]``: a row of weights averages over
    the frames of a mask, and ``correction`` multiplies the variance: n / (n - 1) for n frames.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = load_graph(source)
    _, statistics = _find_pooling(model, source)
    head = extract_part(model, [statistics], [model.graph.output[0].name])
    steps = [
        ("Cast", ["pool_frames"], "pool_values", {"to": TensorProto.FLOAT}),
        ("Mul", ["pool_values", "pool_values"], "pool_squares", {}),
        ("MatMul", ["pool_weights", "pool_values"], "pool_mean", {}),
        ("MatMul", ["pool_weights", "pool_squares"], "pool_square", {}),
        ("Mul", ["pool_mean", "pool_mean"], "pool_mean_square", {}),
        ("Sub", ["pool_square", "pool_mean_square"], "pool_biased", {}),
        ("Mul", ["pool_biased", "pool_correction"], "pool_unbiased", {}),
        ("Relu", ["pool_unbiased"], "pool_variance", {}),
        ("Add", ["pool_variance", "pool_floor"], "pool_floored", {}),
        ("Sqrt", ["pool_floored"], "pool_deviation", {}),
        ("Concat", ["pool_mean", "pool_deviation"], statistics, {"axis": 1}),
    ]
    nodes = [helper.make_node(op, inputs, [output], **attributes) for op, inputs, output, attributes in steps]
    rest = list(head.graph.node)
    del head.graph.node[:], head.graph.input[:]
    head.graph.node.extend([*nodes, *rest])
    for name, kind, shape in (
        ("pool_frames", TensorProto.FLOAT16, ("frames", "channels")),
        ("pool_weights", TensorProto.FLOAT, ("masks", "frames")),
        ("pool_correction", TensorProto.FLOAT, ("masks", 1)),
    ):
        head.graph.input.append(helper.make_tensor_value_info(name, kind, shape))
    floor = np.array([VARIANCE_FLOOR], dtype=np.float32)
    head.graph.initializer.append(numpy_helper.from_array(floor, "pool_floor"))
    onnx.save(head, str(target))


def _find_pooling(model: onnx.ModelProto, source: Path) -> tuple[str, str]:
    """Names of the tensor before the pooling and of the concatenated statistics."""
    producers = {name: node for node in model.graph.node for name in node.output}
    statistics = [
        node.output[0]
        for node in model.graph.node
        if node.op_type == "Concat" and len(node.input) == 2 and _is_mean_and_deviation(node, producers)
    ]
    if len(statistics) != 1:
        raise ModelError(
            f"{source}: found {len(statistics)} poolings by mean and standard deviation in the embedding graph, "
            "expected 1. Use a graph exported as WeSpeaker does"
        )
    mean = _ancestor(producers[statistics[0]].input[0], producers, "ReduceMean")
    return mean.input[0], statistics[0]


def _is_mean_and_deviation(concat: Any, producers: dict[str, Any]) -> bool:
    mean = _ancestor(concat.input[0], producers, "ReduceMean")
    deviation = _ancestor(concat.input[1], producers, "Sqrt")
    return mean is not None and deviation is not None


def _ancestor(name: str, producers: dict[str, Any], op_type: str) -> Any:
    """Node of ``op_type`` that produces a tensor, ignoring changes of shape; `None` if another type comes first."""
    node = producers.get(name)
    while node is not None and node.op_type in {"Flatten", "Reshape", "Squeeze", "Unsqueeze", "Identity"}:
        node = producers.get(node.input[0])
    return node if node is not None and node.op_type == op_type else None
