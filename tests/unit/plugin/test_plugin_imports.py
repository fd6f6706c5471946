"""Plugins import from the public modules only, and these have what plugins need."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import oolong_align
from oolong_align import errors, hookspecs, testing, types

PUBLIC = {
    f"oolong_align{name}": set(module.__all__)
    for name, module in (
        ("", oolong_align),
        (".errors", errors),
        (".hookspecs", hookspecs),
        (".testing", testing),
        (".types", types),
    )
}


def internal_imports(path: Path) -> list[str]:
    """Names that a file imports from other modules of the package than the public ones."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "oolong_align":
            found += [f"{node.module}.{each.name}" for each in node.names]
        elif isinstance(node, ast.Import):
            found += [each.name for each in node.names if each.name.split(".")[0] == "oolong_align"]
    modules = {module.removeprefix("oolong_align.") for module in PUBLIC}
    known = {f"{module}.{name}" for module, names in PUBLIC.items() for name in {*names, *modules}}
    return [name for name in found if name not in {*known, *PUBLIC}]


def test_bundled_plugins_import_public_names_only(repository: Path) -> None:
    files = sorted((repository / "plugins").glob("*/src/**/*.py"))
    assert len({path.relative_to(repository).parts[1] for path in files}) == 5
    internal = {str(path.relative_to(repository)): names for path in files if (names := internal_imports(path))}
    assert not internal


@pytest.mark.parametrize(
    ("line", "internal"),
    [
        ("from oolong_align import Diarizer, hookspecs", []),
        ("from oolong_align.hookspecs import load_audio", []),
        ("from oolong_align.audio.recording import load_audio", ["oolong_align.audio.recording.load_audio"]),
        ("from oolong_align import formats", ["oolong_align.formats"]),
        ("def function():\n    import oolong_align.timing.grid", ["oolong_align.timing.grid"]),
        ("from oolong_align.hookspecs import import_module", ["oolong_align.hookspecs.import_module"]),
        ("from oolong_align_redact.audio import redact", []),
    ],
)
def test_an_internal_import_is_found_anywhere_in_a_file(line: str, internal: list[str], tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text(line)
    assert internal_imports(tmp_path / "plugin.py") == internal


def test_the_tools_are_imported_on_first_use() -> None:
    code = (
        "import sys, oolong_align.hookspecs as hooks\n"
        "heavy = ('oolong_align.audio.recording', 'oolong_align.formats.json_reader', 'oolong_align.interop')\n"
        "assert not set(heavy) & set(sys.modules)\n"
        "hooks.load_audio\n"
        "assert heavy[0] in sys.modules and heavy[1] not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"'oolong_align\.hookspecs' has no attribute 'load_video'"):
        hookspecs.load_video  # noqa: B018
