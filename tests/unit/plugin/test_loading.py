"""Plugins as they are installed: a module with entry points on the import path."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from oolong_align.api.hosting import load_host
from oolong_align.errors import PluginError, UsageError
from oolong_align.plugin.host import Host

Install = Callable[..., None]
# Plugins of the environment that runs the tests are disabled.
ENVIRONMENT = {each.name for each in entry_points(group="oolong_align")}

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


def load(*disabled: str) -> Host:
    return load_host(disabled=ENVIRONMENT.union(disabled))


def names(*disabled: str) -> list[str]:
    return [row.owner.name for row in load(*disabled).plugins()]


def test_plugins_are_found_by_their_entry_points(install: Install) -> None:
    install("beta")
    install("alpha", version="2.1")
    assert names() == ["core", "alpha", "beta"]
    host = load()
    assert "oolong-test-alpha" in host.formats()
    owner = next(row.owner for row in host.plugins() if row.owner.name == "alpha")
    assert (owner.distribution, owner.version) == ("oolong-test-alpha", "2.1")


def test_plugins_can_be_disabled(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("alpha")
    install("beta")
    assert [row.owner.name for row in load_host(plugins=False).plugins()] == ["core"]
    assert names("alpha") == ["core", "beta"]
    monkeypatch.setenv("OOLONG_PLUGINS", " beta ,")
    assert names() == ["core", "beta"]
    assert names("beta") == ["core"]
    monkeypatch.setenv("OOLONG_PLUGINS", "")
    assert names() == ["core", "alpha", "beta"]


@pytest.mark.parametrize(
    ("code", "target", "message"),
    [
        ("import nowhere", "", "cannot be imported: ModuleNotFoundError: No module named 'nowhere'"),
        ("raise SystemExit(3)", "", "cannot be imported: SystemExit: 3"),
        ("def broken(:", "", "cannot be imported: SyntaxError"),
        ("", ":missing", "cannot be imported: AttributeError"),
        (GOOD.replace("oolong_formats", "oolong_format"), "", "cannot be registered: unknown hook 'oolong_format'"),
        ("class Plugin: pass", ":Plugin", "cannot be registered: the entry point names a class"),
    ],
)
def test_a_broken_plugin_stops_the_run_with_advice(install: Install, code: str, target: str, message: str) -> None:
    install("alpha", code, module=f"oolong_broken_{abs(hash((code, target)))}", target=target)
    with pytest.raises(PluginError) as caught:
        load()
    text = str(caught.value)
    assert text.startswith("Plugin 'alpha' (oolong-broken-")
    assert "1.0) " + message in text
    assert text.endswith(". Run without it: -p no:alpha")
    assert "\n" not in text
    assert names("alpha") == ["core"]
    assert [row.owner.name for row in load_host(plugins=False).plugins()] == ["core"]


def test_the_error_for_one_name_names_both_distributions(install: Install) -> None:
    install("alpha", module="oolong_test_one")
    install("alpha", module="oolong_test_two")
    with pytest.raises(PluginError, match=r"name 'alpha': oolong-test-one and oolong-test-two\. Uninstall one"):
        load()


def test_names_that_are_not_installed_are_usage_errors(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("alpha")
    with pytest.raises(UsageError, match=r"Unknown plugin 'alhpa' in -p no:alhpa\. Installed: .*alpha"):
        load("alhpa")
    with pytest.raises(UsageError, match="built-in plugin cannot be disabled"):
        load("core")
    monkeypatch.setenv("OOLONG_PLUGINS", "alpha,gamma")
    with pytest.raises(UsageError, match="Unknown plugin 'gamma' in OOLONG_PLUGINS=gamma"):
        load()
