"""Turn a PyTorch checkpoint into the ONNX graph that the program runs, and compare the two on real audio.

``python models/export_onnx.py pytorch_model.bin segmentation/model.onnx``      pyannote segmentation (powerset)
``python models/export_onnx.py avg_model.pt embedding/model.onnx``              WeSpeaker ResNet

The architecture is recognised from the names of the tensors: one of `NETWORKS`. A checkpoint is read as data; none of
its code runs, and objects that training tools leave in it are passed over. The graph is written whole or not at all,
only if its output equals that of the network. The same checkpoint and torch produce the same bytes.

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


class _PassedOver:
    """Stands for an object of a training tool, which is neither imported nor built."""

    def __init__(self, *_: Any) -> None: ...

    def __setstate__(self, _: Any) -> None: ...


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Tensors of a checkpoint by name.

    Raises
    ------
    InputError
        If it is not a checkpoint, has no tensors, has weights that are not finite, or names code that
        only an attack or an unknown tool would add.
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
        raise InputError(f"{path}: the file is damaged, in {damaged}; get it again")
    try:
        named = get_unsafe_globals_in_checkpoint(io.BytesIO(data))
    except Exception as error:
        raise InputError(f"{path}: not a PyTorch checkpoint of tensors ({_first_line(error)})") from error
    if foreign := [name for name in named if not name.startswith(_LEFT_BY_TRAINING)]:
        raise InputError(f"{path}: not read, since it wants to run {', '.join(foreign[:3])}; save its state_dict alone")
    try:
        with safe_globals([(_PassedOver, name) for name in named]):
            stored = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(f"{path}: not a PyTorch checkpoint of tensors ({_first_line(error)})") from error
    found = stored.get("state_dict", stored) if isinstance(stored, dict) else {}
    found = found if isinstance(found, dict) else {}
    tensors = {str(name): tensor for name, tensor in found.items() if isinstance(tensor, Tensor)}
    if not tensors:
        raise InputError(f"{path}: holds no tensors by name; give a checkpoint with a state_dict")
    for name, tensor in tensors.items():
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex() or tensor.is_meta:
            raise InputError(f"{path}: {name} is not a dense tensor of real numbers. Save the weights as float32")
        if tensor.untyped_storage().nbytes() < tensor.numel() * tensor.element_size():
            raise InputError(f"{path}: {name} claims more numbers than the file holds; the file is damaged")
        if not bool(torch.isfinite(tensor).all()):
            raise InputError(f"{path}: {name} contains values that are not finite. The file is damaged")
    return tensors


def recognise(state: State, origin: Path) -> Network:
    """Network whose tensors these are; `InputError` if none of `NETWORKS`."""
    for network in NETWORKS:
        if network.recognises(state):
            return network
    known = ", ".join(network.name for network in NETWORKS)
    some = ", ".join(list(state)[:3])
    raise InputError(f"{origin}: tensors of an unknown network ({some}, ...); known are: {known}")


def export(checkpoint: Path, target: Path, samples: FloatArray) -> tuple[Network, float]:
    """Write the graph of a checkpoint, if its output equals that of the network.

    Parameters
    ----------
    checkpoint, target : Path
    samples : ndarray, shape (N,)
        Mono audio, ``float32`` at 16 kHz in [-1, 1], on which the two are compared in windows of 10 s.

    Returns
    -------
    network : Network
        What was recognised.
    difference : float
        Largest absolute difference of the two outputs.

    Raises
    ------
    InputError
        If the checkpoint cannot be used, see `read_checkpoint`, or the audio is silent.
    ModelError
        If the outputs differ by more than a thousandth of the largest value.
    UsageError
        If the graph would replace the checkpoint.
    OutputError
        If the graph cannot be written.
    """
    state = read_checkpoint(checkpoint)
    if target.exists() and target.samefile(checkpoint):
        raise UsageError(f"{target} is the checkpoint itself; name another file")
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
    """Write the graph of a network, traced with an example of its input."""
    free = {
        name: {axis: label for axis, label in enumerate(axes) if label is not None}
        for name, axes in ((network.input, network.input_axes), (network.output, network.output_axes))
    }
    with warnings.catch_warnings():
        # The tracing exporter is the one that needs no further package; its advice is for other uses.
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
    model.producer_version = ""  # versions and builds that give the same graph give the same file
    onnx.save(model, str(target))


def compare(network: Network, module: nn.Module, batch: FloatArray, graph: Path) -> float:
    """Largest absolute difference between a network and its graph, row by row and with other sizes of the free axes.

    Raises
    ------
    ModelError
        If it is not negligible, or the graph takes no other sizes.
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
        raise ModelError(f"the graph differs from the network by up to {difference:.1e}; it is not written")
    return difference


def write_whole(target: Path, data: bytes) -> None:
    """Write a file under another name and rename it; its folder is made if needed."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(target) as pending:
            pending.write_bytes(data)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written: {error.strerror or error}") from error


def read_audio(path: Path) -> FloatArray:
    """First minute of a recording; `AudioError` if it cannot be decoded."""
    with load_audio(path) as audio:
        return audio.read(0, min(audio.num_samples, COMPARED_S * SAMPLE_RATE))


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:160]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    parser.add_argument("out", type=Path, metavar="OUT.onnx")
    parser.add_argument("--audio", type=Path, default=MEETING, help="recording to compare on, its first minute")
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
