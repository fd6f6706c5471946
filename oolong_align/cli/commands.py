"""Building blocks of commands: lazy command groups, help under headings, and options that several commands share."""

from __future__ import annotations

import copy
import re
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
    # --num-speakers and --num_speakers are the same option.
    "token_normalize_func": lambda token: token.replace("-", "_"),
    "max_content_width": 110,
    "show_default": True,
}
_EDITS: Final = "Edits"
_OUTPUT: Final = "Output"
_GENERAL: Final = "General"
_FIRST: Final = (_EDITS, _OUTPUT, "Transcription", "Speakers", "Subtitles", "Models and hardware", "Speech detection")
"""Headings of the help in their order; those of plugins come next."""
_LAST: Final = ("Components", "Advanced", _GENERAL)
_ADVANCED: Final = f"{__name__}.advanced"


class LazyGroup(click.Group):
    """A group that lists commands with a summary and builds a command only when it runs."""

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, Callable[[], click.Command]]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.invoked: str | None = None  # name of the command that runs or ran
        # Placeholders reserve the names, so that a plugin cannot add a second command with one of them.
        self._lazy = {name: (click.Command(name, help=summary), build) for name, (summary, build) in lazy.items()}
        for placeholder, _ in self._lazy.values():
            self.add_command(placeholder)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in order of registration: built-in commands first."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command to run and build it."""
        try:
            name, command, rest = super().resolve_command(ctx, args)
        except click.UsageError as error:
            if Path(args[0]).is_file():
                hint = f"Use `{ctx.command_path} transcribe {args[0]}`."
                raise click.UsageError(f"{error.format_message()} {hint}", ctx) from error
            raise
        self.invoked = name
        for placeholder, build in self._lazy.values():
            if command is placeholder:
                command = build()
        return name, command, rest


class GroupedCommand(click.Command):
    """A command whose help has examples and lists options under headings.

    Options that are ``hidden`` appear only with ``--help-advanced``.
    """

    def __init__(self, *args: Any, headings: Mapping[str, str], examples: Iterable[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._headings = headings
        self._examples = tuple(examples)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments. Suggestions for an unknown option leave out hidden options."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            hidden = {
                flag.replace("-", "_")
                for each in self.get_params(ctx)
                if isinstance(each, click.Option) and each.hidden
                for flag in (*each.opts, *each.secondary_opts)
            }
            visible = [each for each in error.possibilities or () if each.replace("-", "_") not in hidden]
            raise click.NoSuchOption(error.option_name, possibilities=visible, ctx=error.ctx) from error

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the summary and the examples."""
        super().format_help_text(ctx, formatter)
        if self._examples:
            with formatter.section("Examples"):
                for example in self._examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{ctx.command_path} {example}\n")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, heading by heading."""
        for heading, records in self.option_groups(ctx, advanced=bool(ctx.meta.get(_ADVANCED))).items():
            with formatter.section(heading):
                formatter.write_dl(records)

    def option_groups(self, ctx: click.Context, *, advanced: bool) -> dict[str, list[tuple[str, str]]]:
        """Return flags and help text of each option by heading, with or without expert options."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if not isinstance(parameter, click.Option):
                continue
            if parameter.hidden and advanced:
                parameter = copy.copy(parameter)
                parameter.hidden = False
            record = parameter.get_help_record(ctx)
            if record is not None:
                record = record[0], _shorten(record[1])
                groups.setdefault(self._headings.get(str(parameter.name), _GENERAL), []).append(record)
        others = [heading for heading in groups if heading not in (*_FIRST, *_LAST)]
        return {heading: groups[heading] for heading in (*_FIRST, *others, *_LAST) if heading in groups}


def _shorten(text: str) -> str:
    """Remove the range of a number from a help text, and the parentheses of a described default."""
    text = re.sub(r"(?:; |(?P<only>\s*\[))[\d.<=>]*x[\d.<=>]*\]$", lambda found: "" if found["only"] else "]", text)
    return re.sub(r"\[default: \((.*)\)\]$", r"[default: \1]", text)


def make_command(
    name: str,
    callback: Callable[..., Any],
    summary: str,
    *,
    options: Iterable[PluginOption],
    own: Iterable[click.Parameter],
    headings: Mapping[str, str] = MappingProxyType({}),
    examples: Iterable[str] = (),
) -> click.Command:
    """Create a command from its own parameters and the options that the host collected for it.

    Parameters
    ----------
    name : str
        Name of the command.
    callback : callable
        Called with the value of every parameter, by name.
    summary : str
        First paragraphs of the help.
    options : iterable of PluginOption
        Options of the built-in plugin and of other plugins; those of other commands are ignored.
    own : iterable of click.Parameter
        Parameters of this command only.
    headings : mapping of str to str
        Heading of each own parameter by name; "General" by default.
    examples : iterable of str
        Arguments of example calls.
    """
    wanted = [each for each in options if name in each.commands]
    advanced = _help_advanced_option(hidden=not any(each.option.hidden for each in wanted))
    return GroupedCommand(
        name,
        callback=callback,
        help=summary,
        params=[*own, *(each.option for each in wanted), *shared_options(), advanced],
        headings={"output_dir": _OUTPUT, "audio": _OUTPUT, **headings}
        | {str(each.option.name): each.heading for each in wanted},
        examples=examples,
        context_settings=dict(SETTINGS),
    )


def files_argument() -> click.Argument:
    """Argument for the recordings."""
    return click.Argument(["files"], nargs=-1, required=True, type=LocalFile(), metavar="FILE...")


def output_dir_option() -> click.Option:
    """Option for the folder of the results."""
    return click.Option(
        ["--output_dir", "-o"],
        type=local_path,
        default=Path(),
        metavar="DIR",
        help="Folder for the results, created if needed; use - for stdout.",
    )


def timing_option() -> click.Option:
    """Option that prints a table of times."""
    return click.Option(["--timing"], is_flag=True, help="Print the time and real-time factor of each stage.")


def shared_options() -> list[click.Parameter]:
    """Options of every command that processes recordings or results."""
    return [
        click.Option(["--quiet", "-q"], is_flag=True, help="Hide progress, summaries and warnings."),
        *plugin_options(),
    ]


def plugin_options() -> list[click.Parameter]:
    """Options that ``main`` reads before parsing, because plugins add options: disabled plugins and ``--debug``."""
    return [
        click.Option(["-p"], multiple=True, metavar="no:NAME", callback=_check_plugin, help="Disable the plugin NAME."),
        click.Option(["--no-plugins"], is_flag=True, help="Disable all plugins."),
        click.Option(["--debug"], is_flag=True, help="Show the traceback of an error."),
    ]


def _help_advanced_option(*, hidden: bool) -> click.Option:
    def show(context: click.Context, _: click.Parameter, value: bool) -> None:
        if value and not context.resilient_parsing:
            context.meta[_ADVANCED] = True
            click.echo(context.get_help())
            context.exit()

    return click.Option(
        ["--help-advanced"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        hidden=hidden,
        callback=show,
        help="Show this message with all expert options.",
    )


def _check_plugin(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if not value.removeprefix("no:") or not value.startswith("no:"):
            raise click.BadParameter(f"{value!r} is not of the form no:NAME, such as no:redact")
    return values
