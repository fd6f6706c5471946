"""``oolong`` and its shortcuts: parse, run, and report every error as one line and an exit code.

Exit codes: 0 success, 1 a recording or a model failed, 2 usage error, 3 a plugin failed, 130 interrupted.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, TextIO

import click

from oolong_align.api.hosting import load_host
from oolong_align.cli.commands import SETTINGS, LazyGroup, plugin_options
from oolong_align.cli.terminal import Terminal
from oolong_align.errors import OolongError, OolongWarning, OutputError
from oolong_align.plugin.host import Host
from oolong_align.version import __version__

__all__ = ["build_cli", "main", "transcribe_main"]

INTERRUPTED: Final = 130
_UNWRITABLE: Final = frozenset((errno.ENOSPC, errno.EFBIG, errno.EIO, errno.EBADF))
_GROUP_WITHOUT_COMMAND: Final = getattr(click.exceptions, "NoArgsIsHelpError", ())  # before click 8.2 nothing is raised


def main(arguments: Sequence[str] | None = None, *, host: Host | None = None) -> int:
    """Run ``oolong`` and return the exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Arguments without the program name; those of the process by default.
    host : Host, optional
        Host to use instead of one with the installed plugins.
    """
    return _run(arguments, host, build_cli, "oolong")


def transcribe_main(
    arguments: Sequence[str] | None = None, *, host: Host | None = None, program: str = "oolong-transcribe"
) -> int:
    """Run ``oolong transcribe`` under the name ``program`` and return the exit code."""

    def build(host: Host) -> click.Command:
        command = _transcribe(host)
        command.params.append(_version_option())
        return command

    return _run(arguments, host, build, program)


def build_cli(host: Host) -> click.Group:
    """Create the group ``oolong`` with the built-in commands and those of plugins."""

    def diarize() -> click.Command:
        from oolong_align.cli.run_commands import diarize_command

        return diarize_command(host)

    def align() -> click.Command:
        from oolong_align.cli.align_command import align_command

        return align_command(host)

    def vad() -> click.Command:
        from oolong_align.cli.vad_command import vad_command

        return vad_command(host)

    def edit() -> click.Command:
        from oolong_align.cli.edit_command import edit_command

        return edit_command(host)

    def models() -> click.Command:
        from oolong_align.cli.models_command import models

        return models

    def speakers() -> click.Command:
        from oolong_align.cli.speakers_command import speakers_command

        return speakers_command(host)

    def plugins() -> click.Command:
        from oolong_align.cli.plugins_command import plugins_command

        return plugins_command(host)

    cli = LazyGroup(
        "oolong",
        help="Transcribe recordings with speaker labels, offline, on an ordinary CPU.\n\nStart with `oolong transcribe "
        "FILE --srt`. Every command has its own --help.",
        params=[_version_option(), *plugin_options()],
        callback=_overview,
        invoke_without_command=True,
        context_settings=dict(SETTINGS),
        lazy={
            "transcribe": ("Transcribe recordings with speaker labels.", lambda: _transcribe(host)),
            "diarize": ("Detect who speaks when, without words.", diarize),
            "align": ("Add speakers to the transcript of another recogniser.", align),
            "vad": ("Detect speech.", vad),
            "edit": ("Correct a result, or export it to other formats.", edit),
            "speakers": ("Manage a voice library.", speakers),
            "models": ("List, fetch and verify model files.", models),
            "plugins": ("List installed plugins and their hooks.", plugins),
        },
    )
    host.commands(cli)
    return cli


def _transcribe(host: Host) -> click.Command:
    from oolong_align.cli.run_commands import transcribe_command

    return transcribe_command(host)


def _version_option() -> click.Option:
    def show(context: click.Context, _: click.Parameter, value: bool) -> None:
        if value and not context.resilient_parsing:
            click.echo(f"oolong {__version__}")
            context.exit()

    return click.Option(
        ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=show, help="Show the version and exit."
    )


def _overview(**_: Any) -> None:
    """Print the help of ``oolong`` if no command is given."""
    context = click.get_current_context()
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def _run(given: Sequence[str] | None, host: Host | None, build: Callable[[Host], click.Command], program: str) -> int:
    arguments = sys.argv[1:] if given is None else list(given)
    _open_streams()
    terminal = Terminal(debug="--debug" in arguments)
    command: click.Command | None = None
    with _interrupted_by_sigterm(), warnings.catch_warnings():
        warnings.simplefilter("always" if terminal.debug else "ignore")
        warnings.simplefilter("always", OolongWarning)
        warnings.showwarning = _warning_printer(terminal)
        try:
            if host is None:
                host = load_host(plugins=not _plugins_disabled(arguments), disabled=_disabled(arguments))
            command = build(host)
            code = command.main(arguments, prog_name=program, standalone_mode=False, obj=terminal)
            sys.stdout.flush()
        except click.ClickException as error:
            if isinstance(error, _GROUP_WITHOUT_COMMAND):
                click.echo(error.format_message())  # the help of the group
                return 0
            context = getattr(error, "ctx", None)
            hint = f" (see {context.command_path} --help)" if context is not None else ""
            terminal.line(f"oolong: error: {' '.join(error.format_message().split())}{hint}")
            return error.exit_code
        except OolongError as error:
            terminal.error(error)
            return error.exit_code
        except (KeyboardInterrupt, click.Abort):
            terminal.line("oolong: interrupted")
            return INTERRUPTED
        except BrokenPipeError:
            return _discard_stdout()
        except Exception as error:  # noqa: BLE001  last resort
            if isinstance(error.__cause__, KeyboardInterrupt):  # native modules wrap it if it interrupts their import
                terminal.line("oolong: interrupted")
                return INTERRUPTED
            if isinstance(error, OSError) and error.filename is None and error.errno in _UNWRITABLE:
                terminal.error(OutputError(f"Could not write to stdout ({error.strerror}). Write to a file instead."))
                return _discard_stdout()
            invoked = command.invoked if isinstance(command, LazyGroup) else None
            blamed = host.blame_command(invoked, error) if host is not None else None
            if blamed is not None:
                terminal.error(blamed)
                return blamed.exit_code
            terminal.error(error)
            terminal.info("oolong: This is a bug. Please report it with the output of --debug.")
            return 1
    return code if isinstance(code, int) else 0


@contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """Handle SIGTERM like Ctrl-C, so that no half-written and no temporary file is left."""
    process = os.getpid()

    def interrupt(number: int, frame: FrameType | None) -> None:
        if os.getpid() == process:
            raise KeyboardInterrupt
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    before = signal.getsignal(signal.SIGTERM)
    ours = threading.current_thread() is threading.main_thread() and before in (signal.SIG_DFL, signal.SIG_IGN)
    if ours:
        signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGTERM, before)


def _warning_printer(terminal: Terminal) -> Callable[..., None]:
    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        terminal.warn(str(message))

    return show


def _plugins_disabled(arguments: Sequence[str]) -> bool:
    """Whether ``--no-plugins`` is given; read before parsing, because plugins add options."""
    return any(each in ("--no-plugins", "--no_plugins") for each in _before_dashes(arguments))


def _disabled(arguments: Sequence[str]) -> list[str]:
    """Names in ``-p no:NAME``, read before parsing."""
    values = []
    given = _before_dashes(arguments)
    for index, each in enumerate(given):
        if each == "-p":
            values += given[index + 1 : index + 2]
        elif each.startswith("-p"):
            values.append(each[2:])
    return [value.removeprefix("no:") for value in values if value.startswith("no:")]


def _before_dashes(arguments: Sequence[str]) -> list[str]:
    given = list(arguments)
    return given[: given.index("--")] if "--" in given else given


def _open_streams() -> None:
    """Open standard streams that are closed, so that no file gets their descriptors and their output.

    A replacement of stdout is read-only: writing to it is an error, so that no result is lost silently.
    """
    for name, flags, mode in (("stdin", os.O_RDONLY, "r"), ("stdout", os.O_RDONLY, "w"), ("stderr", os.O_WRONLY, "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, flags), mode, encoding="utf-8", closefd=False))


def _discard_stdout() -> int:
    """Redirect a closed or full stdout to the null device, so that exiting does not flush to it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1
