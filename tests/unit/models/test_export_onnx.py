"""Exporting checkpoints: what is read, what is refused, and that only a right graph is written."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from oolong_align.errors import InputError, ModelError, OutputError, UsageError

torch = pytest.importorskip("torch", reason="the extra models is not installed")


@pytest.fixture(scope="module")
def scripts(repository: Path) -> ModuleType:
    sys.path.insert(0, str(repository / "models"))
    try:
        import export_onnx
    finally:
        sys.path.remove(str(repository / "models"))
    return export_onnx


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, 170_000).astype(np.float32)


def small_resnet(scripts: ModuleType, blocks: tuple[int, ...] = (1, 2, 1, 1)) -> dict:
    torch.manual_seed(0)
    return dict(scripts.resnet34.ResNet(2, blocks, 8).state_dict())


def small_pyannet(classes: int = 7, rate: int = 16_000) -> dict:
    """Tensors of a small segmentation network, named as pyannote names them."""
    draw = torch.Generator().manual_seed(0)
    shapes = {
        "sincnet.wav_norm1d": (1,),
        "sincnet.norm1d.0": (6,),
        "sincnet.norm1d.1": (4,),
        "sincnet.norm1d.2": (4,),
        "sincnet.conv1d.1": (4, 6, 5),
        "sincnet.conv1d.2": (4, 4, 5),
        "linear.0": (8, 10),
        "linear.1": (8, 8),
        "classifier": (classes, 8),
    }
    state = {f"{name}.weight": torch.rand(shape, generator=draw) for name, shape in shapes.items()}
    state |= {f"{name}.bias": torch.rand(shape[0], generator=draw) for name, shape in shapes.items()}
    lstm = torch.nn.LSTM(4, 5, 2, bidirectional=True)
    state |= {f"lstm.{name}": torch.rand(tensor.shape, generator=draw) for name, tensor in lstm.state_dict().items()}
    bank = "sincnet.conv1d.0.filterbank."
    state[f"{bank}low_hz_"] = torch.tensor([[30.0], [300.0], [3000.0]])
    state[f"{bank}band_hz_"] = torch.tensor([[100.0], [200.0], [9000.0]])
    state[f"{bank}window_"] = torch.from_numpy(np.hamming(251)[:125].astype(np.float32))
    state[f"{bank}n_"] = 2 * torch.pi * torch.arange(-125, 0)[None] / rate
    return state


def save(path: Path, stored: object) -> Path:
    torch.save(stored, path)
    return path


class Attack:
    """Unpickled without care, it writes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple:
        return os.system, (f"touch {self.target}",)


def test_a_checkpoint_runs_no_code(scripts: ModuleType, samples: np.ndarray, tmp_path: Path) -> None:
    hostile = save(tmp_path / "hostile.bin", {"state_dict": small_pyannet(), "note": Attack(tmp_path / "run")})
    with pytest.raises(InputError, match=r"it wants to run \w+\.system; save its state_dict alone"):
        scripts.export(hostile, tmp_path / "model.onnx", samples)
    assert [path.name for path in tmp_path.iterdir()] == ["hostile.bin"]


def test_what_is_no_checkpoint_is_refused_in_one_line(scripts: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a checkpoint")
    (tmp_path / "empty").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02.")
    whole = save(tmp_path / "whole", small_resnet(scripts)).read_bytes()
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    save(tmp_path / "list", [torch.zeros(3)])
    save(tmp_path / "numbers", {"state_dict": {"epoch": 3}})
    save(tmp_path / "number", {"state_dict": 5})
    save(tmp_path / "sparse", {"weight": torch.zeros(3, 3).to_sparse()})
    save(tmp_path / "complex", {"weight": torch.zeros(3, dtype=torch.complex64)})
    save(tmp_path / "huge", {"weight": torch.zeros(1).expand(10**13)})
    flipped = bytearray(whole)
    middle = len(whole) // 2
    flipped[middle : middle + 300] = bytes(byte ^ 0xFF for byte in whole[middle : middle + 300])
    (tmp_path / "flipped").write_bytes(flipped)
    broken = ("text", "empty", "zip", "cut", "flipped", "list", "number", "numbers", "sparse", "complex", "huge")
    for name in (*broken, "missing"):
        with pytest.raises(InputError) as caught:
            scripts.read_checkpoint(tmp_path / name)
        assert str(caught.value).startswith(f"{tmp_path / name}: ")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda state: state.clear() or state.update(other=torch.zeros(1)), "tensors of an unknown network .other"),
        (lambda state: state.update({"classifier.bias": torch.tensor([np.nan] * 7)}), "classifier.bias contains"),
        (lambda state: state.pop("linear.1.bias"), "linear.1.bias"),
        (lambda state: state.pop("sincnet.conv1d.0.filterbank.n_"), "there is no .*n_"),
        (lambda state: state.update({"lstm.bias_ih_l0": torch.zeros(3)}), "lstm.bias_ih_l0"),
        (lambda state: state.update({"more.weight": torch.zeros(3)}), "more.weight"),
        (lambda state: state.update(small_pyannet(classes=4)), "4 classes"),
        (lambda state: state.update(small_pyannet(rate=8000)), "made for 8000 samples a second"),
        (lambda state: state.update({"sincnet.conv1d.0.filterbank.n_": torch.zeros(1, 125)}), "not a pyannote"),
    ],
)
def test_unfit_tensors_are_named(scripts, samples, tmp_path, spoil, reason) -> None:
    state = small_pyannet()
    spoil(state)
    with pytest.raises(InputError, match=reason) as caught:
        scripts.export(save(tmp_path / "model.bin", {"state_dict": state}), tmp_path / "model.onnx", samples)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "model.onnx").exists()


