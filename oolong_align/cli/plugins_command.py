"""``oolong plugins``: list installed plugins and their hooks."""

from __future__ import annotations

import sys

import click

from oolong_align.cli.commands import SETTINGS, plugin_options
from oolong_align.plugin.host import Host
from oolong_align.util.tables import print_table

__all__ = ["plugins_command"]


def plugins_command(host: Host) -> click.Command:
    """Create the command ``oolong plugins``."""

    def plugins(**_: object) -> int:
        rows = [
            (
                row.owner.name,
                row.owner.version or "",
                row.owner.distribution or "",
                " ".join(hook.removeprefix("oolong_") for hook in row.hooks),
                " ".join(hook.removeprefix("oolong_") for hook in row.wrappers),
            )
            for row in host.plugins()
        ]
        print_table(("name", "version", "distribution", "hooks", "wrappers"), rows, sys.stdout)
        return 0

    return click.Command(
        "plugins",
        callback=plugins,
        help="List installed plugins with the hooks that they implement and wrap.",
        params=plugin_options(),
        context_settings=dict(SETTINGS),
    )
