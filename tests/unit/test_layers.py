"""A module imports only from its own folder and from earlier groups, also inside functions."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = "oolong_align"
LAYERS = (
    "errors version text",
    "types options",
    "timing util",
    "weights",
    "audio networks",
    "alignment interop",
    "diarization transcription",
    "formats speakers",
    "editing plugin",
    "pipeline builtin",
    "api testing hookspecs",
    "cli",
    "__main__",
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names.split()}


def folders(package: Path) -> dict[Path, str]:
    return {
        path: path.relative_to(package).parts[0].removesuffix(".py")
        for path in sorted(package.rglob("*.py"))
        if path != package / "__init__.py"
    }


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PACKAGE}."):
            found.add((node.module or "").split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith(f"{PACKAGE}.")}
    return found


def test_every_folder_has_a_layer(repository: Path) -> None:
    assert set(folders(repository / PACKAGE).values()) == set(LEVEL)


def test_imports_come_from_earlier_groups(repository: Path) -> None:
    upwards = [
        f"{path.relative_to(repository)} imports {other}"
        for path, own in folders(repository / PACKAGE).items()
        for other in imported(path) - {own}
        if LEVEL.get(other, len(LAYERS)) >= LEVEL[own]
    ]
    assert not upwards, "\n".join(upwards)


@pytest.mark.parametrize("line", ["from oolong_align.cli import main", "import oolong_align.cli.main"])
def test_an_import_inside_a_function_counts(line: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(f"def function():\n    {line}\n")
    assert imported(tmp_path / "module.py") == {"cli"}
