"""Convert a PyTorch checkpoint to the ONNX graph that the program runs, and compare the two on real audio.

``python models/export_onnx.py pytorch_model.bin segmentation/model.onnx``      pyannote segmentation (powerset)
``python models/export_onnx.py avg_model.pt embedding/model.onnx``              WeSpeaker ResNet

The names of the tensors determine the architecture, one of `NETWORKS`. Checkpoints are read as data: their code never
runs, and objects that training tools left in them are ignored. The graph is written atomically, and only if its output
matches that of the network. The same checkpoint and torch version produce the same bytes.

Needs torch: ``pip install '.[models]'``.
"""

from __future__ import annotations

import argparse
import io
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import onnx
from command_line import check_outputs

try:
    import torch
except ModuleNotFoundError as error:
    raise SystemExit(f"export_onnx.py needs PyTorch ({error}): pip install '.[models]'") from error

from torch import Tensor, nn
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from networks import FloatArray, Network, State, campplus, pyannet, resnet34
from oolong_align.audio.recording import load_audio
from oolong_align.errors import InputError, ModelError, OolongError, OutputError, UsageError
from oolong_align.networks.session import open_session
from oolong_align.timing.grid import SAMPLE_RATE
from oolong_align.util.files import atomic_path

NETWORKS: Final[tuple[Network, ...]] = (pyannet.NETWORK, resnet34.NETWORK, campplus.NETWORK)

OPSET: Final = 17
TOLERANCE: Final = 1e-3
COMPARED_S: Final = 60
MEETING: Final = Path(__file__).parents[1] / "examples" / "meeting.flac"
_LEFT_BY_TRAINING: Final = ("pyannote.", "pytorch_lightning.", "lightning.", "omegaconf.", "torch.torch_version.")


class _Ignored:
    """Placeholder for an object of a training tool, which is neither imported nor built."""

    def __init__(self, *_: Any) -> None: ...

    def __setstate__(self, _: Any) -> None: ...


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a checkpoint by name.

    Raises
    ------
    InputError
        If the file is not a checkpoint, has no tensors or non-finite weights, or refers to code that does not come from
        a known training tool.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise InputError(f"{path}: not a PyTorch checkpoint of tensors ({_first_line(error)})") from error
    if damaged is not None:
        raise InputError(f"{path}: the file is damaged in {damaged}. Download it again")
    try:
        named = get_unsafe_globals_in_checkpoint(io.BytesIO(data))
    except Exception as error:
        raise InputError(f"{path}: not a PyTorch checkpoint of tensors ({_first_line(error)})") from error
    if foreign := [name for name in named if not name.startswith(_LEFT_BY_TRAINING)]:
        raise InputError(
            f"{path}: not loaded because it wants to run {', '.join(foreign[:3])}; save its state_dict alone"
        )
    try:
        with safe_globals([(_Ignored, name) for name in named]):
            stored = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(f"{path}: not a PyTorch checkpoint of tensors ({_first_line(error)})") from error
    found = stored.get("state_dict", stored) if isinstance(stored, dict) else {}
    found = found if isinstance(found, dict) else {}
    tensors = {str(name): tensor for name, tensor in found.items() if isinstance(tensor, Tensor)}
    if not tensors:
        raise InputError(f"{path}: no named tensors. Use a checkpoint with a state_dict")
    for name, tensor in tensors.items():
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex() or tensor.is_meta:
            raise InputError(f"{path}: {name} is not a dense tensor of real numbers. Save the weights as float32")
        if tensor.untyped_storage().nbytes() < tensor.numel() * tensor.element_size():
            raise InputError(f"{path}: {name} has more values than the file contains. The file is damaged")
        if not bool(torch.isfinite(tensor).all()):
            raise InputError(f"{path}: {name} contains values that are not finite. The file is damaged")
    return tensors


def recognise(state: State, origin: Path) -> Network:
    """Find the network in `NETWORKS` with these tensors; raise `InputError` if none matches."""
    for network in NETWORKS:
        if network.recognises(state):
            return network
    known = ", ".join(network.name for network in NETWORKS)
    some = ", ".join(list(state)[:3])
    raise InputError(f"{origin}: tensors of an unknown network ({some}, ...). Supported: {known}")


