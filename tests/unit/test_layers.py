"""Imports only go down: no module imports from a layer above its own, also not inside functions."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

LAYERS = (
    (
        "types",
        "errors",
        "frames",
        "options",
        "vectors",
        "writing",
        "timeline",
        "parallel",
        "exchange",
        "finite_range",
        "scratch",
    ),
    ("audio", "decoding", "models", "onnx"),
    (
        *("fbank", "segmentation", "segmentation_graph", "sincnet", "embedding_graph", "embedding", "plda", "vbx"),
        *("clustering", "reconstruction", "pieces", "turns", "refinement", "speech", "voice", "bundles", "gating"),
        *("quantization", "doubts", "voice_frames", "resegmentation"),
    ),
    ("vad", "diarizer", "whisper", "whisper_model", "whisper_words", "alignment", "interop"),
    ("formats", "editing", "page_audio", "speakers"),
    ("entries", "hookspecs", "page_format", "identity_stage", "whisper_stage", "core_plugin"),
    (
        "plugin_manager",
        "registry",
        "guarded_executor",
        "guarded_voice",
        "checks",
        "outputs",
        "host",
        "pipeline",
        "stores",
        "voice_library",
        "store_checks",
        "testing",
    ),
    ("cli", "__main__"),
)
LEVEL = {module: level for level, modules in enumerate(LAYERS) for module in modules}
FACADE = "oolong_align"


def modules(package: Path) -> dict[Path, str]:
    return {
        path: path.relative_to(package).parts[0].removesuffix(".py")
        for path in sorted(package.rglob("*.py"))
        if path != package / "__init__.py"
    }


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == FACADE:
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{FACADE}."):
            found.add((node.module or "").split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith(f"{FACADE}.")}
    return found - {"__version__"}


def test_every_module_has_a_layer(repository: Path) -> None:
    assert set(modules(repository / FACADE).values()) == set(LEVEL)


def test_imports_only_go_down(repository: Path) -> None:
    upwards = [
        f"{path.relative_to(repository)} (layer {LEVEL[own]}) imports {other} (layer {LEVEL.get(other)})"
        for path, own in modules(repository / FACADE).items()
        for other in imported(path)
        if LEVEL.get(other, len(LAYERS)) > LEVEL[own]
    ]
    assert not upwards, "\n".join(upwards)


@pytest.mark.parametrize("line", ["from oolong_align.cli import main", "import oolong_align.cli.main"])
def test_an_import_inside_a_function_counts(line: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(f"def function():\n    {line}\n")
    assert imported(tmp_path / "module.py") == {"cli"}
