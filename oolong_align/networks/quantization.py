"""8-bit versions of the networks, derived from the published ones on the user's machine without audio.

The whole embedding backbone becomes 8-bit: weights per channel, activations per tensor. The activation ranges were
measured on speech and are stored in ``data/ranges_*.json``. A rectifier merges into the range of its output, which
starts at 0. In the segmentation graph only the LSTM weights become 8-bit; the ranges of its activations are computed in
each run.

`models/quantize.py` measures ranges; this module does not.

References
----------
Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only inference",
CVPR 2018.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from oolong_align.errors import ModelError
from oolong_align.networks.session import load_graph
from oolong_align.weights import derive

if TYPE_CHECKING:
    from importlib.abc import Traversable

    import onnx

RECIPE_VERSION: Final = 1

_OPERATORS: Final = ("Conv", "Relu", "Add")
_PREPARED: Final = ("onnx.quant.pre_process", "onnxruntime.quant")
_NUM_FEATURES: Final = 80


def quantized(source: Path, quantize: Callable[[Path, Path], None]) -> Path:
    """Path of the cached 8-bit version of a graph, built by ``quantize`` on first use.

    A change of a packaged file of ranges invalidates the cache.
    """
    recipe = quantize.__name__
    if quantize is quantize_backbone:
        recipe += f"-{_ranges_digest(_packaged_ranges())[:12]}"
    return derive(
        source,
        recipe=recipe,
        version=RECIPE_VERSION,
        suffix=".onnx",
        build=lambda target: quantize(source, target),
    )


def quantize_backbone(source: Path, target: Path, *, ranges: Path | None = None) -> None:
    """Write the 8-bit version of an embedding backbone.

    Parameters
    ----------
    source : Path
        A backbone written by `oolong_align.networks.embedding_graph.extract_backbone`.
    target : Path
        ONNX file to write: the same inputs and outputs, in float32.
    ranges : Path, optional
        File written by `models/quantize.py`; by default one of the package.

    Raises
    ------
    ModelError
        If no ranges match the weights of the backbone.
    """
    from onnxruntime.quantization import QuantType, quantize_static

    model = load_graph(source)
    bounds = _find_ranges(model, source, ranges)
    with _prepared(model) as prepared:
        quantize_static(
            prepared,
            str(target),
            _Silence(model.graph.input[0].name),
            per_channel=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
            op_types_to_quantize=list(_OPERATORS),
            extra_options={"TensorQuantOverrides": {name: [_override(*pair)] for name, pair in bounds.items()}},
        )


def quantize_segmentation(source: Path, target: Path) -> None:
    """Write a version of the segmentation graph whose LSTM has 8-bit weights."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _prepared(load_graph(source)) as prepared:
        quantize_dynamic(
            prepared, str(target), op_types_to_quantize=["LSTM"], per_channel=True, weight_type=QuantType.QInt8
        )


def weights_digest(model: onnx.ModelProto) -> str:
    """SHA-256 of a graph's weights in the order of their nodes, independent of names and file layout."""
    import onnx

    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    digest = hashlib.sha256()
    for node in model.graph.node:
        for name in node.input:
            if node.op_type == "Conv" and name in weights:
                digest.update(np.ascontiguousarray(onnx.numpy_helper.to_array(weights[name]), "<f4").tobytes())
    return digest.hexdigest()


def activation_names(model: onnx.ModelProto) -> list[str]:
    """Names of the tensors that need a range: inputs and outputs of convolutions, rectifiers and sums."""
    weights = {tensor.name for tensor in model.graph.initializer}
    nodes = [node for node in model.graph.node if node.op_type in _OPERATORS]
    names = [name for node in nodes for name in (*node.input, *node.output) if name not in weights]
    return list(dict.fromkeys(names))


def _find_ranges(model: onnx.ModelProto, source: Path, given: Path | None) -> Mapping[str, tuple[float, float]]:
    digest = weights_digest(model)
    for file in [given] if given else _packaged_ranges():
        stored = json.loads(file.read_text(encoding="utf-8"))
        if stored["weights"] == digest:
            return dict(zip(activation_names(model), stored["ranges"], strict=True))
    raise ModelError(
        f"{source}: no activation ranges for this embedding model, so it has no 8-bit version. "
        'Use precision="fp32", or measure the ranges with models/quantize.py'
    )


def _packaged_ranges() -> list[Traversable]:
    packaged = (resources.files("oolong_align") / "data").iterdir()
    return sorted((file for file in packaged if file.name.startswith("ranges_")), key=lambda file: file.name)


def _ranges_digest(files: Sequence[Traversable]) -> str:
    """SHA-256 of the digests of all given files.

    The cache key covers all packaged files, because choosing the one for a graph would require loading the graph.
    """
    digests = (hashlib.sha256(file.read_bytes()).digest() for file in files)
    return hashlib.sha256(b"".join(digests)).hexdigest()


@contextmanager
def _prepared(model: onnx.ModelProto) -> Iterator[str]:
    """Path of a temporary copy that is marked as prepared, so that onnxruntime does not advise to prepare it."""
    import onnx

    key, value = _PREPARED
    model.metadata_props.add(key=key, value=value)
    with TemporaryDirectory() as folder:
        path = str(Path(folder, "model.onnx"))
        onnx.save(model, path)
        yield path


def _override(low: float, high: float) -> dict[str, Any]:
    return {"rmin": np.float32(low), "rmax": np.float32(high)}


class _Silence:
    """One short silent input for onnxruntime's calibration; the stored ranges replace its result."""

    def __init__(self, name: str) -> None:
        features = np.zeros((1, 2 * _NUM_FEATURES, _NUM_FEATURES), dtype=np.float32)
        self._inputs: Iterator[dict[str, Any]] = iter([{name: features}])

    def get_next(self) -> dict[str, Any] | None:
        """Next input, or `None` at the end."""
        return next(self._inputs, None)
