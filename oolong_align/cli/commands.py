"""Building blocks: a group that builds a command when it is needed, grouped help, options of several commands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import click

from oolong_align.builtin.params import LocalFile
from oolong_align.plugin.entries import PluginOption
from oolong_align.util.files import local_path

__all__ = [
    "SETTINGS",
    "STDOUT",
    "GroupedCommand",
    "LazyGroup",
    "files_argument",
    "make_command",
    "output_dir_option",
    "plugin_options",
    "shared_options",
    "timing_option",
]

STDOUT: Final = Path("-")
SETTINGS: Final[Mapping[str, Any]] = {
    "help_option_names": ["-h", "--help"],
    # --num-speakers and --num_speakers are one option.
    "token_normalize_func": lambda token: token.replace("-", "_"),
    "max_content_width": 110,
}


class LazyGroup(click.Group):
    """A group that lists commands by a summary and builds each one when it is called."""

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, Callable[[], click.Command]]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.invoked: str | None = None  # which command runs or ran
        # Placeholders make a taken name visible to who adds commands.
        self._lazy = {name: (click.Command(name, help=summary), build) for name, (summary, build) in lazy.items()}
        for placeholder, _ in self._lazy.values():
            self.add_command(placeholder)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of their registration: the core's first."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command to run, and build it."""
        name, command, rest = super().resolve_command(ctx, args)
        self.invoked = name
        for placeholder, build in self._lazy.values():
            if command is placeholder:
                command = build()
        return name, command, rest


class GroupedCommand(click.Command):
    """A command whose help lists options under headings."""

    def __init__(self, *args: Any, headings: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._headings = headings

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, heading by heading."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                groups.setdefault(self._headings.get(str(parameter.name), "Other options"), []).append(record)
        for heading, records in sorted(groups.items(), key=lambda group: group[0] == "Other options"):
            with formatter.section(heading):
                formatter.write_dl(records)


def make_command(
    name: str,
    callback: Callable[..., Any],
    summary: str,
    *,
    options: Iterable[PluginOption],
    own: Iterable[click.Parameter],
    headings: Mapping[str, str] = MappingProxyType({}),
) -> click.Command:
    """Command with its own parameters, their headings by name, and the options that the host collected for it."""
    wanted = [each for each in options if name in each.commands]
    return GroupedCommand(
        name,
        callback=callback,
        help=summary,
        params=[*own, *(each.option for each in wanted), *shared_options()],
        headings={"output_dir": "Output", "timing": "Output", "turns": "Parts", **headings}
        | {str(each.option.name): each.heading for each in wanted},
        context_settings=dict(SETTINGS),
    )


def files_argument() -> click.Argument:
    """The recordings to work on."""
    return click.Argument(["files"], nargs=-1, required=True, type=LocalFile(), metavar="FILE...")


def output_dir_option() -> click.Option:
    """Where results go."""
    return click.Option(
        ["--output_dir", "-o"],
        type=local_path,
        default=Path(),
        metavar="DIR",
        help="Folder for the results, created if needed (the current one by default); - is stdout.",
    )


def timing_option() -> click.Option:
    """Whether a table of times is wanted."""
    return click.Option(["--timing"], is_flag=True, help="Print seconds and real-time factor of each stage.")


def shared_options() -> list[click.Parameter]:
    """Options of every command that works on recordings."""
    return [
        click.Option(["--quiet", "-q"], is_flag=True, help="Neither progress nor warnings."),
        *plugin_options(),
    ]


def plugin_options() -> list[click.Parameter]:
    """Which plugins take part; ``main`` reads these before parsing, because plugins add options."""
    return [
        click.Option(["-p"], multiple=True, metavar="no:NAME", callback=_check_plugin, help="Run without a plugin."),
        click.Option(["--no-plugins"], is_flag=True, help="Run without all plugins."),
        click.Option(["--debug"], is_flag=True, help="Show the traceback of an error."),
    ]


def _check_plugin(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if not value.removeprefix("no:") or not value.startswith("no:"):
            raise click.BadParameter(f"{value!r} must be no:NAME, which leaves the plugin NAME out")
    return values
