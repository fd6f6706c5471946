"""``oolong`` and ``oolong-transcribe``: parse, run, and turn every error into one line and an exit code.

Exit codes: 0 all went well, 1 a recording or a model failed, 2 wrong usage, 3 a plugin failed, 130 interrupted.
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
_GROUP_ALONE: Final = getattr(click.exceptions, "NoArgsIsHelpError", ())  # before click 8.2 nothing is raised


def main(arguments: Sequence[str] | None = None, *, host: Host | None = None) -> int:
    """Run ``oolong``; gives the exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; by default the process's own.
    host : Host, optional
        Instead of one with the installed plugins.
    """
    return _run(arguments, host, build_cli, "oolong")


def transcribe_main(arguments: Sequence[str] | None = None, *, host: Host | None = None) -> int:
    """Run ``oolong-transcribe``, which is ``oolong transcribe``; gives the exit code."""

    def build(host: Host) -> click.Command:
        command = _transcribe(host)
        command.params.append(_version_option())
        return command

    return _run(arguments, host, build, "oolong-transcribe")


def build_cli(host: Host) -> click.Group:
    """Make the group ``oolong`` with the commands of the core and of the plugins."""

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
        help="Who said what: transcription with speakers, offline, on an ordinary CPU.",
        params=[_version_option(), *plugin_options()],
        callback=_overview,
        invoke_without_command=True,
        context_settings=dict(SETTINGS),
        lazy={
            "transcribe": ("Transcribe recordings and say who speaks.", lambda: _transcribe(host)),
            "diarize": ("Say who speaks when, without words.", diarize),
            "align": ("Say who said the words of another recogniser.", align),
            "vad": ("Say where somebody speaks.", vad),
            "edit": ("Correct a result, and write any format of it.", edit),
            "speakers": ("List, teach, name and forget the voices of a library.", speakers),
            "models": ("List, fetch and check the model files.", models),
            "plugins": ("List the installed plugins and their hooks.", plugins),
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
        ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=show, help="Print the version."
    )


def _overview(**_: Any) -> None:
    """Answer ``oolong``."""
    context = click.get_current_context()
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def _run(given: Sequence[str] | None, host: Host | None, build: Callable[[Host], click.Command], program: str) -> int:
    arguments = sys.argv[1:] if given is None else list(given)
    _open_streams()
    terminal = Terminal(debug="--debug" in arguments)
    command: click.Command | None = None
    with _stopped_by_sigterm(), warnings.catch_warnings():
        warnings.simplefilter("always" if terminal.debug else "ignore")
        warnings.simplefilter("always", OolongWarning)
        warnings.showwarning = _shower(terminal)
        try:
            if host is None:
                host = load_host(plugins=not _switched_off(arguments), disabled=_disabled(arguments))
            command = build(host)
            code = command.main(arguments, prog_name=program, standalone_mode=False, obj=terminal)
            sys.stdout.flush()
        except click.ClickException as error:
            if isinstance(error, _GROUP_ALONE):
                click.echo(error.format_message())  # the help, as of ``oolong`` alone
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
            return _leave_stdout()
        except Exception as error:  # noqa: BLE001  the last one to catch it
            if isinstance(error.__cause__, KeyboardInterrupt):  # what the import of a native module makes of one
                terminal.line("oolong: interrupted")
                return INTERRUPTED
            if isinstance(error, OSError) and error.filename is None and error.errno in _UNWRITABLE:
                terminal.error(OutputError(f"stdout: cannot be written: {error.strerror}; write to a file with room"))
                return _leave_stdout()
            invoked = command.invoked if isinstance(command, LazyGroup) else None
            blamed = host.blame_command(invoked, error) if host is not None else None
            if blamed is not None:
                terminal.error(blamed)
                return blamed.exit_code
            terminal.error(error)
            terminal.info("oolong: this is a bug; please report it with what --debug prints")
            return 1
    return code if isinstance(code, int) else 0


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end a run as Ctrl-C does, so that nothing half-written and no temporary file is left."""
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


def _shower(terminal: Terminal) -> Callable[..., None]:
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


def _switched_off(arguments: Sequence[str]) -> bool:
    """Whether ``--no-plugins`` is given; plugins change the options, so this is read before they are parsed."""
    return any(each in ("--no-plugins", "--no_plugins") for each in _before_dashes(arguments))


def _disabled(arguments: Sequence[str]) -> list[str]:
    """Names that ``-p no:NAME`` gives, before the options are parsed."""
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
    """Open the streams that a process was started without, so that no file takes their numbers or their texts.

    Nothing is lost silently: what is written to this stdout is an error.
    """
    for name, flags, mode in (("stdin", os.O_RDONLY, "r"), ("stdout", os.O_RDONLY, "w"), ("stderr", os.O_WRONLY, "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, flags), mode, encoding="utf-8", closefd=False))


def _leave_stdout() -> int:
    """Whoever read the results has seen enough, or there is no room; nothing may be flushed to it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1