def test_sizes_come_from_the_checkpoint(scripts: ModuleType, samples: np.ndarray, tmp_path: Path) -> None:
    for state, name in ((small_pyannet(), "PyanNet"), (small_resnet(scripts), "ResNet")):
        checkpoint = save(tmp_path / "model.pt", state)
        network, difference = scripts.export(checkpoint, tmp_path / name / "model.onnx", samples)
        assert name in network.name
        assert difference < 1e-4
        again = tmp_path / "again.onnx"
        scripts.export(checkpoint, again, samples)
        assert again.read_bytes() == (tmp_path / name / "model.onnx").read_bytes()
    assert sorted(path.name for path in (tmp_path / "ResNet").iterdir()) == ["model.onnx"]


def test_names_of_both_toolkits_give_the_same_graph(scripts: ModuleType, samples: np.ndarray, tmp_path: Path) -> None:
    state = small_resnet(scripts)
    plain = save(tmp_path / "avg_model.pt", state | {"projection.weight": torch.zeros(5, 8)})
    prefixed = {"state_dict": {f"resnet.{name}": tensor for name, tensor in state.items()}, "epoch": 3}
    for source, target in ((plain, "plain"), (save(tmp_path / "pytorch_model.bin", prefixed), "prefixed")):
        scripts.export(source, tmp_path / target, samples)
    assert (tmp_path / "plain").read_bytes() == (tmp_path / "prefixed").read_bytes()


class Frozen(torch.nn.Module):
    """Its output depends on the input in a way that a trace does not follow."""

    def __init__(self, measure):
        super().__init__()
        self.measure = measure

    def forward(self, samples):
        return samples + float(self.measure(samples))


class FixedShape(torch.nn.Module):
    """Its trace takes one length only."""

    def forward(self, samples):
        return samples.reshape(-1, 1, int(samples.shape[2]))[:, :, :3]


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (Frozen(lambda samples: samples.mean() * 1000), r"differs from the network by up to 5\.0e\+02"),
        (Frozen(lambda samples: samples.shape[0]), r"differs from the network by up to 1\.0e\+00"),
        (Frozen(lambda samples: samples.shape[2]), r"differs from the network by up to 4\.0e\+04"),
        (FixedShape(), r"does not run on input of shape \(2, 1, 120000\)"),
    ],
)
def test_a_graph_that_differs_is_refused(scripts, samples, tmp_path, module, reason) -> None:
    network = scripts.Network(
        name="frozen",
        input="in",
        output="out",
        input_axes=("B", None, "N"),
        output_axes=("B", None, "N"),
        recognises=lambda _: True,
        build=lambda _: module,
        prepare=scripts.pyannet.NETWORK.prepare,
    )
    batch = network.prepare(np.concatenate([samples[:160_000], samples[:160_000] + np.float32(0.5)]))
    scripts.trace(network, module, batch[:1], tmp_path / "model.onnx")
    with pytest.raises(ModelError, match=reason) as caught:
        scripts.compare(network, module, batch, tmp_path / "model.onnx")
    assert "\n" not in str(caught.value)


def test_places_that_cannot_be_written(scripts: ModuleType, samples: np.ndarray, tmp_path: Path) -> None:
    checkpoint = save(tmp_path / "model.pt", small_resnet(scripts))
    with pytest.raises(UsageError, match="the checkpoint itself"):
        scripts.export(checkpoint, tmp_path / "." / "model.pt", samples)
    (tmp_path / "folder").mkdir()
    for target in (tmp_path / "folder", checkpoint / "model.onnx"):
        with pytest.raises(OutputError, match="cannot be written"):
            scripts.export(checkpoint, target, samples)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "model.pt"]


def test_the_command_line_ends_with_one_line(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a checkpoint")
    command = [sys.executable, repository / "models" / "export_onnx.py", tmp_path / "text", tmp_path / "model.onnx"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"export_onnx.py: {tmp_path / 'text'}: not a PyTorch checkpoint")
    assert done.stderr.count("\n") == 1


def test_the_recording_for_the_comparison_is_not_overwritten(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "voice.wav").write_text("mine")
    command = [sys.executable, repository / "models" / "export_onnx.py", tmp_path / "model.pt", tmp_path / "voice.wav"]
    done = subprocess.run([*command, "--audio", tmp_path / "voice.wav"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert (
        done.stderr
        == f"export_onnx.py: {tmp_path / 'voice.wav'}: This output would overwrite an input. Choose another file\n"
    )


def test_silent_windows_are_not_compared(scripts: ModuleType, samples: np.ndarray, tmp_path: Path) -> None:
    checkpoint = save(tmp_path / "model.bin", small_pyannet())
    batch = scripts.pyannet.NETWORK.prepare(np.concatenate([np.zeros(160_000, np.float32), samples[:160_000]]))
    np.testing.assert_array_equal(batch[:, 0], samples[None, :160_000])
    for silence in (np.zeros(0, np.float32), np.full(400_000, 0.25, np.float32)):
        with pytest.raises(InputError, match="the audio to compare on is silent; use a recording with speech"):
            scripts.export(checkpoint, tmp_path / "model.onnx", silence)
    assert not (tmp_path / "model.onnx").exists()
