"""Cut a published speaker embedding graph at its statistics pooling: a backbone before it, a head behind it.

The published graph turns features into one embedding. Pooling frames with masks, and pooling the same frames many
times, needs the two halves by themselves. Only graphs that pool with mean and standard deviation are cut.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from oolong_align.errors import ModelError
from oolong_align.onnx import load_graph

if TYPE_CHECKING:
    import onnx

RECIPE_VERSION: Final = 1

Extract: TypeAlias = Callable[[Path, Path], None]


def extract_backbone(source: Path, target: Path) -> None:
    """Write the part ``features [B, T, F] -> frames [B, ..., T/8]``."""
    model = load_graph(source)
    frames, _ = _find_pooling(model, source)
    _write_part(model, [model.graph.input[0].name], [frames], target)


def extract_head(source: Path, target: Path) -> None:
    """Write the part ``mean and standard deviation [B, 2C] -> embedding [B, D]``."""
    model = load_graph(source)
    _, statistics = _find_pooling(model, source)
    _write_part(model, [statistics], [model.graph.output[0].name], target)


def _find_pooling(model: onnx.ModelProto, source: Path) -> tuple[str, str]:
    """Names of the tensor that is pooled over time and of the concatenated statistics."""
    producers = {name: node for node in model.graph.node for name in node.output}
    statistics = [
        node.output[0]
        for node in model.graph.node
        if node.op_type == "Concat" and len(node.input) == 2 and _is_mean_and_deviation(node, producers)
    ]
    if len(statistics) != 1:
        raise ModelError(
            f"{source}: found {len(statistics)} poolings by mean and standard deviation in the embedding graph, "
            "expected 1; use a WeSpeaker-style graph"
        )
    mean = _ancestor(producers[statistics[0]].input[0], producers, "ReduceMean")
    return mean.input[0], statistics[0]


def _is_mean_and_deviation(concat: Any, producers: dict[str, Any]) -> bool:
    mean = _ancestor(concat.input[0], producers, "ReduceMean")
    deviation = _ancestor(concat.input[1], producers, "Sqrt")
    return mean is not None and deviation is not None


def _ancestor(name: str, producers: dict[str, Any], op_type: str) -> Any:
    """Node of a type that makes a tensor, looking through changes of shape; `None` if another type comes first."""
    node = producers.get(name)
    while node is not None and node.op_type in {"Flatten", "Reshape", "Squeeze", "Unsqueeze", "Identity"}:
        node = producers.get(node.input[0])
    return node if node is not None and node.op_type == op_type else None


def _write_part(model: onnx.ModelProto, inputs: list[str], outputs: list[str], target: Path) -> None:
    import onnx
    from onnx.utils import Extractor

    inferred = onnx.shape_inference.infer_shapes(model)
    typed = {value.name for value in [*inferred.graph.value_info, *inferred.graph.input, *inferred.graph.output]}
    for name in {*inputs, *outputs} - typed:
        inferred.graph.value_info.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    onnx.save(Extractor(inferred).extract_model(inputs, outputs), str(target))
