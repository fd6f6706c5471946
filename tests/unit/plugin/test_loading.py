"""Plugins as they are installed: a module and its entry points on the import path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from oolong_align.api.hosting import load_host
from oolong_align.errors import PluginError, UsageError

Install = Callable[..., None]

GOOD = """
from oolong_align.hookspecs import OutputFormat, hookimpl

@hookimpl
def oolong_formats():
    return [OutputFormat(__name__.replace("_", "-"), "." + __name__, "x", lambda transcript: "")]
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delenv("OOLONG_PLUGINS", raising=False)

    def write(
        name: str, code: str = GOOD, *, module: str | None = None, target: str = "", version: str = "1.0"
    ) -> None:
        module = module or f"oolong_test_{name}"
        (site / f"{module}.py").write_text(code)
        info = site / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module.replace('_', '-')}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[oolong_align]\n{name} = {module}{target}\n")

    return write


def names(**kwargs: object) -> list[str]:
    found = [row.owner.name for row in load_host(**kwargs).plugins()]
    return [name for name in found if name in ("core", "alpha", "beta")]


def test_plugins_are_found_by_their_entry_points(install: Install) -> None:
    install("beta")
    install("alpha", version="2.1")
    assert names() == ["core", "alpha", "beta"]
    host = load_host()
    assert "oolong-test-alpha" in host.formats()
    owner = next(row.owner for row in host.plugins() if row.owner.name == "alpha")
    assert (owner.distribution, owner.version) == ("oolong-test-alpha", "2.1")


def test_plugins_can_be_left_out(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("alpha")
    install("beta")
    assert names(plugins=False) == ["core"]
    assert names(disabled=["alpha"]) == ["core", "beta"]
    monkeypatch.setenv("OOLONG_PLUGINS", " beta ,")
    assert names() == ["core", "beta"]
    assert names(disabled=["beta"]) == ["core"]
    monkeypatch.setenv("OOLONG_PLUGINS", "")
    assert names() == ["core", "alpha", "beta"]


@pytest.mark.parametrize(
    ("code", "target", "message"),
    [
        ("import nowhere", "", "cannot be imported: ModuleNotFoundError: No module named 'nowhere'"),
        ("raise SystemExit(3)", "", "cannot be imported: SystemExit: 3"),
        ("def broken(:", "", "cannot be imported: SyntaxError"),
        ("", ":missing", "cannot be imported: AttributeError"),
        (GOOD.replace("oolong_formats", "oolong_format"), "", "does not fit: unknown hook 'oolong_format'"),
        ("class Plugin: pass", ":Plugin", "does not fit: the entry point names a class"),
    ],
)
def test_a_broken_plugin_stops_the_run_and_says_how_to_go_on(
    install: Install, code: str, target: str, message: str
) -> None:
    install("alpha", code, module=f"oolong_broken_{abs(hash((code, target)))}", target=target)
    with pytest.raises(PluginError) as caught:
        load_host()
    text = str(caught.value)
    assert text.startswith("plugin 'alpha' (oolong-broken-")
    assert "1.0) " + message in text
    assert text.endswith("; run without it: -p no:alpha")
    assert "\n" not in text
    assert names(disabled=["alpha"]) == ["core"]
    assert names(plugins=False) == ["core"]


def test_one_name_from_two_distributions_names_both(install: Install) -> None:
    install("alpha", module="oolong_test_one")
    install("alpha", module="oolong_test_two")
    with pytest.raises(PluginError, match="name 'alpha': oolong-test-one and oolong-test-two; uninstall one"):
        load_host()


def test_names_that_are_not_installed_are_usage_errors(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("alpha")
    with pytest.raises(UsageError, match=r"-p no:alhpa: no such plugin is installed; installed: .*alpha"):
        load_host(disabled=["alhpa"])
    with pytest.raises(UsageError, match="core's own defaults cannot be switched off"):
        load_host(disabled=["core"])
    monkeypatch.setenv("OOLONG_PLUGINS", "redact")
    with pytest.raises(UsageError, match="OOLONG_PLUGINS=redact: no such plugin"):
        load_host()
