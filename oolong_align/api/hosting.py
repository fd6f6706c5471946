"""The host with the built-in plugin and all installed ones."""

from __future__ import annotations

from collections.abc import Collection

from oolong_align.builtin.plugin import CorePlugin
from oolong_align.plugin.host import Host
from oolong_align.plugin.manager import PluginManager

__all__ = ["load_host"]


def load_host(*, plugins: bool = True, disabled: Collection[str] = ()) -> Host:
    """Load the built-in plugin and the installed ones.

    Parameters
    ----------
    plugins : bool
        Whether to load installed plugins (``--no-plugins``). ``OOLONG_PLUGINS=a,b`` limits them to these names.
    disabled : collection of str
        Names of plugins to skip (``-p no:NAME``).

    Raises
    ------
    PluginError
        If a plugin cannot be imported or registered, or fails to list its entries.
    UsageError
        If ``disabled`` or ``OOLONG_PLUGINS`` contains a plugin that is not installed.
    """
    manager = PluginManager(CorePlugin())
    if plugins:
        manager.load_entry_points(disabled=disabled)
    return Host(manager)
