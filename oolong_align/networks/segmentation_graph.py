"""Split a published segmentation graph, so that overlapping windows share its first convolution.

The graph normalises each window as ``y = gain * x + shift``, convolves it with band-pass filters, and takes the
largest absolute value of every three outputs. The convolution is linear. If ``s`` is the sum of a filter's taps, its
output is ``gain * conv(x) + shift * s``, and the largest absolute value of three outputs is
``max(gain * highest + shift * s, -gain * lowest - shift * s)``. The highest and the lowest of ``conv(x)`` do not depend
on the window.

The result is three graphs: the filters, for any block of samples; the remaining convolutions, for one window; the
recurrent layers, for a batch of windows. Other exports of the architecture raise `ModelError`; the caller runs them
unsplit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from oolong_align.errors import ModelError
from oolong_align.networks.session import extract_part, load_graph
from oolong_align.timing.grid import WINDOW_SAMPLES
from oolong_align.types import FloatArray

if TYPE_CHECKING:
    import onnx

RECIPE_VERSION: Final = 2
STRIDE_SAMPLES: Final = 10
POOLED: Final = 3
_OPSET: Final = 17
_IR_VERSION: Final = 8

Extract: TypeAlias = Callable[[Path, Path], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Joints:
    """Where to split a graph: normalisation ``(gain, shift, epsilon)``, filters ``(K, taps)``, names of two tensors."""

    normalisation: tuple[float, float, float]
    filters: FloatArray
    pooled: str
    features: str


def extract_filters(source: Path, target: Path) -> None:
    """Write the part ``samples [1, 1, N] -> [1, K, 1 + (N - taps) // 30]``: every third output of the filters."""
    import onnx
    from onnx import helper, numpy_helper

    filters = _find_joints(load_graph(source), source).filters
    conv = helper.make_node("Conv", ["samples", "filters"], ["filtered"], strides=[POOLED * STRIDE_SAMPLES])
    graph = helper.make_graph(
        [conv],
        "filters",
        [_tensor("samples", (1, 1, "samples"))],
        [_tensor("filtered", (1, len(filters), "time"))],
        [numpy_helper.from_array(filters[:, None], "filters")],
    )
    opset = helper.make_opsetid("", _OPSET)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION), str(target))