def export(checkpoint: Path, target: Path, samples: FloatArray) -> tuple[Network, float]:
    """Write the graph of a checkpoint if its output matches that of the network.

    Parameters
    ----------
    checkpoint, target : Path
    samples : ndarray, shape (N,)
        Mono audio for the comparison, ``float32`` at 16 kHz in [-1, 1], split into windows of 10 s.

    Returns
    -------
    network : Network
        The recognised architecture.
    difference : float
        Largest absolute difference between the two outputs.

    Raises
    ------
    InputError
        If the checkpoint is invalid (see `read_checkpoint`) or the audio is silent.
    ModelError
        If the outputs differ by more than a thousandth of the largest value.
    UsageError
        If the graph would replace the checkpoint.
    OutputError
        If the graph cannot be written.
    """
    state = read_checkpoint(checkpoint)
    if target.exists() and target.samefile(checkpoint):
        raise UsageError(f"{target} is the checkpoint itself. Choose another file")
    network = recognise(state, checkpoint)
    try:
        module = network.build(state)
    except (LookupError, ArithmeticError, ValueError, TypeError, RuntimeError) as error:
        reason = f"there is no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())[:300]
        raise InputError(f"{checkpoint}: not a {network.name} that the program runs: {reason}") from error
    batch = network.prepare(samples)
    with TemporaryDirectory() as scratch:
        graph = Path(scratch, "model.onnx")
        trace(network, module, batch[:1], graph)
        difference = compare(network, module, batch, graph)
        write_whole(target, graph.read_bytes())
    return network, difference


def trace(network: Network, module: nn.Module, example: FloatArray, target: Path) -> None:
    """Trace a network with an example of its input and write the graph."""
    free = {
        name: {axis: label for axis, label in enumerate(axes) if label is not None}
        for name, axes in ((network.input, network.input_axes), (network.output, network.output_axes))
    }
    with warnings.catch_warnings():
        # The tracing exporter needs no extra packages. Its warnings do not apply here.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (torch.from_numpy(example),),
            str(target),
            dynamo=False,
            opset_version=OPSET,
            input_names=[network.input],
            output_names=[network.output],
            dynamic_axes=free,
        )
    model = onnx.load(str(target))
    if network.framework:
        model.metadata_props.add(key="framework", value=network.framework)
    model.producer_version = ""  # the file must not depend on the torch build
    onnx.save(model, str(target))


def compare(network: Network, module: nn.Module, batch: FloatArray, graph: Path) -> float:
    """Return the largest absolute difference between a network and its graph, for each row and other input sizes.

    Raises
    ------
    ModelError
        If the difference is above `TOLERANCE`, or the graph does not run on other sizes of the free axes.
    """
    session = open_session(graph, inputs={network.input: (None,) * batch.ndim}, outputs={})
    pair = np.concatenate([batch[:1], batch[-1:]])
    for axis, label in enumerate(network.input_axes):
        if axis and label is not None:
            pair = np.take(pair, range(pair.shape[axis] * 3 // 4), axis=axis)
    difference, largest = 0.0, 1.0
    for given in (*(row[None] for row in batch), pair):
        with torch.inference_mode():
            expected = module(torch.from_numpy(given)).numpy()
        try:
            (found,) = session.run([network.output], {network.input: given})
        except Exception as error:
            raise ModelError(f"the graph does not run on input of shape {given.shape}: {_first_line(error)}") from error
        difference = float(np.maximum(difference, np.abs(found - expected).max()))  # keeps NaN
        largest = max(largest, float(np.abs(expected).max()))
    if not difference <= TOLERANCE * largest:
        raise ModelError(f"the graph differs from the network by up to {difference:.1e} and was not written")
    return difference


def write_whole(target: Path, data: bytes) -> None:
    """Write a file atomically; create its folder if needed."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(target) as pending:
            pending.write_bytes(data)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written: {error.strerror or error}") from error


def read_audio(path: Path) -> FloatArray:
    """Read the first minute of a recording; raise `AudioError` if it cannot be decoded."""
    with load_audio(path) as audio:
        return audio.read(0, min(audio.num_samples, COMPARED_S * SAMPLE_RATE))


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:160]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    parser.add_argument("out", type=Path, metavar="OUT.onnx")
    parser.add_argument(
        "--audio", type=Path, default=MEETING, help="recording for the comparison; its first minute is used"
    )
    given = parser.parse_args(arguments)
    try:
        if given.out.exists():
            check_outputs([given.out], [given.checkpoint, given.audio])
        network, difference = export(given.checkpoint, given.out, read_audio(given.audio))
    except OolongError as error:
        parser.exit(error.exit_code, f"{parser.prog}: {error}\n")
    print(f"{given.out}: {network.name}, {given.out.stat().st_size} bytes")
    print(f"max difference from PyTorch on {given.audio}: {difference:.1e}")


if __name__ == "__main__":
    main()
