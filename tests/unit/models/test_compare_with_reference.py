"""The scripts that run pyannote.audio and compare with it: the parts that need neither pyannote.audio nor torch."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from oolong_align_metrics import Turn, diarization_errors

from oolong_align.errors import InputError, ModelError, OutputError
from oolong_align.networks.embedding_graph import extract_head
from oolong_align.weights import find_bundle


@pytest.fixture(scope="module")
def scripts(repository: Path) -> SimpleNamespace:
    sys.path.insert(0, str(repository / "models"))
    try:
        import compare
        import comparison_table
        import reference
        import reference_networks
    finally:
        sys.path.remove(str(repository / "models"))
    return SimpleNamespace(compare=compare, table=comparison_table, reference=reference, networks=reference_networks)


@pytest.fixture
def row(scripts: SimpleNamespace) -> object:
    """Both systems differ by 1 s of 10; of 11 s of speech, pyannote.audio misses 2 s and the program 1 s."""
    truth = [Turn(0, 6, "anna"), Turn(6, 11, "bert")]
    theirs, ours = [Turn(0, 6, "x"), Turn(6, 9, "y")], [Turn(0, 6, "A"), Turn(6, 10, "B")]
    return scripts.table.Row(
        audio="a|b",
        duration=61.6,
        seconds=[(30.0, 10.0), (50.0, 10.0), (20.0, 4.0)],
        speakers=(2, 2),
        errors=diarization_errors(theirs, ours),
        truth=(diarization_errors(truth, theirs), diarization_errors(truth, ours)),
    )


def test_a_row_by_hand(scripts: SimpleNamespace, row: object) -> None:
    heading, rule, line = scripts.table.render_table([row]).splitlines()
    assert heading == (
        "| Audio | pyannote.audio | oolong_align | Speedup | Speakers | DER "
        "| Labelled speakers | DER of pyannote.audio | DER of oolong_align |"
    )
    assert rule.count("|") == heading.count("|")
    # Medians of 30, 50, 20 and of 10, 10, 4; of the ratios 3, 5, 5; 1 s of 9; 2 s and 1 s of 11.
    assert line == "| a/b (1:02) | 30.0s | 10.0s | 5.0x | 2 = 2 | 11.11% | 2 | 18.18% | 9.09% |"


def test_the_last_row_adds_up_seconds_and_errors(scripts: SimpleNamespace, row: object) -> None:
    nothing = diarization_errors([], [])
    silent = replace(
        row, audio="silence", duration=30.0, seconds=[(10.0, 10.0)], speakers=(0, 1), errors=nothing, truth=None
    )
    *_, quiet, total = scripts.table.render_table([row, silent]).splitlines()
    assert quiet == "| silence (0:30) | 10.0s | 10.0s | 1.0x | 0 < 1 | - | - | - | - |"
    assert total == "| all (1:32) | 40.0s | 20.0s | 2.0x | 1 of 2 equal | 11.11% | 2 | 18.18% | 9.09% |"
    *_, total = scripts.table.render_table([silent, silent]).splitlines()
    assert total.endswith("| 0 of 2 equal | - | - | - | - |")


SHAPES = {
    "conv1.weight": (4, 1, 3, 3),
    "bn1.weight": (4,),
    "bn1.bias": (4,),
    "bn1.running_mean": (4,),
    "bn1.running_var": (4,),
    "bn1.num_batches_tracked": (),
    "block.shortcut.0.weight": (2, 4, 1, 1),
    "block.shortcut.1.weight": (2,),
    "block.shortcut.1.bias": (2,),
    "block.shortcut.1.running_mean": (2,),
    "block.shortcut.1.running_var": (2,),
    "block.shortcut.1.num_batches_tracked": (),
    "seg_1.weight": (5, 12),
    "seg_1.bias": (5,),
}


def draw_weights(networks: ModuleType) -> object:
    random = np.random.default_rng(0)
    arrays = [random.normal(size=shape).astype(np.float32) for shape in ((4, 1, 3, 3), 4, (2, 4, 1, 1), 2, (5, 12), 5)]
    return networks.GraphWeights([(arrays[0], arrays[1]), (arrays[2], arrays[3])], (arrays[4], arrays[5]))


def test_a_normalisation_only_adds_the_bias_that_was_folded(scripts: SimpleNamespace) -> None:
    weights = draw_weights(scripts.networks)
    state = scripts.networks.place_weights(weights, SHAPES)
    assert {name: array.shape for name, array in state.items()} == SHAPES
    np.testing.assert_array_equal(state["block.shortcut.0.weight"], weights.convolutions[1][0])
    np.testing.assert_array_equal(state["seg_1.weight"], weights.projection[0])
    values = np.random.default_rng(1).normal(size=(50, 2)).astype(np.float32)
    norm = {name: state[f"block.shortcut.1.{name}"] for name in ("weight", "bias", "running_mean", "running_var")}
    normalised = (values - norm["running_mean"]) / np.sqrt(norm["running_var"] + np.float32(1e-5))
    expected = values + weights.convolutions[1][1]
    np.testing.assert_allclose(normalised * norm["weight"] + norm["bias"], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"more.weight": (4, 4, 3, 3)}, "the graph has 2 convolutions, the module 3"),
        ({"seg_2.weight": (5, 5)}, "2 matrices"),
        ({"seg_1.weight": (5, 24)}, "seg_1.weight has the shape"),
        ({"bn2.extra": (4,)}, "the graph has nothing"),
    ],
)
def test_another_network_is_refused(
    scripts: SimpleNamespace, changes: dict[str, tuple[int, ...]], problem: str
) -> None:
    with pytest.raises(ModelError, match=problem):
        scripts.networks.place_weights(draw_weights(scripts.networks), SHAPES | changes)


def test_the_weights_of_the_default_embedding_are_found(scripts: SimpleNamespace, tmp_path: Path) -> None:
    import onnxruntime

    graph = find_bundle(parts=("embedding",)).files["embedding"]
    weights = scripts.networks.read_graph(graph)
    assert len(weights.convolutions) == 36
    assert [kernel.shape[0] for kernel, _ in weights.convolutions][::7] == [32, 64, 64, 128, 128, 256]
    extract_head(graph, tmp_path / "head.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "head.onnx"))
    statistics = np.random.default_rng(0).normal(size=(2, 5120)).astype(np.float32)
    expected = session.run(None, {session.get_inputs()[0].name: statistics})[0]
    weight, bias = weights.projection
    np.testing.assert_allclose(statistics @ weight.T + bias, expected, atol=1e-4)


def test_a_graph_of_another_kind_is_refused(scripts: SimpleNamespace) -> None:
    segmentation = find_bundle(parts=("segmentation",)).files["segmentation"]
    with pytest.raises(ModelError, match=r"is not a WeSpeaker ResNet graph"):
        scripts.networks.read_graph(segmentation)


def test_arrays_are_written_whole_and_the_same_each_time(scripts: SimpleNamespace, tmp_path: Path) -> None:
    arrays = {"b": np.arange(6).reshape(2, 3), "a": np.zeros((0, 256), dtype=np.float32)}
    for name, content in (("1.npz", arrays), ("2.npz", dict(reversed(arrays.items())))):
        scripts.reference.save_arrays(tmp_path / name, content)
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "2.npz").read_bytes()
    with np.load(tmp_path / "1.npz", allow_pickle=False) as stored:
        np.testing.assert_array_equal(stored["b"], arrays["b"])
    (tmp_path / "3.npz").mkdir()
    with pytest.raises(OutputError, match=r"3.npz: cannot be written: .*"):
        scripts.reference.save_arrays(tmp_path / "3.npz", arrays)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.npz", "2.npz", "3.npz"]


def test_the_reference_replaces_none_of_its_inputs(scripts: SimpleNamespace, tmp_path: Path) -> None:
    plda = tmp_path / "plda.npz"
    plda.write_text("mine")
    loaded = SimpleNamespace(_inputs=[plda])
    with pytest.raises(OutputError, match=r"plda.npz: This output would replace an input"):
        scripts.reference.Reference.diarize(loaded, tmp_path / "plda.wav", tmp_path)
    assert plda.read_text() == "mine"


class Systems:
    """Systems that record their calls, find one speaker and take one second longer with each call."""

    def __init__(self, compare: ModuleType, measurements: object) -> None:
        self.calls: list[str] = []
        self.load = {name: self._loader(name, measurements) for name in compare.SYSTEMS}

    def _loader(self, name: str, measurements: object) -> Callable[[], Callable[[Path], float]]:
        def load() -> Callable[[Path], float]:
            self.calls.append(f"load {name}")
            return run

        def run(path: Path) -> float:
            self.calls.append(f"{name} {path.stem}")
            target = measurements.turns(name, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(f"SPEAKER {path.stem} 1 0 2 <NA> <NA> A <NA> <NA>\n")
            return float(len(self.calls))

        return load


@pytest.fixture
def recording(repository: Path, tmp_path: Path) -> Path:
    path = tmp_path / "meeting.flac"
    path.write_bytes((repository / "examples" / "meeting.flac").read_bytes())
    return path


def test_systems_take_turns_and_continue_an_earlier_comparison(
    scripts: SimpleNamespace, recording: Path, tmp_path: Path
) -> None:
    compare = scripts.compare
    measurements = compare.Measurements(tmp_path / "out", 2, {})
    systems = Systems(compare, measurements)
    compare.measure([recording], 2, systems.load, measurements)
    names = list(compare.SYSTEMS)
    ran = [call for call in systems.calls if not call.startswith("load")]
    assert ran == [f"{name} meeting" for name in [*names, *names]]
    assert len(systems.calls) == 3 * len(names)  # each was loaded once

    again = Systems(compare, measurements)
    compare.measure([recording], 2, again.load, measurements)
    assert again.calls == []
    compare.measure([recording], 3, again.load, measurements)
    assert [call for call in again.calls if not call.startswith("load")] == [f"{name} meeting" for name in names]
    (row,) = compare.compare("default", [recording], {}, 2, measurements)
    assert row.duration == pytest.approx(58.626)
    assert (row.speakers, row.errors.error_rate, len(row.seconds), row.truth) == ((1, 1), 0.0, 2, None)


@pytest.mark.parametrize("changed", ["threads", "models", "recording", "turns"])
def test_measurements_with_other_settings_are_ignored(
    scripts: SimpleNamespace, recording: Path, tmp_path: Path, changed: str
) -> None:
    compare = scripts.compare
    measurements = compare.Measurements(tmp_path / "out", 2, {})
    compare.measure([recording], 1, Systems(compare, measurements).load, measurements)
    if changed == "threads":
        measurements = compare.Measurements(tmp_path / "out", 1, {})
    elif changed == "models":
        measurements = compare.Measurements(tmp_path / "out", 2, {"plda.npz": "1f"})
    elif changed == "recording":
        recording.write_bytes(recording.read_bytes() + b"\0")
    else:
        measurements.turns("default", recording).unlink()
    found = {system: len(seconds) for system, seconds in measurements.read(recording).items()}
    kept = 1 if changed == "turns" else 0
    assert found == {"reference": kept, "same weights": kept, "default": 0}


@pytest.mark.parametrize("text", ["", "[]", '{"seconds": {"default": "fast"}}'])
def test_broken_measurements_are_named(scripts: SimpleNamespace, recording: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "meeting.seconds.json").write_text(text)
    with pytest.raises(InputError, match=r"meeting.seconds.json: Invalid measurements .*\. Remove the file"):
        scripts.compare.Measurements(tmp_path, 2, {}).read(recording)


def test_human_labels_are_found_next_to_the_recordings_or_in_a_given_file(
    scripts: SimpleNamespace, tmp_path: Path
) -> None:
    files = [tmp_path / "a b.wav", tmp_path / "c.wav", tmp_path / "d.wav"]
    (tmp_path / "a b.rttm").write_text("SPEAKER other 1 0 2 <NA> <NA> A <NA> <NA>\n")
    assert scripts.compare.find_truths(files, None) == {"a b": (Turn(0, 2, "A"),)}
    both = tmp_path / "both.rttm"
    both.write_text("SPEAKER c 1 0 1 <NA> <NA> A <NA> <NA>\nSPEAKER a_b 1 0 2 <NA> <NA> B <NA> <NA>\n")
    assert scripts.compare.find_truths(files, both) == {"a b": (Turn(0, 2, "B"),), "c": (Turn(0, 1, "A"),)}
    both.rename(tmp_path / "c.rttm")
    with pytest.raises(InputError, match="Expected one recording, found 2"):
        scripts.compare.find_truths(files, None)


def run(repository: Path, script: str, *arguments: str | Path) -> tuple[int, str]:
    """Exit code and message."""
    plugin = repository / "plugins" / "oolong-align-metrics" / "src"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(repository), str(plugin)])}
    command = [sys.executable, repository / "models" / script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("options", "code", "problem"),
    [
        (["--repeats", "0"], 2, "Invalid --repeats 0: must be 1 or more"),
        (["--threads", "-1"], 2, "Invalid --threads -1: must be 1 or more"),
        (["nothing.wav"], 1, "File not found: nothing.wav. Check the path"),
        (["elsewhere/meeting.wav"], 2, "2 inputs share the stem 'meeting'"),
    ],
)
def test_invalid_arguments_are_reported_in_one_line(
    repository: Path, tmp_path: Path, options: list[str], code: int, problem: str
) -> None:
    needed = ["--reference_python", "python", "--segmentation", "a.bin", "--plda", ".", "-o", tmp_path]
    meeting = repository / "examples" / "meeting.flac"
    found, message = run(repository, "compare.py", meeting, *options, *needed)
    assert (found, message.count("\n")) == (code, 1)
    assert message.startswith("compare.py: error: ")
    assert problem in message


def has_pyannote() -> bool:
    try:
        return find_spec("pyannote.audio") is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.skipif(has_pyannote(), reason="pyannote.audio is installed")
def test_missing_files_and_packages_are_reported_in_one_line(repository: Path, tmp_path: Path) -> None:
    meeting = repository / "examples" / "meeting.flac"
    needed = ["--segmentation", "a.bin", "--plda", ".", "-o", tmp_path]
    _, message = run(repository, "compare.py", meeting, "--reference_python", sys.executable, *needed)
    assert message == "compare.py: error: File not found: a.bin. Check --segmentation and --plda\n"
    originals = [tmp_path / name for name in ("a.bin", "xvec_transform.npz", "plda.npz")]
    for path in originals:
        path.touch()
    needed = ["--segmentation", originals[0], "--plda", tmp_path, "-o", tmp_path]
    code, message = run(repository, "reference.py", meeting, *needed)
    assert (code, message.count("\n")) == (2, 1)
    assert "has no pyannote.audio" in message and "pip install '.[reference]'" in message
    _, message = run(repository, "compare.py", meeting, "--reference_python", tmp_path / "python", *needed)
    assert message.splitlines()[-1].startswith(
        f"compare.py: error: Could not run --reference_python {tmp_path / 'python'}: "
    )
    _, message = run(repository, "compare.py", meeting, "--reference_python", "/bin/echo", *needed)
    assert message.splitlines()[-1].endswith("Use the Python of pyannote.audio")
    _, message = run(repository, "compare.py", meeting, "--reference_python", sys.executable, *needed)
    assert "has no pyannote.audio" in message
    assert message.splitlines()[-1].endswith(f"stopped at {meeting} with exit code 2. See its error message above")
