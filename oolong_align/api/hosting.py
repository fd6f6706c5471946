"""Loads the host with the built-in plugin and every installed one."""

from __future__ import annotations

from collections.abc import Collection

from oolong_align.builtin.plugin import CorePlugin
from oolong_align.plugin.host import Host
from oolong_align.plugin.manager import PluginManager

__all__ = ["load_host"]


def load_host(*, plugins: bool = True, disabled: Collection[str] = ()) -> Host:
    """Load the core and every installed plugin.

    Parameters
    ----------
    plugins : bool
        False leaves out all plugins (``--no-plugins``); otherwise ``OOLONG_PLUGINS=a,b`` limits them.
    disabled : collection of str
        Names of plugins to leave out (``-p no:NAME``).

    Raises
    ------
    PluginError
        If a plugin fails to import, to register or to list what it offers.
    UsageError
        If ``disabled`` or ``OOLONG_PLUGINS`` names a plugin that is not installed.
    """
    manager = PluginManager(CorePlugin())
    if plugins:
        manager.load_entry_points(disabled=disabled)
    return Host(manager)
