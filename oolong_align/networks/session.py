"""ONNX Runtime sessions: threads, execution providers, and a check of the graph's inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from oolong_align.errors import ModelError, warn
from oolong_align.util.parallel import count_threads

if TYPE_CHECKING:
    import onnx

Session: TypeAlias = Any
Shape: TypeAlias = tuple[int | None, ...]

CPU: Final = "CPUExecutionProvider"
_ERRORS_ONLY: Final = 3


def open_session(
    path: Path,
    *,
    inputs: Mapping[str | int, Shape],
    outputs: Mapping[str | int, Shape],
    providers: Sequence[str] = (),
) -> Session:
    """Load a graph and check its inputs and outputs.

    The session runs on the calling thread. Calls from several threads at the same time are faster than several threads
    per operator.

    Parameters
    ----------
    path : Path
        The ``.onnx`` file.
    inputs, outputs : mapping
        Expected shape of each tensor, by name or by position; ``None`` matches any size.
    providers : sequence of str
        Execution providers in order of preference, by their ONNX Runtime or short names (``"cuda"``). If one is
        missing or fails, the CPU is used with an `OolongWarning`.

    Raises
    ------
    ModelError
        If the file is not a graph or does not have the expected tensors.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1

    wanted = _available_providers(providers, ort.get_available_providers())
    try:
        session = _create(ort, path, options, wanted)
    except Exception as error:
        raise ModelError(f"{path}: not a usable ONNX graph ({_first_line(error)})") from error
    _check_tensors(path, "input", session.get_inputs(), inputs)
    _check_tensors(path, "output", session.get_outputs(), outputs)
    return session


def count_parallel_calls(session: Session, intra_threads: int | None) -> int:
    """Number of calls of a session to run in parallel: one per thread on the CPU, otherwise one."""
    return count_threads(intra_threads) if session.get_providers()[0] == CPU else 1


def load_graph(path: Path) -> onnx.ModelProto:
    """Read a graph to modify it; raises `ModelError` if the file is not a graph."""
    import onnx

    try:
        return onnx.load(str(path))
    except Exception as error:
        raise ModelError(f"{path}: not an ONNX graph ({error})") from error


def extract_part(model: onnx.ModelProto, inputs: list[str], outputs: list[str]) -> onnx.ModelProto:
    """Copy the part of a graph between two sets of tensors, with the graph's metadata."""
    import onnx
    from onnx.utils import Extractor

    inferred = onnx.shape_inference.infer_shapes(model)
    typed = {value.name for value in [*inferred.graph.value_info, *inferred.graph.input, *inferred.graph.output]}
    for name in {*inputs, *outputs} - typed:
        inferred.graph.value_info.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    part = Extractor(inferred).extract_model(inputs, outputs)
    part.metadata_props.extend(model.metadata_props)
    return part


def _create(ort: Any, path: Path, options: Any, providers: list[str]) -> Session:
    try:
        session = ort.InferenceSession(str(path), options, providers=providers)
    except Exception as error:
        if providers == [CPU]:
            raise
        warn(f"Execution provider {providers[0]} failed ({_first_line(error)}). Using the CPU")
        return ort.InferenceSession(str(path), options, providers=[CPU])
    active = session.get_providers()
    if active[0] != providers[0]:
        warn(f"Execution provider {providers[0]} did not start. Using {active[0]}")
    return session


def _available_providers(wanted: Sequence[str], available: Sequence[str]) -> list[str]:
    by_short_name = {name.removesuffix("ExecutionProvider").lower(): name for name in available}
    chosen: list[str] = []
    for name in wanted:
        full = by_short_name.get(name.removesuffix("ExecutionProvider").lower())
        if full is None:
            warn(_missing_provider(name, sorted(by_short_name)))
        elif full not in chosen:
            chosen.append(full)
    return chosen if CPU in chosen else [*chosen, CPU]


def _missing_provider(name: str, available: Sequence[str]) -> str:
    if name.removesuffix("ExecutionProvider").lower() == "cuda":
        return "CUDA is not available to ONNX Runtime. Using the CPU"
    local = ", ".join(each for each in available if each != "azure")  # azure calls a remote service
    return f"Execution provider {name!r} is not available. Available: {local}. Using the CPU"


def _check_tensors(path: Path, kind: str, tensors: Sequence[Any], expected: Mapping[str | int, Shape]) -> None:
    by_name = {tensor.name: tensor for tensor in tensors}
    for key, shape in expected.items():
        tensor = by_name.get(key) if isinstance(key, str) else (tensors[key] if key < len(tensors) else None)
        if tensor is None:
            have = ", ".join(by_name) or "none"
            raise ModelError(f"{path}: the graph has no {kind} {key!r} (found: {have}). Check the file")
        known = [size if isinstance(size, int) else None for size in tensor.shape]
        fits = len(known) == len(shape) and all(
            have is None or want is None or have == want for have, want in zip(known, shape, strict=True)
        )
        if not fits:
            raise ModelError(
                f"{path}: {kind} {tensor.name!r} has shape {tensor.shape}, expected {list(shape)}. Check the file"
            )


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