def extract_convolutions(source: Path, target: Path) -> None:
    """Write the part ``highest, lowest [1, K, T], mean, variance [1, 1, 1] -> features [1, C, T']`` of a window."""
    import onnx
    from onnx import helper, numpy_helper

    model = load_graph(source)
    joints = _find_joints(model, source)
    part = extract_part(model, [joints.pooled], [joints.features])
    gain, shift, epsilon = joints.normalisation
    constants = {"gain": gain, "shift": shift, "epsilon": epsilon, "sums": joints.filters.sum(axis=1, dtype=np.float64)}
    nodes = [
        helper.make_node("Add", ["window_variance", "window_epsilon"], ["window_floored"]),
        helper.make_node("Sqrt", ["window_floored"], ["window_deviation"]),
        helper.make_node("Div", ["window_gain", "window_deviation"], ["window_scale"]),
        helper.make_node("Mul", ["window_mean", "window_scale"], ["window_centre"]),
        helper.make_node("Sub", ["window_shift", "window_centre"], ["window_offset"]),
        helper.make_node("Mul", ["window_offset", "window_sums"], ["window_offsets"]),
        helper.make_node("Mul", ["window_highest", "window_scale"], ["window_scaled"]),
        helper.make_node("Add", ["window_scaled", "window_offsets"], ["window_above"]),
        helper.make_node("Neg", ["window_scale"], ["window_mirror"]),
        helper.make_node("Mul", ["window_lowest", "window_mirror"], ["window_mirrored"]),
        helper.make_node("Sub", ["window_mirrored", "window_offsets"], ["window_below"]),
        helper.make_node("Max", ["window_above", "window_below"], [joints.pooled]),
    ]
    channels, taps = joints.filters.shape
    length = ((WINDOW_SAMPLES - taps) // STRIDE_SAMPLES + 1) // POOLED
    del part.graph.input[:]
    part.graph.input.extend(
        [
            _tensor("window_highest", (1, channels, length)),
            _tensor("window_lowest", (1, channels, length)),
            _tensor("window_mean", (1, 1, 1)),
            _tensor("window_variance", (1, 1, 1)),
        ]
    )
    part.graph.output[0].CopyFrom(_tensor(joints.features, (1, "channels", "frames")))
    for name, value in constants.items():
        shaped = np.asarray(value, dtype=np.float32).reshape(1, -1, 1)
        part.graph.initializer.append(numpy_helper.from_array(shaped, f"window_{name}"))
    rest = list(part.graph.node)
    del part.graph.node[:]
    part.graph.node.extend([*nodes, *rest])
    onnx.save(part, str(target))


def extract_recurrent(source: Path, target: Path) -> None:
    """Write the part ``features [B, C, T'] -> log-probabilities [B, T', classes]``."""
    import onnx

    model = load_graph(source)
    joints = _find_joints(model, source)
    part = extract_part(model, [joints.features], [model.graph.output[0].name])
    part.graph.input[0].CopyFrom(_tensor(joints.features, ("windows", "channels", "time")))
    onnx.save(part, str(target))


def _find_joints(model: onnx.ModelProto, source: Path) -> _Joints:
    found = _match(model)
    if found is None:
        raise ModelError(f"{source}: this segmentation graph does not start with the layers of a SincNet")
    return found


def _match(model: onnx.ModelProto) -> _Joints | None:
    from onnx import numpy_helper

    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    first = _chain(model, ("MaxPool", "Abs", "Conv", "InstanceNormalization"))
    recurrent = _chain(model, ("LSTM", "Transpose"))
    if first is None or recurrent is None:
        return None
    pool, _, conv, norm = first
    filters, gain, shift = (arrays.get(name, np.empty(0)) for name in (conv.input[1], *norm.input[1:]))
    fits = (
        norm.input[0] == model.graph.input[0].name
        and gain.size == shift.size == 1
        and filters.ndim == 3
        and filters.shape[1] == 1
        and len(conv.input) == 2
        and _attribute(conv, "strides") == [STRIDE_SAMPLES]
        and _attribute(pool, "kernel_shape") == _attribute(pool, "strides") == [POOLED]
        and not any([*(_attribute(conv, "pads") or ()), *(_attribute(pool, "pads") or ())])
    )
    if not fits:
        return None
    return _Joints(
        normalisation=(float(gain[0]), float(shift[0]), float(_attribute(norm, "epsilon"))),
        filters=filters[:, 0],
        pooled=pool.output[0],
        features=recurrent[1].input[0],
    )


def _chain(model: onnx.ModelProto, types: tuple[str, ...]) -> list[Any] | None:
    """First node of ``types[0]``, the node that produces its first input, and so on, if all have the given types.

    A convolution may be inside an ``If`` node that checks the number of channels.
    """
    producers = {name: node for node in model.graph.node for name in node.output}
    node = next((node for node in model.graph.node if node.op_type == types[0]), None)
    chain = []
    for wanted in types:
        if node is not None and node.op_type == "If":
            node = next(iter(_attribute(node, "then_branch").node), None)
        if node is None or node.op_type != wanted:
            return None
        chain.append(node)
        node = producers.get(node.input[0])
    return chain


def _attribute(node: Any, name: str) -> Any:
    import onnx

    for attribute in node.attribute:
        if attribute.name == name:
            return onnx.helper.get_attribute_value(attribute)
    return None


def _tensor(name: str, shape: tuple[int | str, ...]) -> onnx.ValueInfoProto:
    import onnx

    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
