from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from oolong_align import __version__

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def test_the_version_is_that_of_the_installed_distribution() -> None:
    assert __version__ == version("oolong-align")


def test_a_checkout_without_an_installation_has_the_fallback_version(repository: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(repository)!r}); import oolong_align; print(oolong_align.__version__)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    project = tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))
    fallback = project["tool"]["hatch"]["version"]["fallback-version"]
    assert done.stdout.strip() == fallback
    assert "dev" in fallback
